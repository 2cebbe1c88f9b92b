"""Signed reports that came as messages: which study each is of, and whether it counts.

A report is a row before its sender is answered; its message is synced in the spool by then. It may come before, after
or without its study: whenever something has changed that matters for it, it is `due` to be looked at.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.reviews import add_review
from node.ledger.succession import replace_reports, replace_reviews
from node.reviews import Heard, Review
from node.states import SETTLED, StudyState

#: Why a report counts for nothing.
OTHER_PATIENT = "its patient is not that of the study"
SEVERAL = "several studies have its accession number, and it does not say which it is of"
NOT_HERE = "no study that it names is here"
NAMES_NONE = "it names no study: neither Study Instance UID nor accession number and patient ID"
ASIDE = "ASIDE"


@dataclass(frozen=True)
class ReportRow:
    """A report as the ledger has it. `reason`: why it counts for nothing; empty when it was read, or is to be."""

    id: int
    source: str
    peer: str
    control_id: str
    place: int
    path: str
    status: str
    study_instance_uid: str
    reason: str
    replaced: int
    adds: int
    due: int
    read_at: float | None
    received_at: float

    @property
    def origin(self) -> str:
        """Of what is read of it."""
        return f"report message {self.id}"


@dataclass(frozen=True)
class Match:
    """Which study a report is of. Attributes: study_instance_uid: empty: none, for `reason`; settled: it has ended."""

    study_instance_uid: str
    reason: str = ""
    settled: bool = False


class Reports:
    """Reads and writes them; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def came(self, heard: Heard) -> bool:
        """Whether that message came before."""
        with self._database.reading() as connection:
            return _came(connection, heard)

    def record(self, heard: Heard) -> bool:
        """The reports of a message, in one commit: when it returns, it may be acknowledged. False: it came before."""
        with self._database.write() as connection:
            return _record(connection, heard)

    def knows(self, path: str) -> bool:
        """Whether a row names that file of the spool."""
        return bool(self._database.read("SELECT 1 FROM reports WHERE path = ? AND path != '' LIMIT 1", path))

    def due(self, count: int = 100) -> list[ReportRow]:
        """Those that are to be looked at: addenda last, so that theirs is the last word, and what was told first."""
        return self._rows("WHERE due > 0 ORDER BY adds, told_at, sent_at, id LIMIT ?", count)

    def of_study(self, uid: str) -> list[ReportRow]:
        """All that are of a study, the oldest first."""
        return self._rows("WHERE study_instance_uid = ? AND study_instance_uid != '' ORDER BY id", uid)

    def latest(self, count: int, *, unmatched: bool = False) -> list[ReportRow]:
        """The newest first. Args: unmatched: only those that are of no study that is here."""
        where = "WHERE study_instance_uid = '' AND replaced = 0 AND status != 'ASIDE' " if unmatched else ""
        return self._rows(f"{where}ORDER BY {'received_at' if unmatched else 'id'} DESC LIMIT ?", count)

    def match(self, row: ReportRow) -> Match:
        """Which study it is of, as things are."""
        with self._database.reading() as connection:
            return _match(connection, row.id)

    def settle(self, row: ReportRow, match: Match, taken: Sequence[Review], reason: str = "") -> list[Review]:
        """It was looked at: what it said before counts no more, unless it is among what is taken; what was new.

        Nothing when something has changed meanwhile: then it is due again.

        Args:
            row: as it was when it was due.
            match: the study it is of.
            taken: what it says of answers of that study.
            reason: why it counts for nothing; empty: it was read.
        """
        uid, read_at = match.study_instance_uid, None if reason else time.time()
        with self._database.write() as connection:
            sql = (
                "UPDATE reports SET due = 0, study_instance_uid = ?, reason = ?, read_at = coalesce(?, read_at)"
                " WHERE id = ? AND due = ? AND replaced = 0"
            )
            if not connection.execute(sql, (uid, reason, read_at, row.id, row.due)).rowcount:
                return []
            if uid and uid != row.study_instance_uid:
                add_event(connection, "report matched", uid, source=row.source, peer=row.peer, status=row.status)
            replace_reviews(connection, row.origin, {one.answer.analysis_id for one in taken})
            new = [review for review in taken if add_review(connection, uid, review)]
            if read_at is not None and row.read_at is None:
                add_event(connection, "report read", uid, source=row.source, findings=len(taken))
            return new

    # Retention

    def files_of(self, uid: str) -> list[str]:
        """The messages that no other study's report is in."""
        rows = self._database.read(
            "SELECT DISTINCT path FROM reports r WHERE study_instance_uid = ? AND path != '' AND NOT EXISTS (SELECT 1"
            " FROM reports o WHERE o.path = r.path AND o.path != '' AND o.study_instance_uid != r.study_instance_uid)",
            uid,
        )
        return [row["path"] for row in rows]

    def files_gone(self, uid: str) -> None:
        """The messages of a study were removed; the rows stay."""
        if self._database.read("SELECT 1 FROM reports WHERE study_instance_uid = ? AND path != '' LIMIT 1", uid):
            with self._database.write() as connection:
                connection.execute("UPDATE reports SET path = '' WHERE study_instance_uid = ?", (uid,))

    def expired(self, before: float, count: int = 200) -> list[ReportRow]:
        """Those of no study that is here, or of one whose files are gone, that came before that time."""
        return [
            *self._rows(
                "WHERE study_instance_uid = '' AND received_at < ? ORDER BY received_at LIMIT ?", before, count
            ),
            *self._rows(
                "WHERE path != '' AND received_at < ? AND EXISTS (SELECT 1 FROM studies s"
                " WHERE s.study_instance_uid = reports.study_instance_uid AND s.purged = 1)"
                " ORDER BY received_at LIMIT ?",
                before,
                count,
            ),
        ]

    def others_need(self, row: ReportRow, before: float) -> bool:
        """Whether the message of an expired report has another one in it that is to stay."""
        sql = "SELECT 1 FROM reports WHERE path = ? AND path != '' AND id != ? AND received_at >= ? LIMIT 1"
        of_study = "SELECT 1 FROM reports r JOIN studies s ON s.study_instance_uid = r.study_instance_uid"
        of_study += " WHERE r.path = ? AND r.path != '' AND r.id != ? AND s.purged != 1 LIMIT 1"
        return bool(
            self._database.read(sql, row.path, row.id, before) or self._database.read(of_study, row.path, row.id)
        )

    def forget(self, rows: Sequence[ReportRow]) -> None:
        """Their messages are removed: those of no study are forgotten, of the others the rows stay."""
        with self._database.write() as connection:
            for row in rows:
                connection.execute("UPDATE reports SET path = '' WHERE id = ?", (row.id,))
                connection.execute("DELETE FROM reports WHERE id = ? AND study_instance_uid = ''", (row.id,))

    def _rows(self, where: str, *values: object) -> list[ReportRow]:
        rows = self._database.read(f"SELECT * FROM reports {where}", *values)  # noqa: S608  our words
        return [ReportRow(**{name: row[name] for name in ReportRow.__dataclass_fields__}) for row in rows]


