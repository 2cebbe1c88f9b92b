"""What modalities and archives tell of studies: performed procedure steps, and which instances are available.

A signal is a row before its sender is answered. It may come before, after or without any image of its study: of itself
it makes no study, and moves none.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.purging import MISSING_FILE, PURGED
from node.signals import Availability, Kind, Named, Notification, Outcome, Step, StepStatus
from node.states import StudyState

#: Instances that all signals of one kind name of a study, and how many of them have come, set aside or not. A step may
#: belong to several studies, and does not say of which of them an image is.
_NAMED = (
    "SELECT count(*) AS instances, coalesce(sum(came), 0) AS came FROM (SELECT max("  # noqa: S608  our word
    "EXISTS (SELECT 1 FROM instances i JOIN signal_studies o ON o.study_instance_uid = i.study_instance_uid"
    " WHERE i.sop_instance_uid = n.sop_instance_uid AND o.signal = n.signal AND i.set_aside != ?3"
    f" AND i.file != '{PURGED}')"
    " OR EXISTS (SELECT 1 FROM quarantine q JOIN signal_studies o ON o.study_instance_uid = q.study_instance_uid"
    " WHERE q.sop_instance_uid = n.sop_instance_uid AND o.signal = n.signal)) AS came"
    " FROM signal_studies t JOIN signals s ON s.sop_instance_uid = t.signal"
    " JOIN signal_instances n ON n.signal = t.signal"
    " WHERE t.study_instance_uid = ?1 AND s.kind = ?2 AND n.availability != ?4"
    " GROUP BY n.sop_instance_uid)"
)


@dataclass(frozen=True)
class SignalRow:
    """A step, or a notification.

    Attributes:
        status: of a step.
        discontinued: see :class:`node.signals.Step`.
        words: messages that made it what it is.
    """

    sop_instance_uid: str
    kind: Kind
    calling_ae: str
    status: str
    discontinued: str
    words: int
    told_at: float


@dataclass(frozen=True)
class Count:
    """How many instances are named, and how many of them have come."""

    instances: int
    came: int


class Signals:
    """Reads and writes them; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, uid: str, calling_ae: str, step: Step) -> Outcome:
        """A performed procedure step has begun."""
        with self._database.write() as connection:
            if not _insert(connection, uid, Kind.STEP, calling_ae, str(step.status)):
                return Outcome.DUPLICATE
            _belong(connection, uid, step.studies)
            _name(connection, uid, step.named or ())
            _tell(connection, uid, calling_ae)
        return Outcome.TAKEN

    def change(self, uid: str, calling_ae: str, step: Step) -> Outcome:
        """More is known of it: what is said replaces what was said before."""
        with self._database.write() as connection:
            sql = "SELECT status FROM signals WHERE sop_instance_uid = ? AND kind = ?"
            known = connection.execute(sql, (uid, Kind.STEP)).fetchone()
            if known is None:
                return Outcome.UNKNOWN
            if known["status"] != StepStatus.IN_PROGRESS:
                return Outcome.ENDED
            if step.studies and set(step.studies) != set(_studies(connection, uid)):
                return Outcome.OTHER_STUDIES
            connection.execute(
                "UPDATE signals SET status = coalesce(?, status), discontinued = ?, words = words + 1, told_at = ?"
                " WHERE sop_instance_uid = ?",
                (step.status, step.discontinued, time.time(), uid),
            )
            if step.named is not None:
                connection.execute("DELETE FROM signal_instances WHERE signal = ?", (uid,))
                _name(connection, uid, step.named)
            _tell(connection, uid, calling_ae)
        return Outcome.TAKEN

    def notify(self, uid: str, calling_ae: str, told: Notification) -> Outcome:
        """An archive says which instances of a study are available."""
        with self._database.write() as connection:
            if not _insert(connection, uid, Kind.AVAILABILITY, calling_ae):
                return Outcome.DUPLICATE
            _belong(connection, uid, [told.study_instance_uid])
            _name(connection, uid, told.named)
            _tell(connection, uid, calling_ae)
        return Outcome.TAKEN

    def of_study(self, uid: str) -> list[SignalRow]:
        """In the order in which they were last heard of."""
        rows = self._database.read(
            "SELECT s.* FROM signal_studies t JOIN signals s ON s.sop_instance_uid = t.signal"
            " WHERE t.study_instance_uid = ? ORDER BY s.told_at, s.sop_instance_uid",
            uid,
        )
        return [_row(row) for row in rows]

    def studies(self, signal: str) -> list[str]:
        """What a step or a notification belongs to; empty: it is not known."""
        with self._database.reading() as connection:
            return _studies(connection, signal)

    def named(self, uid: str, kind: Kind) -> Count:
        """What all signals of that kind name of a study, each instance once."""
        with self._database.reading() as connection:
            return _count(connection, uid, kind)

    def words(self) -> dict[str, int]:
        """Study that is RECEIVING and has signals -> a number that grows with each message."""
        rows = self._database.read(
            "SELECT t.study_instance_uid AS uid, sum(s.words) AS words FROM studies"
            " CROSS JOIN signal_studies t ON t.study_instance_uid = studies.study_instance_uid"
            " JOIN signals s ON s.sop_instance_uid = t.signal WHERE studies.state = ? GROUP BY t.study_instance_uid",
            StudyState.RECEIVING,
        )
        return {row["uid"]: row["words"] for row in rows}

    def forget(self, before: float, count: int = 200) -> int:
        """Remove those that were last heard of before that time, whatever became of their studies; how many."""
        sql = "SELECT 1 FROM signals WHERE told_at < ? LIMIT 1"
        if not self._database.read(sql, before):
            return 0
        with self._database.write() as connection:
            return connection.execute(
                "DELETE FROM signals WHERE sop_instance_uid IN"
                " (SELECT sop_instance_uid FROM signals WHERE told_at < ? ORDER BY told_at LIMIT ?)",
                (before, count),
            ).rowcount


