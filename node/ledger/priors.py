"""Studies that an archive was asked for as priors: they are looked at, and nothing of them is delivered.

Whoever else sends such a study, or has it fetched, wants results of it: from then on it is a study like any other.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.moves import drop_unfinished, move_study
from node.ledger.purging import begin_revision
from node.priority import Priority
from node.states import StudyMove, StudyState
from node.study import Arrival


@dataclass(frozen=True)
class Place:
    """A place in the queue; as of a :class:`~node.ledger.plans.Plan`."""

    route: str
    priority: Priority
    rank: float
    priority_reason: str = "a report waits for it, to be compared with"


class Priors:
    """Reads and writes which studies are priors; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self, uid: str, ae_title: str) -> bool:
        """The archive of that AE title is about to be asked for a study. False: it is here, on its own account."""
        with self._database.write() as connection:
            if connection.execute("SELECT 1 FROM priors WHERE study_instance_uid = ?", (uid,)).fetchone():
                return True
            if connection.execute("SELECT 1 FROM studies WHERE study_instance_uid = ?", (uid,)).fetchone():
                return False
            connection.execute("INSERT INTO priors VALUES (?, ?)", (uid, ae_title))
            return True

    def forget(self, uid: str) -> None:
        """Nothing of it came: whoever sends it later does so for its own sake."""
        with self._database.write() as connection:
            sql = "DELETE FROM priors WHERE study_instance_uid = ? AND NOT EXISTS (SELECT 1 FROM studies s"
            connection.execute(f"{sql} WHERE s.study_instance_uid = priors.study_instance_uid)", (uid,))

    def release(self, uid: str, who: str) -> None:
        """Somebody wants it for its own sake; nothing when it is no prior."""
        if self.has(uid):
            with self._database.write() as connection:
                _release(connection, uid, f"it came as a prior, and is now wanted by {who}", reopen=True)

    def has(self, uid: str) -> bool:
        """Whether a study is here as a prior alone."""
        return bool(self._database.read("SELECT 1 FROM priors WHERE study_instance_uid = ?", uid))

    def place(self, uid: str) -> Place | None:
        """That of the first report that waits for a prior, which begins whenever that could; None: no report does."""
        rows = self._database.read(
            "SELECT a.route, a.priority, a.rank FROM comparisons c JOIN analyses a ON a.id = c.analysis_id"
            " WHERE c.settled = '' AND (c.fetching = ?1"
            " OR EXISTS (SELECT 1 FROM json_each(c.tried) t WHERE t.key = ?1))"
            " ORDER BY a.rank LIMIT 1",
            uid,
        )
        return Place(rows[0]["route"], Priority(rows[0]["priority"]), rows[0]["rank"]) if rows else None


def claim(connection: sqlite3.Connection, arrival: Arrival, *, is_new: bool) -> None:
    """An object of a study came: unless the archive sent it, it is no prior any more; in the caller's transaction."""
    uid = arrival.study_instance_uid
    row = connection.execute("SELECT ae_title FROM priors WHERE study_instance_uid = ?", (uid,)).fetchone()
    sender = arrival.attributes.calling_ae
    if row is not None and sender != row["ae_title"]:
        _release(connection, uid, f"it came as a prior, and now from {sender}", reopen=not is_new)


def _release(connection: sqlite3.Connection, uid: str, reason: str, *, reopen: bool) -> None:
    """A prior is a study like any other from now on; what was made of it is made again, and delivered."""
    connection.execute("DELETE FROM priors WHERE study_instance_uid = ?", (uid,))
    add_event(connection, "prior released", uid, reason=reason)
    row = connection.execute("SELECT state FROM studies WHERE study_instance_uid = ?", (uid,)).fetchone()
    if not reopen or row is None or row["state"] in (StudyState.RECEIVING, StudyState.QUARANTINED):
        return  # nothing was made of it, or an image that is new makes a revision anyway
    move_study(connection, uid, StudyMove.IMAGE_ARRIVED, reason)
    begin_revision(connection, uid)
    connection.execute("UPDATE studies SET revision = revision + 1 WHERE study_instance_uid = ?", (uid,))
    drop_unfinished(connection, uid, f"{reason}: the next revision takes its place")
