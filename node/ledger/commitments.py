"""Storage Commitment: what peers have asked for, until they have their answer.

A request is a row before it is answered with Success, so that a killed node still owes its report.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

from node.commitment import CLASS_CONFLICT, NO_SUCH_OBJECT, Reference
from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.purging import IS_HERE, MISSING_FILE


@dataclass(frozen=True)
class CommitmentRow:
    """A request that has not got its report. `asked`: its objects; `attempts`: at reporting."""

    id: int
    transaction_uid: str
    calling_ae: str
    asked: tuple[Reference, ...]
    attempts: int
    received_at: float


@dataclass(frozen=True)
class Held:
    """What the ledger says of an object. `failure`: as in :class:`node.commitment.Answer`; `path` is empty then."""

    reference: Reference
    failure: int = 0
    path: str = ""
    size: int = 0


class Commitments:
    """Reads and writes requests; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, transaction_uid: str, calling_ae: str, asked: Sequence[Reference]) -> int:
        """A request came in; its id. The same one again is the same row, and is answered again."""
        told = json.dumps([(one.sop_class_uid, one.sop_instance_uid) for one in asked])
        with self._database.write() as connection:
            row = connection.execute(
                "INSERT INTO commitments (transaction_uid, calling_ae, asked, received_at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (transaction_uid, calling_ae) DO UPDATE SET state = 'WAITING', asked = excluded.asked,"
                " attempts = 0, not_before = 0, received_at = excluded.received_at RETURNING id",
                (transaction_uid, calling_ae, told, time.time()),
            ).fetchone()
            about = {"transaction_uid": transaction_uid, "calling_ae": calling_ae, "objects": len(asked)}
            add_event(connection, "storage commitment asked for", "", None, **about)
        return int(row["id"])

    def due(self, longest_wait: float, count: int = 20) -> list[CommitmentRow]:
        """Requests whose report may be sent now, the oldest first; `longest_wait` guards against a clock set back."""
        now = time.time()
        rows = self._database.read(
            "SELECT * FROM commitments WHERE state = 'WAITING' AND (not_before <= ? OR not_before > ?)"
            " ORDER BY received_at LIMIT ?",
            now,
            now + longest_wait,
            count,
        )
        return [
            CommitmentRow(
                id=row["id"],
                transaction_uid=row["transaction_uid"],
                calling_ae=row["calling_ae"],
                asked=tuple(Reference(*pair) for pair in json.loads(row["asked"])),
                attempts=row["attempts"],
                received_at=row["received_at"],
            )
            for row in rows
        ]

    def held(self, asked: Sequence[Reference]) -> list[Held]:
        """What is known of these objects; whatever was acknowledged counts, what was set aside too."""
        return [self._held(one) for one in asked]

    def _held(self, one: Reference) -> Held:
        rows = self._database.read(
            "SELECT i.sop_class_uid, i.path, i.size FROM instances i JOIN studies s"  # noqa: S608  our words
            " ON s.study_instance_uid = i.study_instance_uid"
            f" WHERE i.sop_instance_uid = ? AND {IS_HERE} AND i.set_aside != ?",
            one.sop_instance_uid,
            MISSING_FILE,
        )
        if not rows:
            return Held(one, NO_SUCH_OBJECT)
        if rows[0]["sop_class_uid"] != one.sop_class_uid:
            return Held(one, CLASS_CONFLICT)
        return Held(one, 0, rows[0]["path"], rows[0]["size"])

    def reported(self, commitment_id: int, failed: int) -> None:
        """The peer has taken the report. Args: failed: of how many objects it said that they are not kept."""
        self._end(commitment_id, "REPORTED", "storage commitment reported", failed=failed)

    def give_up(self, commitment_id: int, reason: str) -> None:
        """Nobody takes the report."""
        self._end(commitment_id, "GIVEN UP", "storage commitment not reported", reason=reason)

    def later(self, commitment_id: int, seconds: float) -> None:
        """Try again after so long."""
        with self._database.write() as connection:
            sql = "UPDATE commitments SET attempts = attempts + 1, not_before = ? WHERE id = ?"
            connection.execute(sql, (time.time() + seconds, commitment_id))

    def _end(self, commitment_id: int, state: str, action: str, **detail: object) -> None:
        with self._database.write() as connection:
            row = connection.execute(
                "UPDATE commitments SET state = ? WHERE id = ? AND state = 'WAITING'"
                " RETURNING transaction_uid, calling_ae",
                (state, commitment_id),
            ).fetchone()
            if row is not None:
                add_event(connection, action, "", None, **dict(row), **detail)
