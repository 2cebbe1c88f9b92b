"""Reviews: reports that are to be read, what readers said of our answers, and the last word on each.

Every review is a row and a line of the trail. One that says what the same reader said last of the same answer changes
nothing, so that a message may be sent again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from node.claims import Outcome
from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.succession import Signed, replace_documents, replace_reviews
from node.reviews import REPORT_TEXT, Counted, Review

_LAST_WORD = (
    "SELECT r.*, s.sender FROM reviews r JOIN studies s ON s.study_instance_uid = r.study_instance_uid"
    " WHERE (r.source != '') = ? AND r.id = (SELECT max(id) FROM reviews l"
    " WHERE l.study_instance_uid = r.study_instance_uid AND l.plugin = r.plugin AND l.finding = r.finding"
    " AND l.laterality = r.laterality AND l.source = r.source AND l.replaced = 0)"
)


@dataclass(frozen=True)
class UnreadDocument:
    """A report that came in and is to be looked at. `due`: so often something has changed since it was."""

    sop_instance_uid: str
    study_instance_uid: str
    path: str
    calling_ae: str
    due: int


@dataclass(frozen=True)
class SignedRow:
    """Such a report as the operator sees it. Attributes: read, replaced: 1 when it was; received_at: epoch seconds."""

    sop_instance_uid: str
    read: int
    replaced: int
    received_at: float


@dataclass(frozen=True)
class ReviewRow:
    """A review as the operator sees it. `truth` is empty when it does not follow, `stated` when nobody said it.

    `source`: whose words rules have read, empty: a reader's own; `replaced`: 1 when the report was corrected.
    """

    id: int
    at: float
    study_instance_uid: str
    plugin: str
    plugin_version: str
    finding: str
    laterality: str
    outcome: str
    probability: float
    judgement: str
    stated: str
    truth: str
    reader: str
    origin: str
    source: str
    replaced: int


class Reviews:
    """Reads and writes reviews; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unread(self, count: int = 100) -> list[UnreadDocument]:
        """Reports that are to be looked at, the oldest first."""
        rows = self._database.read("SELECT * FROM documents WHERE due > 0 ORDER BY received_at LIMIT ?", count)
        return [UnreadDocument(**{name: row[name] for name in UnreadDocument.__dataclass_fields__}) for row in rows]

    def signed(self, uid: str) -> list[SignedRow]:
        """Structured Reports of a study that are read by their words, the oldest first."""
        sql = "SELECT * FROM documents WHERE study_instance_uid = ? AND signed = 1 ORDER BY received_at"
        names = SignedRow.__dataclass_fields__
        return [SignedRow(**{name: row[name] for name in names}) for row in self._database.read(sql, uid)]

    def read(
        self,
        document: UnreadDocument,
        taken: Sequence[Review],
        reasons: Sequence[str] = (),
        signed: Signed | None = None,
    ) -> int:
        """A report was looked at: its reviews, and why something in it is none; how many reviews were new.

        Nothing when something has changed meanwhile: then it is due again. One that is read by its words is due
        whenever its study has been answered; what it said of former answers then counts no more.
        """
        uid = document.study_instance_uid
        with self._database.write() as connection:
            sql = "UPDATE documents SET due = 0, read = ? WHERE sop_instance_uid = ? AND due = ? AND replaced = 0"
            read = int(signed is None or not signed.waits)
            if not connection.execute(sql, (read, document.sop_instance_uid, document.due)).rowcount:
                return 0
            if signed is not None:
                if replace_documents(connection, uid, document.sop_instance_uid, signed):
                    return 0
                if not signed.waits:
                    origin = REPORT_TEXT + document.sop_instance_uid
                    replace_reviews(connection, origin, {one.answer.analysis_id for one in taken})
            new = [review for review in taken if add_review(connection, uid, review)]
            if reasons:
                add_event(
                    connection,
                    "not taken as a review",
                    uid,
                    sop_instance_uid=document.sop_instance_uid,
                    calling_ae=document.calling_ae,
                    reasons=list(reasons),
                )
        return len(new)

    def add(self, uid: str, taken: Sequence[Review]) -> list[Review]:
        """Reviews of a study, all in one transaction; those that were new."""
        with self._database.write() as connection:
            return [review for review in taken if add_review(connection, uid, review)]

    def latest(self, count: int) -> list[ReviewRow]:
        """The newest reviews, newest first."""
        return [_row(row) for row in self._database.read("SELECT * FROM reviews ORDER BY id DESC LIMIT ?", count)]

    def of_study(self, uid: str) -> list[ReviewRow]:
        """All reviews of a study, oldest first."""
        sql = "SELECT * FROM reviews WHERE study_instance_uid = ? ORDER BY id"
        return [_row(row) for row in self._database.read(sql, uid)]

    def counted(self, *, by_text: bool = False) -> list[Counted]:
        """The last word on every answer that was reviewed; or, apart by source, what signed reports say in words."""
        return [
            Counted(
                plugin=row["plugin"],
                plugin_version=row["plugin_version"],
                finding=row["finding"],
                sender=row["sender"],
                outcome=Outcome(row["outcome"]),
                truth=Outcome(row["truth"]) if row["truth"] else None,
                at=row["at"],
                source=row["source"],
            )
            for row in self._database.read(_LAST_WORD, int(by_text))
        ]


def add_review(connection: sqlite3.Connection, uid: str, review: Review) -> bool:
    """In the caller's transaction; false when that reader said just this last."""
    answer = review.answer
    said = {"judgement": str(review.judgement), "stated": str(review.stated or "")}
    last = connection.execute(
        "SELECT judgement, stated FROM reviews WHERE analysis_id = ? AND finding = ? AND laterality = ?"
        " AND reader = ? AND replaced = 0 ORDER BY id DESC LIMIT 1",
        (answer.analysis_id, answer.finding, answer.laterality, review.reader),
    ).fetchone()
    if last is not None and dict(last) == said:
        return False
    row = {
        "study_instance_uid": uid,
        "analysis_id": answer.analysis_id,
        "plugin": answer.plugin,
        "plugin_version": answer.plugin_version,
        "finding": answer.finding,
        "laterality": answer.laterality,
        "outcome": str(answer.outcome),
        "probability": answer.probability,
        **said,
        "truth": str(review.truth or ""),
        "reader": review.reader,
        "origin": review.origin,
        "source": review.source,
        "at": time.time(),
    }
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO reviews ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608  our names
    told = {name: row[name] for name in ("plugin", "finding", "laterality", "outcome", "stated", "reader", "origin")}
    by = "a signed report" if review.source else "a reader"
    add_event(connection, f"finding {review.judgement} by {by}", uid, answer.analysis_id, **told)
    return True


def _row(row: sqlite3.Row) -> ReviewRow:
    return ReviewRow(**{name: row[name] for name in ReviewRow.__dataclass_fields__})