def _insert(connection: sqlite3.Connection, uid: str, kind: Kind, calling_ae: str, status: str = "") -> bool:
    return bool(
        connection.execute(
            "INSERT OR IGNORE INTO signals (sop_instance_uid, kind, calling_ae, status, told_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (uid, kind, calling_ae, status, time.time()),
        ).rowcount
    )


def _belong(connection: sqlite3.Connection, uid: str, studies: Sequence[str]) -> None:
    connection.executemany("INSERT INTO signal_studies VALUES (?, ?)", [(study, uid) for study in studies])


def _name(connection: sqlite3.Connection, uid: str, named: Sequence[Named]) -> None:
    connection.executemany(
        "INSERT INTO signal_instances VALUES (?, ?, ?, ?, ?)",
        [(uid, one.sop_instance_uid, one.series_instance_uid, one.availability, one.retrieve_ae) for one in named],
    )


def _studies(connection: sqlite3.Connection, uid: str) -> list[str]:
    rows = connection.execute("SELECT study_instance_uid FROM signal_studies WHERE signal = ?", (uid,))
    return [row["study_instance_uid"] for row in rows]


def _tell(connection: sqlite3.Connection, uid: str, calling_ae: str) -> None:
    """In the trail of each of its studies; what comes after a study was complete is compared with what is here."""
    row = _row(connection.execute("SELECT * FROM signals WHERE sop_instance_uid = ?", (uid,)).fetchone())
    sql = "SELECT count(*) FROM signal_instances WHERE signal = ?"
    (instances,) = connection.execute(sql, (uid,)).fetchone()
    is_step = row.kind is Kind.STEP
    about = {"step" if is_step else "notification": uid, "calling_ae": calling_ae, "status": row.status}
    for study in _studies(connection, uid):
        reason = "" if row.status == StepStatus.IN_PROGRESS else _late(connection, study, row.kind)
        action = "procedure step told" if is_step else "availability told"
        details = {
            **about,
            "code": row.discontinued,
            "word": row.words if is_step else "",
            "instances": instances,
            "reason": reason,
        }
        add_event(connection, action, study, **{name: value for name, value in details.items() if value != ""})


def _late(connection: sqlite3.Connection, study: str, kind: Kind) -> str:
    sql = "SELECT state FROM studies WHERE study_instance_uid = ?"
    known = connection.execute(sql, (study,)).fetchone()
    if known is None or known["state"] == StudyState.RECEIVING:
        return ""
    count = _count(connection, study, kind)
    if count.came == count.instances:
        return "it came after the study was complete, and names nothing that is not here"
    return (
        f"it came after the study was complete: {count.instances - count.came} of the {count.instances} instances that"
        " are named are not here"
    )


def _count(connection: sqlite3.Connection, study: str, kind: Kind) -> Count:
    row = connection.execute(_NAMED, (study, kind, MISSING_FILE, Availability.UNAVAILABLE)).fetchone()
    return Count(row["instances"], row["came"])


def _row(row: sqlite3.Row) -> SignalRow:
    fields = {name: row[name] for name in SignalRow.__dataclass_fields__}
    return SignalRow(**{**fields, "kind": Kind(row["kind"])})
