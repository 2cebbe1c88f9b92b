"""What watching the models came to: a small row for each measure of each look, and each site's baseline.

A standing alarm is a row of a plugin's newest look; that it begins or ends is a line of the trail.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum

from node.ledger.database import Database
from node.ledger.events import add_event
from node.ledger.observations import Watched, plugins_of, prune
from node.ledger.pauses import pause_plugin

#: For who may never have chosen what the site's baseline is.
NEW_BASELINE = "if the change is meant: `radnode watch baseline {}`"
#: So many measures are named where a plugin is paused for them; the event `drift` has all.
_MOST_NAMED = 3


#: Whether it is about lateness -> what the trail says when alarms begin, and when none stands any more.
_TOLD = {False: ("drift", "drift has ended"), True: ("results come late", "results come in time again")}


class Verdict(StrEnum):
    """What a measure says."""

    ALARM = "alarm"
    DIFFERS = "differs"  # by as much, from a reference that alarms are not raised against
    AS_BEFORE = "as before"
    TOO_FEW = "too few to say"
    TOLD = "told"  # a figure without a limit


@dataclass(frozen=True)
class Measure:
    """One figure of one look.

    Attributes:
        kind: scores, inputs, embeddings, abstentions, subgroups, latency, rates or predictive values.
        metric: such as ``ks pneumonia``, ``fall of present pneumonia``, ``late``.
        subject: whose answers: empty: all, else ``sender CT1``, ``sex F``, or a month.
        reference: ``site``, ``training``, ``objective``, or empty where there is none.
        reference_answers: how many.
        answers: how many were looked at.
        value: of the metric.
        threshold: beyond which it is no chance any more; None: there is no limit.
        verdict: see :class:`Verdict`.
    """

    kind: str
    metric: str
    subject: str
    reference: str
    reference_answers: int
    answers: int
    value: float | None
    threshold: float | None
    verdict: Verdict

    @property
    def is_detail(self) -> bool:
        """Whether it is shown only to who asks for everything."""
        quiet = self.kind == "subgroups" and self.verdict not in (Verdict.ALARM, Verdict.DIFFERS)
        return quiet or self.kind in ("rates", "predictive values")

    @property
    def is_late(self) -> bool:
        """Whether it is about when results come, not about what they say."""
        return self.kind == "latency"


@dataclass(frozen=True)
class MeasureRow(Measure):
    """A measure in the ledger, with the look that it belongs to."""

    plugin: str
    plugin_version: str
    at: float


@dataclass(frozen=True)
class Baseline:
    """The answers that a site began with, as text of ``node.watch.answers``; what came until then is part of them."""

    plugin_version: str
    until: float
    answers: str


class Measures:
    """Reads and writes looks and baselines; raises :class:`~node.errors.LedgerBusy`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self, plugin: str = "") -> list[MeasureRow]:
        """The newest look at every plugin, or at one."""
        sql = (
            "SELECT * FROM measures WHERE plugin = ? AND at = (SELECT max(at) FROM measures WHERE plugin = ?)"
            " ORDER BY place"
        )
        names = [plugin] if plugin else plugins_of(self._database, "measures")
        return [row for name in names for row in _rows(self._database.read(sql, name, name))]

    def history(self, plugin: str, since: float) -> list[MeasureRow]:
        """All looks at a plugin since then, the oldest first."""
        sql = "SELECT * FROM measures WHERE plugin = ? AND at >= ? ORDER BY at, place"
        return _rows(self._database.read(sql, plugin, since))

    def alarms(self) -> dict[str, list[MeasureRow]]:
        """Plugin -> the measures that stand in alarm."""
        found: dict[str, list[MeasureRow]] = {}
        for row in self.latest():
            if row.verdict is Verdict.ALARM:
                found.setdefault(row.plugin, []).append(row)
        return found

    def record(self, of: Watched, measures: Sequence[Measure], pause_on: Collection[str] = ()) -> list[Measure]:
        """Write a look; what is newly in alarm is told in the trail, and pauses the plugin where a rule says so.

        Returns the new alarms. An alarm that stands pauses once: who resumed the plugin knew of it.
        """
        before = {(row.metric, row.subject): row for row in self.alarms().get(of.plugin, ())}
        alarms = [one for one in measures if one.verdict is Verdict.ALARM]
        new = [one for one in alarms if (one.metric, one.subject) not in before]
        now = time.time()
        with self._database.write() as connection:
            connection.executemany(
                f"INSERT INTO measures VALUES ({', '.join('?' * 13)})",  # noqa: S608  only marks
                [
                    (of.plugin, now, place, of.plugin_version, *astuple(one)[:-1], str(one.verdict))
                    for place, one in enumerate(measures)
                ],
            )
            for late, (begun, ended) in _TOLD.items():
                if fresh := [told(one) for one in new if one.is_late is late]:
                    add_event(connection, begun, plugin=of.plugin, measures=fresh)
                stood, stand = (any(one.is_late is late for one in found) for found in (before.values(), alarms))
                if stood and not stand:
                    add_event(connection, ended, plugin=of.plugin)
            pausing = [one for one in new if one.kind in pause_on]
            if pausing:
                named = [*map(told, pausing[:_MOST_NAMED]), *(["..."] if pausing[_MOST_NAMED:] else [])]
                pause_plugin(connection, of.plugin, f"drift: {'; '.join(named)}; see `radnode watch`")
        return new

    def prune(self, before: float) -> int:
        """Remove looks of before that time; how many rows."""
        return prune(self._database, "measures", before)

    def baseline(self, of: Watched) -> Baseline | None:
        """The baseline of a plugin's version; None: there is none yet."""
        sql = "SELECT plugin_version, until, answers FROM baselines WHERE plugin = ? AND plugin_version = ?"
        rows = self._database.read(sql, of.plugin, of.plugin_version)
        return Baseline(**dict(rows[0])) if rows else None

    def set_baseline(self, of: Watched, until: float, answers: str, why: str) -> None:
        """From now on that is what answers are compared with. Args: why: for the trail."""
        with self._database.write() as connection:
            sql = "INSERT OR REPLACE INTO baselines VALUES (?, ?, ?, ?)"
            connection.execute(sql, (of.plugin, of.plugin_version, until, answers))
            add_event(connection, "baseline set", plugin=of.plugin, plugin_version=of.plugin_version, reason=why)


def told(one: Measure) -> str:
    """A measure in words."""
    limit = "" if one.threshold is None else f" (limit {one.threshold:.3g})"
    value = "" if one.value is None else f" {one.value:.3g}"
    return f"{one.metric}{f' of {one.subject}' if one.subject else ''}{value}{limit}"


def _rows(rows: Sequence[sqlite3.Row]) -> list[MeasureRow]:
    names = MeasureRow.__dataclass_fields__
    return [MeasureRow(**{n: row[n] for n in names} | {"verdict": Verdict(row["verdict"])}) for row in rows]
