"""Deliveries: one row for each result object and destination; retried one by one."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.moves import end_analysis_if_settled
from node.states import AnalysisState


@dataclass(frozen=True)
class DeliveryRow:
    """An object on its way to a destination."""

    id: int
    analysis_id: int
    study_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    kind: str
    path: str
    destination: str
    state: str
    attempts: int
    not_before: float
    error: str


_SELECT = (
    "SELECT d.*, r.sop_class_uid, r.kind, r.path, a.study_instance_uid FROM deliveries d"
    " JOIN results r ON r.sop_instance_uid = d.sop_instance_uid JOIN analyses a ON a.id = d.analysis_id "
)


class Deliveries:
    """Reads and settles deliveries; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, destination: str, longest_wait: float, count: int = 50) -> list[DeliveryRow]:
        """What may be sent now, the oldest first; `longest_wait` guards against a clock that was set back."""
        now = time.time()
        rows = self._database.read(
            _SELECT + "WHERE d.destination = ? AND d.state = 'WAITING' AND (d.not_before <= ? OR d.not_before > ?)"
            " AND a.state = ? ORDER BY d.id LIMIT ?",
            destination,
            now,
            now + longest_wait,
            AnalysisState.REPORTED,
            count,
        )
        return [_delivery(row) for row in rows]

    def done(self, delivery: DeliveryRow, warning: str = "") -> None:
        """The destination has it; the analysis is DELIVERED with its last delivery."""
        self._settle(delivery, "DONE", warning, "delivered")

    def refuse(self, delivery: DeliveryRow, reason: str) -> None:
        """The destination will never take it, or attempts are spent: into the operator's list."""
        self._settle(delivery, "REFUSED", reason, "delivery refused")

    def postpone(self, delivery: DeliveryRow, reason: str, seconds: float) -> None:
        """Try again later."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE deliveries SET attempts = attempts + 1, not_before = ?, error = ?, changed_at = ? WHERE id = ?",
                (time.time() + seconds, reason, time.time(), delivery.id),
            )
            self._event(connection, delivery, "delivery tried again later", reason=reason, seconds=round(seconds, 1))

    def of_study(self, uid: str) -> list[DeliveryRow]:
        """All deliveries of a study."""
        rows = self._database.read(_SELECT + "WHERE a.study_instance_uid = ? ORDER BY d.id", uid)
        return [_delivery(row) for row in rows]

    def refused(self, count: int = 1000) -> list[DeliveryRow]:
        """The operator's list: what ended for good without being delivered."""
        rows = self._database.read(_SELECT + "WHERE d.state = 'REFUSED' ORDER BY d.id DESC LIMIT ?", count)
        return [_delivery(row) for row in rows]

    def count_by_state(self) -> dict[tuple[str, str], int]:
        """(destination, state) -> how many; what waited for an analysis that was dropped waits no more."""
        rows = self._database.read(
            "SELECT d.destination, d.state, count(*) AS n FROM deliveries d JOIN analyses a ON a.id = d.analysis_id"
            " WHERE d.state != 'WAITING' OR a.state != ? GROUP BY 1, 2",
            AnalysisState.DROPPED,
        )
        return {(row["destination"], row["state"]): row["n"] for row in rows}

    def _settle(self, delivery: DeliveryRow, state: str, reason: str, action: str) -> None:
        with self._database.write() as connection:
            connection.execute(
                "UPDATE deliveries SET state = ?, error = ?, attempts = attempts + 1, changed_at = ? WHERE id = ?",
                (state, reason, time.time(), delivery.id),
            )
            self._event(connection, delivery, action, reason=reason)
            end_analysis_if_settled(connection, delivery.analysis_id)

    @staticmethod
    def _event(connection: sqlite3.Connection, delivery: DeliveryRow, action: str, **detail: object) -> None:
        add_event(
            connection,
            action,
            delivery.study_instance_uid,
            delivery.analysis_id,
            sop_instance_uid=delivery.sop_instance_uid,
            kind=delivery.kind,
            destination=delivery.destination,
            **detail,
        )


def _delivery(row: sqlite3.Row) -> DeliveryRow:
    return DeliveryRow(**{name: row[name] for name in DeliveryRow.__dataclass_fields__})
