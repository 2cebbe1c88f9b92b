"""Pledges: what archives are asked to promise of what they took (Storage Commitment as its user, PS3.4 annex J).

An object that a destination took is WANTED until the destination was asked, ASKED until its report is here, and KEPT
from then on. One that the archive says it does not keep is sent AGAIN. No file of a study is purged before every
object of it is KEPT. A question is a row before it is sent, so that a report which comes at once finds it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence

from node.commitment import Reference
from node.ledger.database import Database
from node.ledger.deliveries import OBSOLETE
from node.ledger.events import add_event
from node.ledger.settlement import lose
from node.ledger.silence import answer_instead
from node.states import Keeping

_OWNER = (
    " FROM deliveries d JOIN analyses a ON a.id = d.analysis_id"
    " JOIN results r ON r.sop_instance_uid = d.sop_instance_uid"
)
#: Said beside what is wanted of `kept`, so that SQLite may use the index of the few rows that it is true of.
_OWED = f"kept NOT IN ('', '{Keeping.KEPT}')"

#: What lies further ahead than this, seconds, is of before the clock was set back.
_SET_BACK_SECONDS = 60.0


class Pledges:
    """Reads and writes what archives promised; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def wanted(self, destination: str, count: int = 500) -> list[Reference]:
        """What this destination has taken and has not been asked about, the oldest first."""
        rows = self._database.read(
            f"SELECT r.sop_class_uid, r.sop_instance_uid{_OWNER}"
            f" WHERE d.destination = ? AND d.{_OWED} AND d.kept = ? AND NOT {OBSOLETE} ORDER BY d.id LIMIT ?",
            destination,
            Keeping.WANTED,
            count,
        )
        return [Reference(**dict(row)) for row in rows]

    def ask(self, destination: str, transaction_uid: str, references: Sequence[Reference]) -> None:
        """The destination is about to be asked."""
        now = time.time()
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO pledges VALUES (?, ?, ?, ?)", (transaction_uid, destination, len(references), now)
            )
            connection.executemany(
                "UPDATE deliveries SET kept = ?, changed_at = ? WHERE destination = ? AND sop_instance_uid = ?",
                [(Keeping.ASKED, now, destination, one.sop_instance_uid) for one in references],
            )
            about = {"transaction_uid": transaction_uid, "destination": destination, "objects": len(references)}
            add_event(connection, "archive asked to keep", "", None, **about)

    def ask_again(self, destination: str, before: float) -> int:
        """What was asked before that time (epoch seconds) and not answered is to be asked anew; how many objects.

        So is what was asked in the future: the clock was set back.
        """
        values = (Keeping.WANTED, destination, Keeping.ASKED, before, time.time() + _SET_BACK_SECONDS)
        with self._database.write() as connection:
            return connection.execute(
                f"UPDATE deliveries SET kept = ? WHERE destination = ? AND {_OWED} AND kept = ?"  # noqa: S608  our words
                " AND (changed_at < ? OR changed_at > ?)",
                values,
            ).rowcount

    def report(
        self, transaction_uid: str, kept: Iterable[str], failed: Mapping[str, str], attempts: int, seconds: float
    ) -> bool:
        """What the archive says. False: nobody asked under that Transaction UID.

        Args:
            transaction_uid: of the question.
            kept: SOP Instance UIDs.
            failed: SOP Instance UID -> why it is not kept; it is sent again.
            attempts: at delivering an object, all in all; then it is lost, and its analysis has failed.
            seconds: until it is sent again.
        """
        with self._database.write() as connection:
            sql = "SELECT destination FROM pledges WHERE transaction_uid = ?"
            row = connection.execute(sql, (transaction_uid,)).fetchone()
            if row is None:
                return False
            destination = str(row["destination"])
            for uid in kept:
                _keep(connection, destination, uid)
            for uid, reason in failed.items():
                _send_again(connection, destination, uid, f"the archive does not keep it: {reason}", attempts, seconds)
            about = {"transaction_uid": transaction_uid, "destination": destination, "failed": len(failed)}
            add_event(connection, "archive told what it keeps", "", None, **about)
        return True

    def ask_only(self, destinations: Sequence[str]) -> int:
        """Others are not asked any more, whatever was wanted before the configuration changed; how many objects.

        What such a one took and did not keep counts as delivered: else its study would wait for it for ever.
        """
        marks = ", ".join("?" * len(destinations))
        with self._database.write() as connection:
            return connection.execute(
                "UPDATE deliveries SET kept = '', state = CASE kept WHEN ? THEN 'DONE' ELSE state END"  # noqa: S608
                f" WHERE {_OWED} AND destination NOT IN ({marks})",
                (Keeping.AGAIN, *destinations),
            ).rowcount

    def waiting(self, destination: str) -> int:
        """How many objects it took and has not promised to keep."""
        sql = f"SELECT count(*){_OWNER} WHERE d.destination = ? AND d.{_OWED} AND d.kept IN (?, ?) AND NOT {OBSOLETE}"
        return int(self._database.read(sql, destination, Keeping.WANTED, Keeping.ASKED)[0][0])


def _keep(connection: sqlite3.Connection, destination: str, uid: str) -> None:
    sql = "UPDATE deliveries SET kept = ? WHERE destination = ? AND sop_instance_uid = ? AND kept IN (?, ?)"
    connection.execute(sql, (Keeping.KEPT, destination, uid, Keeping.WANTED, Keeping.ASKED))


def _send_again(
    connection: sqlite3.Connection, destination: str, uid: str, reason: str, attempts: int, seconds: float
) -> None:
    """Back into the queue of the destination, or into the operator's list when its attempts are spent."""
    row = connection.execute(
        f"SELECT d.analysis_id, d.attempts, a.study_instance_uid, r.kind{_OWNER}"
        " WHERE d.destination = ? AND d.sop_instance_uid = ? AND d.kept IN (?, ?)",
        (destination, uid, Keeping.WANTED, Keeping.ASKED),
    ).fetchone()
    if row is None:
        return
    spent, now = row["attempts"] >= attempts, time.time()
    state, kept = ("REFUSED", Keeping.NOBODY_ASKS) if spent else ("WAITING", Keeping.AGAIN)
    connection.execute(
        "UPDATE deliveries SET state = ?, kept = ?, error = ?, not_before = ?, changed_at = ?"
        " WHERE destination = ? AND sop_instance_uid = ?",
        (state, kept, reason, now + seconds, now, destination, uid),
    )
    action = "delivery refused" if spent else "delivery tried again later"
    about = {"sop_instance_uid": uid, "kind": row["kind"], "destination": destination, "reason": reason}
    add_event(connection, action, row["study_instance_uid"], row["analysis_id"], **about)
    if spent:
        lose(connection, row["analysis_id"])
        answer_instead(connection, "x.id = ? AND x.state = 'FAILED'", row["analysis_id"])  # where nobody has any of it
