"""An analysis as it is planned and as it stands in the ledger: its row, written once and read often."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from node.priority import Priority
from node.states import AnalysisState


@dataclass(frozen=True)
class AnalysisRow:
    """An analysis as it stands in the ledger. `summary` is one line for a person, without a patient's data.

    `sealed`: name of a file in its folder -> sha256, hex, of the file as it was made.
    """

    id: int
    study_instance_uid: str
    revision: int
    plugin: str
    plugin_version: str
    route: str
    series: tuple[str, ...]
    destinations: tuple[str, ...]
    state: AnalysisState
    error: str
    summary: str
    attempts: int
    not_before: float
    created_at: float
    changed_at: float
    sealed: Mapping[str, str] = field(default_factory=dict)
    priority: Priority = Priority.ROUTINE
    priority_reason: str = ""

    def waits_until(self, shut: Mapping[str, float]) -> float | None:
        """When a window of its routes opens, epoch seconds; None where it need not wait for that.

        Args:
            shut: route -> when its window opens, as :meth:`node.config.Settings.shut` has it.
        """
        if self.state is not AnalysisState.QUEUED or self.priority is Priority.STAT:
            return None
        return opening(self.route, shut)


#: Of a row of `analyses`: whether it may be begun while the windows of some routes are shut, whose names are bound as
#: JSON; the same as :meth:`AnalysisRow.waits_until`. A route's name holds neither comma nor quote.
IS_OPEN = (
    f"(priority = '{Priority.STAT}' OR EXISTS (SELECT 1 FROM"  # noqa: S608  our word
    " json_each('[\"' || replace(analyses.route, ', ', '\",\"') || '\"]') AS one"
    " WHERE one.value NOT IN (SELECT value FROM json_each(?))))"
)


def opening(routes: str, shut: Mapping[str, float]) -> float | None:
    """When the first of these routes may begin an analysis; None: now. Args: routes: their names, joined by a comma."""
    times = [shut.get(name) for name in routes.split(", ")]
    known = [at for at in times if at is not None]
    return min(known) if len(known) == len(times) else None


def analysis_of(row: sqlite3.Row) -> AnalysisRow:
    """An analysis as its row has it."""
    fields = {name: row[name] for name in AnalysisRow.__dataclass_fields__}
    fields["state"], fields["priority"] = AnalysisState(row["state"]), Priority(row["priority"])
    for name in ("series", "destinations"):
        fields[name] = tuple(json.loads(row[name]))
    fields["sealed"] = json.loads(row["sealed"])
    return AnalysisRow(**fields)


def one_batch(rows: Sequence[sqlite3.Row], count: int) -> list[sqlite3.Row]:
    """The first rows that go together: one plugin; what failed before goes alone, so that it cannot spoil others."""
    if not rows or rows[0]["attempts"]:
        return list(rows[:1])
    fitting = [row for row in rows if row["plugin"] == rows[0]["plugin"] and not row["attempts"]]
    return fitting[:count]


def seal(connection: sqlite3.Connection, analysis_id: int, sealed: Mapping[str, str]) -> None:
    """Note the digests of further files of an analysis. Args: sealed: name of the file -> sha256, hex."""
    sql = "UPDATE analyses SET sealed = json_patch(sealed, ?) WHERE id = ?"
    connection.execute(sql, (json.dumps(sealed), analysis_id))
