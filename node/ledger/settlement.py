"""The end of an analysis: when nothing of it waits for delivery any more, it has been DELIVERED or has FAILED."""

from __future__ import annotations

import sqlite3

from node.ledger.moves import move_analysis
from node.ledger.stand_ins import STATE
from node.states import AnalysisMove, AnalysisState


def lose(connection: sqlite3.Connection, analysis_id: int) -> None:
    """DELIVERED -> FAILED: an archive does not keep what it took. In the caller's transaction.

    An analysis that is still being delivered fails with its last delivery.
    """
    state = connection.execute("SELECT state FROM analyses WHERE id = ?", (analysis_id,)).fetchone()["state"]
    if state == AnalysisState.DELIVERED:
        reason = "an archive does not keep what it took: see `radnode queue list`"
        move_analysis(connection, analysis_id, AnalysisMove.LOST, reason)
    else:
        end_analysis_if_settled(connection, analysis_id)


def end_analysis_if_settled(connection: sqlite3.Connection, analysis_id: int) -> None:
    """REPORTED -> DELIVERED when every destination took every object, or one that stands in for it; else -> FAILED.

    In the caller's transaction. Nothing while something waits, or when the analysis is not being delivered.
    """
    counts = dict(
        connection.execute(
            f"SELECT {STATE}, count(*) FROM deliveries d"  # noqa: S608  only words of ours
            " JOIN results r ON r.sop_instance_uid = d.sop_instance_uid WHERE d.analysis_id = ? GROUP BY 1",
            (analysis_id,),
        )
    )
    state = connection.execute("SELECT state FROM analyses WHERE id = ?", (analysis_id,)).fetchone()["state"]
    if counts.get("WAITING") or state != AnalysisState.REPORTED:
        return
    if refused := counts.get("REFUSED", 0):
        reason = f"{refused} of {sum(counts.values())} deliveries were refused: see `radnode queue list`"
        move_analysis(connection, analysis_id, AnalysisMove.FAILED, reason)
    else:
        move_analysis(connection, analysis_id, AnalysisMove.DELIVERED)
