"""What routing has decided: the analyses of a study that are to be made."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass

from node.comparison import PriorRule
from node.ledger.comparisons import want_prior
from node.ledger.events import add_event
from node.priority import Priority
from node.states import AnalysisState


@dataclass(frozen=True)
class Plan:
    """An analysis to be made: the series of a study that one plugin gets, where its results go, and a prior if any.

    `priority_reason`: who says so; empty: nobody. `rank`: its place among those that wait; None: by the time of now.
    """

    plugin: str
    plugin_version: str
    route: str
    series: tuple[str, ...]
    destinations: tuple[str, ...]
    prior: PriorRule | None = None
    priority: Priority = Priority.ROUTINE
    priority_reason: str = ""
    rank: float | None = None


def insert(connection: sqlite3.Connection, uid: str, revision: int, plan: Plan) -> None:
    """Rows for an analysis, QUEUED, and its comparison, in the caller's transaction; those that are there stay."""
    now, named = time.time(), (uid, revision, plan.plugin, plan.plugin_version, plan.route)
    done = connection.execute(
        "INSERT OR IGNORE INTO analyses (study_instance_uid, revision, plugin, plugin_version, route, series,"
        " destinations, priority, priority_reason, rank, state, created_at, changed_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *named,
            json.dumps(plan.series),
            json.dumps(plan.destinations),
            plan.priority,
            plan.priority_reason,
            now if plan.rank is None else plan.rank,
            AnalysisState.QUEUED,
            now,
            now,
        ),
    )
    if done.rowcount and plan.priority_reason:
        add_event(
            connection,
            "analysis prioritised",
            uid,
            done.lastrowid,
            priority=plan.priority,
            plugin=plan.plugin,
            reason=plan.priority_reason,
        )
    if plan.prior:
        want_prior(connection, uid, revision, plan.plugin, plan.prior)
