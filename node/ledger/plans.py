"""What routing has decided: the analyses of a study that are to be made."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass

from node.comparison import PriorRule
from node.ledger.comparisons import want_prior
from node.states import AnalysisState


@dataclass(frozen=True)
class Plan:
    """An analysis to be made: the series of a study that one plugin gets, where its results go, and a prior if any."""

    plugin: str
    plugin_version: str
    route: str
    series: tuple[str, ...]
    destinations: tuple[str, ...]
    prior: PriorRule | None = None


def insert(connection: sqlite3.Connection, uid: str, revision: int, plan: Plan) -> None:
    """A row for an analysis, QUEUED, and one for its comparison; in the caller's transaction."""
    now, named = time.time(), (uid, revision, plan.plugin, plan.plugin_version, plan.route)
    connection.execute(
        "INSERT OR IGNORE INTO analyses (study_instance_uid, revision, plugin, plugin_version, route, series,"
        " destinations, state, created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*named, json.dumps(plan.series), json.dumps(plan.destinations), AnalysisState.QUEUED, now, now),
    )
    if plan.prior:
        want_prior(connection, uid, revision, plan.plugin, plan.prior)
