"""Deliveries: one row for each result object and destination; retried one by one."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from node.kinds import CRITICAL
from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.results import REJECTION
from node.ledger.settlement import end_analysis_if_settled, lose
from node.ledger.silence import answer_instead
from node.ledger.stand_ins import REPLACED_BY, STATE, queue_stand_ins
from node.states import AnalysisState, Keeping


@dataclass(frozen=True)
class DeliveryRow:
    """An object on its way to a destination.

    `state`: WAITING, DONE, REFUSED, SILENT: its plugin is, or REPLACED: refused, and what stands in for it has arrived
    or is on its way.
    `kept`: what the destination has promised of it. `sha256`: of its file as it was made, empty where nobody noted it.
    `is_stat`: its analysis is STAT.
    """

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
    kept: Keeping = Keeping.NOBODY_ASKS
    sha256: str = ""
    is_stat: bool = False


@dataclass(frozen=True)
class _End:
    """How a delivery ends: its state, why, the event that says so, and what the destination is asked."""

    state: str
    reason: str
    action: str
    kept: Keeping = Keeping.NOBODY_ASKS
    allow_stand_in: bool = False


#: What waits in a silent analysis is sent only once it is released.
_STATE = f"CASE WHEN a.state = '{AnalysisState.SILENT}' AND d.state = 'WAITING' THEN 'SILENT' ELSE {STATE} END"
_COLUMNS = (
    "SELECT d.id, d.analysis_id, a.study_instance_uid, d.sop_instance_uid, r.sop_class_uid, r.kind, r.path,"  # noqa: S608
    f" d.destination, {_STATE} AS state, d.attempts, d.not_before, d.error, d.kept, r.sha256,"
    " a.rank < 0 AS is_stat FROM "
)
_SELECT = (
    _COLUMNS
    + "deliveries d JOIN results r ON r.sop_instance_uid = d.sop_instance_uid JOIN analyses a ON a.id = d.analysis_id "
)

_DUE = "WHERE d.destination = ? AND d.state = 'WAITING' AND (d.not_before <= ? OR d.not_before > ?)"

#: Of an analysis that was withdrawn, the rejection note is sent, and nothing else any more.
#: What is told of a critical finding is sent as long as the analysis counts: it may be escalated long after delivery.
#: What an archive took and does not keep is sent again, whatever became of the analysis since.
_NOTIFICATIONS = ", ".join(f"'{kind}'" for kind in CRITICAL.values())
_SENT = (
    f"(a.state = '{AnalysisState.REPORTED}' OR a.state = '{AnalysisState.WITHDRAWN}' AND r.kind = '{REJECTION}'"
    f" OR a.state IN ('{AnalysisState.DELIVERED}', '{AnalysisState.FAILED}') "
    f" AND (r.kind IN ({_NOTIFICATIONS}) OR d.kept = '{Keeping.AGAIN}')"
    f" OR a.state = '{AnalysisState.SILENT}' AND d.kept = '{Keeping.AGAIN}')"
)
#: What nobody wants any more: an object of an analysis that was withdrawn.
OBSOLETE = f"(a.state = '{AnalysisState.WITHDRAWN}' AND r.kind != '{REJECTION}')"


class Deliveries:
    """Reads and settles deliveries; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, destination: str, longest_wait: float, count: int = 50) -> list[DeliveryRow]:
        """What may be sent now: up to `count` objects of STAT analyses, then as many of all, the oldest first each.

        `longest_wait` guards against a clock that was set back.
        """
        now = time.time()
        stat = self.stat_due(destination, longest_wait, count)
        sql = f"{_SELECT}{_DUE} AND {_SENT} ORDER BY d.id LIMIT ?"
        rows = self._database.read(sql, destination, now, now + longest_wait, count)
        known = {row.id for row in stat}
        return [*stat, *(_delivery(row) for row in rows if row["id"] not in known)]

    def stat_due(self, destination: str, longest_wait: float, count: int = 50) -> list[DeliveryRow]:
        """The same of STAT analyses alone; found by these, which are few, whatever else waits."""
        now = time.time()
        sql = (
            f"{_COLUMNS}analyses a CROSS JOIN deliveries d ON d.analysis_id = a.id CROSS JOIN results r"
            f" ON r.sop_instance_uid = d.sop_instance_uid {_DUE} AND a.state = ? AND a.rank < 0 ORDER BY d.id LIMIT ?"
        )
        rows = self._database.read(sql, destination, now, now + longest_wait, AnalysisState.REPORTED, count)
        return [_delivery(row) for row in rows]

    def done(self, delivery: DeliveryRow, warning: str = "", *, ask: bool = False) -> None:
        """The destination has it; the analysis is DELIVERED with its last delivery. Args: ask: whether it keeps it."""
        kept = Keeping.WANTED if ask else Keeping.NOBODY_ASKS
        self._settle(delivery, _End("DONE", warning, "delivered", kept=kept))

    def refuse(self, delivery: DeliveryRow, reason: str) -> None:
        """It will never get there: into the operator's list."""
        self._settle(delivery, _End("REFUSED", reason, "delivery refused"))

    def replace(self, delivery: DeliveryRow, reason: str) -> None:
        """The destination will never take it: what stands in for it goes instead; refused when nothing can.

        The refusal, the deliveries of the stand-in and the event that names it are one transaction.
        """
        self._settle(delivery, _End("REFUSED", reason, "delivery refused", allow_stand_in=True))

    def postpone(self, delivery: DeliveryRow, reason: str, seconds: float) -> None:
        """Try again later."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE deliveries SET attempts = attempts + 1, not_before = ?, error = ?, changed_at = ?"
                " WHERE sop_instance_uid = ? AND destination = ?",
                (time.time() + seconds, reason, time.time(), delivery.sop_instance_uid, delivery.destination),
            )
            self._event(connection, delivery, "delivery tried again later", reason=reason, seconds=round(seconds, 1))

    def of_study(self, uid: str) -> list[DeliveryRow]:
        """All deliveries of a study."""
        rows = self._database.read(_SELECT + "WHERE a.study_instance_uid = ? ORDER BY d.id", uid)
        return [_delivery(row) for row in rows]

    def refused(self, count: int = 1000) -> list[DeliveryRow]:
        """The operator's list: what ended for good without being delivered, replaced or withdrawn."""
        rows = self._database.read(
            _SELECT
            + f"WHERE d.state = 'REFUSED' AND {STATE} = 'REFUSED' AND NOT {OBSOLETE} ORDER BY +d.id DESC LIMIT ?",
            count,
        )
        return [_delivery(row) for row in rows]

    def count_by_state(self) -> dict[tuple[str, str], int]:
        """(destination, state) -> how many; what waited for one that was dropped, withdrawn or silenced is none."""
        told = self._database.read("SELECT destination, state, count(*) AS n FROM deliveries GROUP BY 1, 2")
        found = {(row["destination"], "DONE"): row["n"] for row in told if row["state"] == "DONE"}
        sql = (
            f"SELECT {STATE} AS state, count(*) AS n FROM deliveries d"  # noqa: S608  our words
            " JOIN analyses a ON a.id = d.analysis_id"
            " JOIN results r ON r.sop_instance_uid = d.sop_instance_uid WHERE d.destination = ? AND d.state = ?"
            f" AND NOT {OBSOLETE} AND (d.state != 'WAITING' OR a.state NOT IN (?, ?)) GROUP BY 1"
        )
        for destination, state in [(row["destination"], row["state"]) for row in told if row["state"] != "DONE"]:
            rows = self._database.read(sql, destination, state, AnalysisState.DROPPED, AnalysisState.SILENT)
            found |= {(destination, row["state"]): row["n"] for row in rows}
        return found

    def _settle(self, delivery: DeliveryRow, end: _End) -> None:
        destination = delivery.destination
        with self._database.write() as connection:
            analysis_id = _owner(connection, delivery)
            instead = queue_stand_ins(connection, analysis_id, delivery.kind, destination) if end.allow_stand_in else ""
            error = f"{REPLACED_BY}{instead}: {end.reason}" if instead else end.reason
            connection.execute(
                "UPDATE deliveries SET state = ?, kept = ?, error = ?, attempts = attempts + 1, changed_at = ?"
                " WHERE sop_instance_uid = ? AND destination = ?",
                (end.state, end.kept, error, time.time(), delivery.sop_instance_uid, destination),
            )
            detail = {"instead": instead} if instead else {}
            self._event(connection, delivery, end.action, reason=end.reason, **detail)
            if end.state == "REFUSED" and delivery.kept == Keeping.AGAIN:
                lose(connection, analysis_id)
            else:
                end_analysis_if_settled(connection, analysis_id)
            answer_instead(connection, "x.id = ? AND x.state = 'FAILED'", analysis_id)  # nothing of it has arrived

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


def _owner(connection: sqlite3.Connection, delivery: DeliveryRow) -> int:
    """The analysis it belongs to now: a later revision with the same objects takes them over."""
    row = connection.execute(
        "SELECT analysis_id FROM deliveries WHERE sop_instance_uid = ? AND destination = ?",
        (delivery.sop_instance_uid, delivery.destination),
    ).fetchone()
    return delivery.analysis_id if row is None else int(row["analysis_id"])


def _delivery(row: sqlite3.Row) -> DeliveryRow:
    values = {name: row[name] for name in DeliveryRow.__dataclass_fields__}
    return DeliveryRow(**values | {"kept": Keeping(row["kept"]), "is_stat": bool(row["is_stat"])})
