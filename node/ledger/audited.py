"""What audit messages are made of: events in order, what they speak of, and how far they were sent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from node.ledger.database import Database
from node.ledger.events import Event, event_of

#: Fact: number of the last event that the collector has.
SENT = "audit sent"


@dataclass(frozen=True)
class NumberedEvent:
    """An event with its number; numbers grow, and none is used twice."""

    number: int
    event: Event


class Audited:
    """Reads for the room `audit`; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> int:
        """Number of the newest event; 0 when there is none."""
        return int(self._database.read("SELECT coalesce(max(id), 0) FROM events")[0][0])

    def after(self, number: int, count: int) -> list[NumberedEvent]:
        """The events that follow, oldest first."""
        rows = self._database.read("SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?", number, count)
        return [NumberedEvent(row["id"], event_of(row)) for row in rows]

    def sent(self) -> int | None:
        """Number of the last event that the collector has; None: there never was a collector."""
        rows = self._database.read("SELECT value FROM facts WHERE name = ?", SENT)
        return int(rows[0]["value"]) if rows else None

    def set_sent(self, number: int) -> None:
        """The collector has everything up to that event."""
        with self._database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (SENT, str(number), time.time()))

    def sop_class(self, sop_instance_uid: str) -> str:
        """Of an object that was received, set aside or made; empty when it is not known."""
        rows = self._database.read(
            "SELECT sop_class_uid FROM instances WHERE sop_instance_uid = ?1"
            " UNION SELECT sop_class_uid FROM results WHERE sop_instance_uid = ?1",
            sop_instance_uid,
        )
        return str(rows[0]["sop_class_uid"]) if rows else ""

    def peer(self, sop_instance_uid: str) -> str:
        """Address of the machine that an object came from; empty when it is not known."""
        rows = self._database.read(
            "SELECT a.peer FROM associations a JOIN instances i ON i.association = a.association"
            " WHERE i.sop_instance_uid = ?",
            sop_instance_uid,
        )
        return str(rows[0]["peer"]) if rows else ""

    def patient_key(self, study_instance_uid: str) -> str:
        """Digest that stands for the patient of a study; empty when the patient has no id, or is not known."""
        rows = self._database.read("SELECT patient_key FROM studies WHERE study_instance_uid = ?", study_instance_uid)
        return str(rows[0]["patient_key"]) if rows else ""

    def files(self, study_instance_uid: str) -> Sequence[str]:
        """A few files of a study, relative to the spool, in which its patient may be looked up."""
        rows = self._database.read(
            "SELECT path FROM instances WHERE study_instance_uid = ? AND set_aside = '' ORDER BY file LIMIT 3",
            study_instance_uid,
        )
        return [str(row["path"]) for row in rows]
