"""Stand-ins: what goes to a destination in place of an object that it refused for good."""

from __future__ import annotations

import sqlite3
import time

from node.kinds import INSTEAD
from node.states import AnalysisState


def stand_ins_of(kind: str) -> tuple[str, ...]:
    """The kinds that can stand in for this one, the fullest first.

    Worked example::

        stand_ins_of("sr") == ("comprehensive-sr", "sc")
    """
    simpler = INSTEAD.get(kind)
    return () if simpler is None else (simpler, *stand_ins_of(simpler))


_PAIRS = ", ".join(f"('{kind}', '{simpler}')" for kind in INSTEAD for simpler in stand_ins_of(kind))

#: Begins the error of a delivery that was refused and replaced; the kind that goes instead follows.
REPLACED_BY = "replaced by "

#: State of a delivery `d` of a result `r`, as SQL: REPLACED where it was, and every object of a kind that stands in for
#: it has arrived or waits. It is computed, so that it ends by itself when the stand-in is refused as well.
STATE = (
    f"CASE WHEN d.state = 'REFUSED' AND d.error LIKE '{REPLACED_BY}%' AND EXISTS"  # noqa: S608  only words of ours
    " (SELECT 1 FROM deliveries other JOIN results simpler ON simpler.sop_instance_uid = other.sop_instance_uid"
    " WHERE other.analysis_id = d.analysis_id AND other.destination = d.destination"
    f" AND (r.kind, simpler.kind) IN (VALUES {_PAIRS})"
    " GROUP BY simpler.kind HAVING max(other.state = 'REFUSED') = 0) THEN 'REPLACED' ELSE d.state END"
)


def queue_stand_ins(connection: sqlite3.Connection, analysis_id: int, kind: str, destination: str) -> str:
    """Queue the next simpler kind for a destination that refuses this one, in the caller's transaction.

    Nothing is queued for what the destination gets or got anyway, nor for an analysis that is not being delivered.

    Returns:
        The kind that takes its place; empty when there is none: not made, or refused as well.
    """
    row = connection.execute("SELECT state FROM analyses WHERE id = ?", (analysis_id,)).fetchone()
    if row["state"] != AnalysisState.REPORTED:
        return ""
    for simpler in stand_ins_of(kind):
        states = _states(connection, analysis_id, simpler, destination)
        if states and "REFUSED" not in states:
            _queue(connection, analysis_id, simpler, destination)
            return simpler
    return ""


def forget_undelivered(connection: sqlite3.Connection, analysis_id: int) -> None:
    """Before the results of a retry are queued: a stand-in of the last time is due only when it is refused again."""
    connection.execute("DELETE FROM deliveries WHERE analysis_id = ? AND state != 'DONE'", (analysis_id,))


def _states(connection: sqlite3.Connection, analysis_id: int, kind: str, destination: str) -> set[str | None]:
    """Of the deliveries of that kind; None: an object that has none yet."""
    rows = connection.execute(
        "SELECT d.state FROM results r LEFT JOIN deliveries d"
        " ON d.sop_instance_uid = r.sop_instance_uid AND d.destination = ? WHERE r.analysis_id = ? AND r.kind = ?",
        (destination, analysis_id, kind),
    )
    return {row["state"] for row in rows}


def _queue(connection: sqlite3.Connection, analysis_id: int, kind: str, destination: str) -> None:
    connection.execute(
        "INSERT INTO deliveries (analysis_id, sop_instance_uid, destination, changed_at)"
        " SELECT analysis_id, sop_instance_uid, ?, ? FROM results WHERE analysis_id = ? AND kind = ? ORDER BY path"
        " ON CONFLICT (sop_instance_uid, destination) DO NOTHING",
        (destination, time.time(), analysis_id, kind),
    )
