"""How long each step of an analysis took, by the trail."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from node.ledger.analyses import BY_OPERATOR
from node.ledger.database import Database
from node.priority import Priority

_DELIVERED, _FAILED = "analysis delivered", ("analysis failed", "analysis lost")
_COLUMNS = (
    "e.id, e.at, e.study_instance_uid, e.analysis_id, e.action, e.detail,"
    " a.plugin, a.route, a.priority, a.priority_reason"
)


@dataclass(frozen=True)
class Passage:
    """One analysis on its way, in epoch seconds. What the trail does not tell is None.

    Attributes:
        number: of the event that says how it ended.
        first, last: the first and the last image that came before the study was complete.
        complete: when the node held it for complete.
        routed: when it was known which plugins get it.
        classified, reported: since it was last begun.
        ended: when the last destination had its results, or when it failed.
        failed: why; empty: its results were delivered.
        routes: that led to the plugin, any of whose windows it could have to wait for; none for what was STAT at once.
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
    ended: float
    retried: bool
    failed: str = ""
    routes: tuple[str, ...] = ()

    def says_how_fast(self, windows: Collection[str]) -> bool:
        """Whether its times say how fast the node is, not when an operator looked, or a window opened.

        Args: windows: names of the routes that have one.
        """
        return not self.retried and not (self.routes and set(self.routes) <= set(windows))

    @property
    def seconds(self) -> float | None:
        """From the last image to the last delivered result; None: the trail does not tell."""
        return None if self.last is None else self.ended - self.last


class Pace:
    """Reads; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def delivered_after(self, number: int, count: int = 1000) -> list[Passage]:
        """The analyses whose last result was delivered after that event, oldest first."""
        return self._ended(number, count, _DELIVERED)

    def ended_after(self, number: int, count: int = 1000) -> list[Passage]:
        """The same with those that failed, or whose results an archive does not keep."""
        return self._ended(number, count, _DELIVERED, *_FAILED)

    def _ended(self, number: int, count: int, *actions: str) -> list[Passage]:
        marks = ", ".join("?" * len(actions))
        rows = self._database.read(
            f"SELECT {_COLUMNS} FROM events e"  # noqa: S608  our words
            f" JOIN analyses a ON a.id = e.analysis_id WHERE e.id > ? AND e.action IN ({marks})"  # only marks
            " ORDER BY e.id LIMIT ?",
            number,
            *actions,
            count,
        )
        return self._passages(rows)

    def newest(self, plugin: str, count: int, since: float) -> list[Passage]:
        """What was delivered of the newest analyses that a plugin answered since then, the newest first."""
        rows = self._database.read(
            f"SELECT {_COLUMNS} FROM"  # noqa: S608  our words
            " (SELECT analysis_id FROM observations WHERE plugin = ? AND at >= ? AND series = 0"
            " ORDER BY at DESC LIMIT ?) o JOIN analyses a ON a.id = o.analysis_id"
            " JOIN events e ON e.study_instance_uid = a.study_instance_uid AND e.analysis_id = a.id"
            " AND e.action = 'analysis delivered' ORDER BY e.id DESC",
            plugin,
            since,
            count,
        )
        return self._passages(rows)

    def _passages(self, rows: Iterable[sqlite3.Row]) -> list[Passage]:
        return [_passage(row, self._times(row["study_instance_uid"], row["analysis_id"], row["id"])) for row in rows]

    def _times(self, uid: str, analysis: int, until: int) -> dict[str, _When]:
        """Action -> when it happened before an event, of an analysis and of its study."""
        complete = self._database.read(
            "SELECT max(id) FROM events WHERE study_instance_uid = ? AND id < ? AND action = 'study completed'",
            uid,
            until,
        )[0][0]
        rows = self._database.read(
            "SELECT action, min(at), max(at), max(id) FROM events WHERE study_instance_uid = ? AND id < ?"
            " AND (analysis_id = ? OR id = ? OR action = 'received' AND id < ?"
            " OR action = 'study routes found' AND id > ?) GROUP BY action",
            uid,
            until,
            analysis,
            complete,
            complete,
            complete,
        )
        return {row[0]: _When(*row[1:]) for row in rows}


class _When(NamedTuple):
    """First and last time, and the number of the last event."""

    first: float
    last: float
    number: int


def _passage(row: sqlite3.Row, times: dict[str, _When]) -> Passage:
    begun = times["analysis retried"].number if "analysis retried" in times else 0

    def last(action: str, since: int = 0) -> float | None:
        return times[action].last if action in times and times[action].number > since else None

    return Passage(
        number=row["id"],
        study_instance_uid=row["study_instance_uid"],
        plugin=row["plugin"],
        first=times["received"].first if "received" in times else None,
        last=last("received"),
        complete=last("study completed"),
        routed=last("study routes found"),
        classified=last("analysis classified", begun),
        reported=last("analysis reported", begun),
        ended=row["at"],
        retried="analysis retried" in times or "analysis released" in times,
        failed=_reason(row) if row["action"] in _FAILED else "",
        routes=() if _is_stat(row) else tuple(row["route"].split(", ")),
    )


def _is_stat(row: sqlite3.Row) -> bool:
    """Whether it waited for no window; what an operator made STAT had waited before."""
    return bool(row["priority"] == Priority.STAT and row["priority_reason"] != BY_OPERATOR)


def _reason(row: sqlite3.Row) -> str:
    return str(json.loads(row["detail"] or "{}").get("reason") or row["action"])
