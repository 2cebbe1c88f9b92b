"""The rows of result objects and of the deliveries that are due for them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

from node.states import AnalysisState
from node.study import ResultObject

#: Kind of the note that takes results back. It belongs to an analysis that is WITHDRAWN, and is all that is sent of it.
REJECTION = "rejection"


@dataclass(frozen=True)
class Notice:
    """A result that goes to these destinations by their names, whatever kinds they take; it is in the spool already."""

    result: ResultObject
    destinations: tuple[str, ...]


def take_over(connection: sqlite3.Connection, analysis_id: int, made: Sequence[ResultObject]) -> None:
    """Objects that an earlier revision made just so belong to this one, with all that became of them anywhere.

    In the caller's transaction. What arrived of them, stand-ins too, has then arrived of this analysis.
    """
    for table in ("results", "deliveries"):
        sql = f"UPDATE {table} SET analysis_id = ? WHERE sop_instance_uid = ?"  # noqa: S608  two names of ours
        connection.executemany(sql, [(analysis_id, one.sop_instance_uid) for one in made])


def add_results(
    connection: sqlite3.Connection, analysis_id: int, made: Sequence[ResultObject], wanted: Mapping[str, Sequence[str]]
) -> None:
    """Write results with a delivery for each destination that wants their kind, in the caller's transaction.

    An object that is known already, from an earlier revision or attempt, becomes this analysis's own: what was not
    delivered of it is due again, whatever became of the analysis that made it first.
    """
    now = time.time()
    connection.executemany(
        "INSERT INTO results (analysis_id, created_at, sop_instance_uid, sop_class_uid, series_instance_uid, kind,"
        " path, sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sop_instance_uid) DO UPDATE SET"
        " analysis_id = excluded.analysis_id, path = excluded.path, sha256 = excluded.sha256",
        [(analysis_id, now, *astuple(one)) for one in made],
    )
    connection.executemany(
        "INSERT INTO deliveries (analysis_id, sop_instance_uid, destination, changed_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (sop_instance_uid, destination) DO UPDATE SET analysis_id = excluded.analysis_id,"
        " state = 'WAITING', attempts = 0, not_before = 0 WHERE state != 'DONE'",
        [
            (analysis_id, one.sop_instance_uid, destination, now)
            for destination, kinds in wanted.items()
            for one in made
            if one.kind in kinds
        ],
    )


def are_withdrawn(connection: sqlite3.Connection, made: Sequence[ResultObject]) -> bool:
    """Whether one of these objects belongs to an analysis that was withdrawn."""
    marks = ", ".join("?" * len(made))
    found = connection.execute(
        "SELECT 1 FROM results r JOIN analyses a ON a.id = r.analysis_id"  # noqa: S608  only marks
        f" WHERE a.state = ? AND r.sop_instance_uid IN ({marks}) LIMIT 1",
        (AnalysisState.WITHDRAWN, *(one.sop_instance_uid for one in made)),
    ).fetchone()
    return found is not None
