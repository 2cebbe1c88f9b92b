"""Fetches: which studies an archive was asked to send, how many instances it counts of each, and what came of it.

The row stands before the archive is asked, so that the first instance that comes finds it: how many there are in all is
what says that a study is whole.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.upkeep import MISSING_FILE

#: Objects of a study that have come, those that are set aside included; what the spool has lost has to come again.
_CAME = (
    "SELECT (SELECT count(*) FROM instances WHERE study_instance_uid = ?1 AND set_aside != ?2)"
    " + (SELECT count(DISTINCT sop_instance_uid) FROM quarantine q WHERE study_instance_uid = ?1"
    " AND NOT EXISTS (SELECT 1 FROM instances i WHERE i.sop_instance_uid = q.sop_instance_uid))"
)


@dataclass(frozen=True)
class FetchRow:
    """A study that an archive was asked to send.

    Attributes:
        instances: that the archive counts; None: it does not say.
        ended_at: when it had sent what it would; None: that is not known.
        came: instances of the study that were here then, whoever sent them.
        reason: why not all came; empty when they did.
    """

    study_instance_uid: str
    archive: str
    instances: int | None
    asked_at: float
    ended_at: float | None
    came: int | None
    reason: str


class Fetches:
    """Reads and writes what archives were asked to send; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, uid: str, archive: str, instances: int | None, operator: str) -> None:
        """The archive is about to be asked to send this study."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO fetches (study_instance_uid, archive, instances, asked_at) VALUES (?, ?, ?, ?)",
                (uid, archive, instances, time.time()),
            )
            add_event(connection, "fetch asked", uid, archive=archive, instances=instances, operator=operator)

    def end(self, uid: str, reason: str, **counts: Any) -> None:
        """It has sent what it would. Args: reason: why not all came; counts: for the trail."""
        came = self.came(uid)
        with self._database.write() as connection:
            connection.execute(
                "UPDATE fetches SET ended_at = ?, came = ?, reason = ? WHERE study_instance_uid = ?",
                (time.time(), came, reason, uid),
            )
            add_event(connection, "fetched", uid, came=came, **counts, reason=reason)

    def of_study(self, uid: str) -> FetchRow | None:
        """How it was asked last; None: never."""
        rows = self._database.read("SELECT * FROM fetches WHERE study_instance_uid = ?", uid)
        return FetchRow(**dict(rows[0])) if rows else None

    def came(self, uid: str) -> int:
        """How many objects of a study are here, those that are set aside included."""
        return int(self._database.read(_CAME, uid, MISSING_FILE)[0][0])