def study_came(connection: sqlite3.Connection, uid: str, order_key: str) -> None:
    """Reports that wait for a study are due, in the caller's transaction."""
    connection.execute(
        "UPDATE reports SET due = due + 1 WHERE id IN (SELECT report FROM report_names WHERE name IN (?, ?))"
        " AND status != 'ASIDE' AND replaced = 0",
        (uid, order_key),
    )


def study_settled(connection: sqlite3.Connection, uid: str) -> None:
    """Everything of a study has been answered: its reports are due, in the caller's transaction."""
    sql = (
        "UPDATE documents SET due = due + 1 WHERE study_instance_uid = ? AND (signed = 1 OR read = 0) AND replaced = 0"
    )
    connection.execute(sql, (uid,))
    sql = "UPDATE reports SET due = due + 1 WHERE study_instance_uid = ? AND status != 'ASIDE' AND replaced = 0"
    connection.execute(sql, (uid,))


def _came(connection: sqlite3.Connection, heard: Heard) -> bool:
    sql = "SELECT 1 FROM reports WHERE source = ? AND control_id = ? AND sha256 = ? LIMIT 1"
    return connection.execute(sql, (heard.source, heard.control_id, heard.sha256)).fetchone() is not None


def _record(connection: sqlite3.Connection, heard: Heard) -> bool:
    if _came(connection, heard):
        add_event(connection, "report received again", source=heard.source, peer=heard.peer)
        return False
    for place, one in enumerate(heard.reports):
        row = {
            "source": heard.source,
            "peer": heard.peer,
            "control_id": heard.control_id,
            "sha256": heard.sha256,
            "place": place,
            "path": heard.path,
            "status": str(one.status),
            "report_key": one.report_key,
            "told_at": one.told_at,
            "sent_at": one.sent_at,
            "patients": json.dumps(one.patients),
            "reason": one.reason,
            "adds": int(one.adds),
            "takes_back": int(one.takes_back),
            "due": int(one.status != ASIDE),
            "received_at": time.time(),
        }
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        sql = f"INSERT INTO reports ({names}) VALUES ({marks})"  # noqa: S608  our names
        number = connection.execute(sql, tuple(row.values())).lastrowid
        sql = "INSERT OR IGNORE INTO report_names (name, report, place) VALUES (?, ?, ?)"
        connection.executemany(sql, [(name, number, at) for at, name in enumerate(one.names)])
        uid = _match(connection, int(number or 0)).study_instance_uid
        connection.execute("UPDATE reports SET study_instance_uid = ? WHERE id = ?", (uid, number))
        about = {"peer": heard.peer, "status": str(one.status), "reason": one.reason}
        add_event(connection, "report received", uid, None, source=heard.source, **about)
        if one.status != ASIDE and one.report_key:
            replace_reports(connection, int(number or 0), uid)
    return True


def _match(connection: sqlite3.Connection, number: int) -> Match:
    """The first of its names that a study has decides."""
    row = connection.execute("SELECT patients FROM reports WHERE id = ?", (number,)).fetchone()
    patients = json.loads(row["patients"]) if row else []
    sql = "SELECT name FROM report_names WHERE report = ? ORDER BY place"
    names = [one["name"] for one in connection.execute(sql, (number,))]
    for name in names:
        key = "study_instance_uid = ?" if "." in name else "order_key = ? AND order_key != ''"
        sql = f"SELECT study_instance_uid, state, person_key FROM studies WHERE {key} AND images > 0"  # noqa: S608
        found = connection.execute(sql, (name,)).fetchall()
        if not found:
            continue
        fitting = [one for one in found if not (patients and one["person_key"]) or one["person_key"] in patients]
        if len(fitting) != 1:
            return Match("", SEVERAL if fitting else OTHER_PATIENT)
        settled = StudyState(fitting[0]["state"]) in SETTLED
        return Match(fitting[0]["study_instance_uid"], settled=settled)
    return Match("", NOT_HERE if names else NAMES_NONE)
