"""How long each step of an analysis took, by the trail."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from node.ledger.database import Database


@dataclass(frozen=True)
class Passage:
    """One analysis on its way, in epoch seconds. What the trail does not tell is None.

    Attributes:
        number: of the event that says it was delivered.
        first, last: the first and the last image that came before the study was complete.
        complete: when the node held it for complete.
        routed: when it was known which plugins get it.
        retried: by the operator, or released from silence, so that its times say when somebody looked.
    """

    number: int
    study_instance_uid: str
    plugin: str
    first: float | None
    last: float | None
    complete: float | None
    routed: float | None
    classified: float | None
    reported: float | None
    delivered: float
    retried: bool


class Pace:
    """Reads; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def delivered_after(self, number: int, count: int = 1000) -> list[Passage]:
        """The analyses whose last result was delivered after that event, oldest first."""
        rows = self._database.read(
            "SELECT e.id, e.at, e.study_instance_uid, e.analysis_id, a.plugin FROM events e"
            " JOIN analyses a ON a.id = e.analysis_id"
            " WHERE e.id > ? AND e.action = 'analysis delivered' ORDER BY e.id LIMIT ?",
            number,
            count,
        )
        return [
            _passage(
                row,
                self._times(row["study_instance_uid"], row["analysis_id"], row["id"]),
            )
            for row in rows
        ]

    def _times(self, uid: str, analysis: int, until: int) -> dict[str, tuple[float, float]]:
        """Action -> when it happened first and last before an event, of an analysis and of its study."""
        complete = self._database.read(
            "SELECT max(id) FROM events WHERE study_instance_uid = ? AND id < ? AND action = 'study completed'",
            uid,
            until,
        )[0][0]
        rows = self._database.read(
            "SELECT action, min(at), max(at) FROM events WHERE study_instance_uid = ? AND id < ?"
            " AND (analysis_id = ? OR id = ? OR action = 'received' AND id < ?"
            " OR action = 'study routes found' AND id > ?) GROUP BY action",
            uid,
            until,
            analysis,
            complete,
            complete,
            complete,
        )
        return {row[0]: (row[1], row[2]) for row in rows}


def _passage(row: sqlite3.Row, times: dict[str, tuple[float, float]]) -> Passage:
    def last(action: str) -> float | None:
        return times[action][1] if action in times else None

    return Passage(
        number=row["id"],
        study_instance_uid=row["study_instance_uid"],
        plugin=row["plugin"],
        first=times["received"][0] if "received" in times else None,
        last=last("received"),
        complete=last("study completed"),
        routed=last("study routes found"),
        classified=last("analysis classified"),
        reported=last("analysis reported"),
        delivered=row["at"],
        retried="analysis retried" in times or "analysis released" in times,
    )
