"""Moves of studies and analyses: the next state is decided by `states`, and written with its event, here alone."""

from __future__ import annotations

import sqlite3
import time

from node.errors import PermanentError
from node.ledger.events import add_event
from node.ledger.reports import study_settled
from node.states import (
    ENDED,
    SETTLED,
    AnalysisMove,
    AnalysisState,
    StudyMove,
    StudyState,
    advance_analysis,
    advance_study,
)

_ENDED = tuple(sorted(ENDED))
_NOT_ENDED = f"state NOT IN ({', '.join('?' * len(_ENDED))})"
#: It failed before anything was made of it, so that nobody has, or is owed, anything of it.
_FAILED_BARE = (
    f"state = '{AnalysisState.FAILED}' AND NOT EXISTS (SELECT 1 FROM results r WHERE r.analysis_id = analyses.id)"  # noqa: S608
)


def move_study(connection: sqlite3.Connection, uid: str, move: StudyMove, reason: str) -> StudyState:
    """Advance a study in the caller's transaction; raises :class:`~node.states.IllegalMove`."""
    row = connection.execute("SELECT state FROM studies WHERE study_instance_uid = ?", (uid,)).fetchone()
    if row is None:
        raise PermanentError("there is no such study", about=uid, hint="`radnode studies list` shows them")
    state = advance_study(StudyState(row["state"]), move)
    connection.execute(
        "UPDATE studies SET state = ?, reason = ?, asked = 0, changed_at = ? WHERE study_instance_uid = ?",
        (state, reason, time.time(), uid),
    )
    add_event(connection, f"study {move}", uid, state=state, reason=reason)
    if state in SETTLED:
        study_settled(connection, uid)
    return state


def move_analysis(connection: sqlite3.Connection, analysis_id: int, move: AnalysisMove, reason: str = "") -> None:
    """Advance an analysis and give back its lease, in the caller's transaction; raises IllegalMove.

    When no analysis of the study's revision is left to do, the study closes in the same transaction.
    """
    row = connection.execute("SELECT state, study_instance_uid FROM analyses WHERE id = ?", (analysis_id,)).fetchone()
    if row is None:
        raise PermanentError("there is no such analysis", about=str(analysis_id), hint="`radnode queue list`")
    state = advance_analysis(AnalysisState(row["state"]), move)
    connection.execute(
        "UPDATE analyses SET state = ?, error = ?, attempts = 0, not_before = 0, lease_owner = NULL,"
        " lease_until = NULL, changed_at = ? WHERE id = ?",
        (state, reason, time.time(), analysis_id),
    )
    add_event(connection, f"analysis {move}", row["study_instance_uid"], analysis_id, state=state, reason=reason)
    _close_study_if_done(connection, row["study_instance_uid"])


def drop_unfinished(connection: sqlite3.Connection, study_instance_uid: str, reason: str) -> None:
    """Drop what is still to do for a study, and what failed without a result, in the caller's transaction."""
    rows = connection.execute(
        f"SELECT id FROM analyses WHERE study_instance_uid = ? AND ({_NOT_ENDED} OR {_FAILED_BARE})",  # noqa: S608
        (study_instance_uid, *_ENDED),
    ).fetchall()
    for row in rows:
        move_analysis(connection, row["id"], AnalysisMove.DROPPED, reason)


def _close_study_if_done(connection: sqlite3.Connection, uid: str) -> None:
    open_count = connection.execute(
        f"SELECT count(*) FROM analyses WHERE study_instance_uid = ? AND {_NOT_ENDED}",  # noqa: S608  only marks
        (uid, *_ENDED),
    ).fetchone()[0]
    state = connection.execute("SELECT state FROM studies WHERE study_instance_uid = ?", (uid,)).fetchone()["state"]
    if open_count == 0 and state == StudyState.ROUTED:
        move_study(connection, uid, StudyMove.ANALYSES_ENDED, "every analysis has ended")
