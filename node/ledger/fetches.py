"""Fetches: which studies an archive was asked to send, how many instances it counts of each, and what came of it.

The row stands before the archive is asked, so that the first instance that comes finds it: how many there are in all is
what says that a study is whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.purging import MISSING_FILE, PURGED

#: Objects of a study that have come, those that are set aside included; what the spool has lost has to come again, and
#: what was purged of a study that is open again.
_CAME = (
    "SELECT (SELECT count(*) FROM instances WHERE study_instance_uid = ?1"  # noqa: S608  our word
    f" AND set_aside != ?2 AND file != '{PURGED}')"
    " + (SELECT count(DISTINCT sop_instance_uid) FROM quarantine q WHERE study_instance_uid = ?1"
    " AND NOT EXISTS (SELECT 1 FROM instances i WHERE i.sop_instance_uid = q.sop_instance_uid))"
)

#: Of some instances, those that are not here; what counts is what counts in _CAME.
_LACKING = (
    "SELECT value FROM json_each(?1) WHERE NOT EXISTS"  # noqa: S608  our word
    f" (SELECT 1 FROM instances WHERE sop_instance_uid = value AND set_aside != ?2 AND file != '{PURGED}')"
    " AND NOT EXISTS (SELECT 1 FROM quarantine WHERE sop_instance_uid = value AND study_instance_uid = ?3)"
)
#: Of some instances, those that are here and count for nothing, with the reason; none of which a good copy is here.
_SET_ASIDE = (
    "SELECT value AS uid, coalesce((SELECT i.set_aside FROM instances i WHERE i.sop_instance_uid = value"
    " AND i.set_aside NOT IN ('', ?2)), (SELECT q.reason FROM quarantine q WHERE q.sop_instance_uid = value"
    " AND q.study_instance_uid = ?3 ORDER BY q.id DESC LIMIT 1)) AS reason FROM json_each(?1) WHERE reason IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM instances i WHERE i.sop_instance_uid = value AND i.set_aside = '')"
)
#: A study that did not come whole is asked for again after so long, which is doubled each time, seconds.
FIRST_AGAIN_SECONDS, LONGEST_AGAIN_SECONDS = 60.0, 3600.0
#: So many instances that could not be sent are named in the trail; the row has them all.
_MOST_TOLD = 20


@dataclass(frozen=True)
class FetchRow:
    """A study that an archive was asked to send.

    Attributes:
        instances: that the archive counts; None: it does not say.
        ended_at: when it had sent what it would; None: that is not known.
        came: instances of the study that were here then, whoever sent them.
        reason: why not all came; empty when they did.
        tries: how often it was asked for since all that it had then came.
        unsent: SOP Instance UIDs that the archive named as failed (0008,0058), and that were not here then.
    """

    study_instance_uid: str
    archive: str
    instances: int | None
    asked_at: float
    ended_at: float | None
    came: int | None
    reason: str
    tries: int = 1
    unsent: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all came that was asked for."""
        return self.ended_at is not None and not self.reason

    @property
    def again_at(self) -> float | None:
        """When it may be asked for again by the clock, epoch seconds; None: all came, or the end is not known."""
        if self.ended_at is None or not self.reason:
            return None
        return self.ended_at + min(LONGEST_AGAIN_SECONDS, FIRST_AGAIN_SECONDS * 2.0 ** (min(self.tries, 32) - 1))


class Fetches:
    """Reads and writes what archives were asked to send; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def query(self, archive: str, operator: str, uid: str, keys: Mapping[str, str], withheld: Sequence[str]) -> None:
        """An archive is about to be asked which studies it has. Args: withheld: keywords of what is not written."""
        with self._database.write() as connection:
            more: dict[str, Any] = {"withheld": list(withheld)} if withheld else {}
            add_event(connection, "archive queried", uid, archive=archive, operator=operator, keys=dict(keys), **more)

    def ask(self, uid: str, archive: str, instances: int | None, operator: str) -> None:
        """The archive is about to be asked to send this study."""
        before = self.of_study(uid)
        has_failed = before is not None and not before.is_whole
        is_same = before is not None and (before.archive, before.instances) == (archive, instances)
        tries = before.tries + 1 if before is not None and has_failed and is_same else 1
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO fetches (study_instance_uid, archive, instances, asked_at, tries)"
                " VALUES (?, ?, ?, ?, ?)",
                (uid, archive, instances, time.time(), tries),
            )
            add_event(connection, "fetch asked", uid, archive=archive, instances=instances, operator=operator)

    def end(self, uid: str, reason: str, unsent: Iterable[str] = (), **counts: Any) -> None:
        """It has sent what it would.

        Args: reason: why not all came; unsent: what it named as failed, and is not here; counts: for the trail.
        """
        came, named = self.came(uid), list(unsent)
        with self._database.write() as connection:
            connection.execute(
                "UPDATE fetches SET ended_at = ?, came = ?, reason = ?, unsent = ? WHERE study_instance_uid = ?",
                (time.time(), came, reason, json.dumps(named), uid),
            )
            more: dict[str, Any] = {"unsent": named[:_MOST_TOLD]} if named else {}
            add_event(connection, "fetched", uid, came=came, **counts, **more, reason=reason)

    def of_study(self, uid: str) -> FetchRow | None:
        """How it was asked last; None: never."""
        rows = self._database.read("SELECT * FROM fetches WHERE study_instance_uid = ?", uid)
        return FetchRow(**{**dict(rows[0]), "unsent": tuple(json.loads(rows[0]["unsent"]))}) if rows else None

    def came(self, uid: str) -> int:
        """How many objects of a study are here, those that are set aside included."""
        return int(self._database.read(_CAME, uid, MISSING_FILE)[0][0])

    def lacking(self, uid: str, named: Iterable[str]) -> list[str]:
        """Of these instances of a study those that are not here."""
        return [row[0] for row in self._database.read(_LACKING, json.dumps(list(named)), MISSING_FILE, uid)]

    def set_aside(self, uid: str, named: Iterable[str]) -> list[tuple[str, str]]:
        """Of these instances of a study those that are here, and are not analysed; and why."""
        rows = self._database.read(_SET_ASIDE, json.dumps(list(named)), MISSING_FILE, uid)
        return [(row["uid"], row["reason"]) for row in rows]
