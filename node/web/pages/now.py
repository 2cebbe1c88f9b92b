"""The first page: what comes in, what waits, and what is wrong."""

from __future__ import annotations

import shutil
import time
from typing import Any

from node import condition
from node.config import Settings, at
from node.ledger import Ledger
from node.states import ENDED, AnalysisState, StudyState
from node.web.pages.charts import Chart, bars

_HOURS = 24
#: What is still to do; what ended is millions of rows after years, and is counted nowhere here.
_STUDIES = (StudyState.RECEIVING, StudyState.COMPLETE, StudyState.ROUTED, StudyState.QUARANTINED)
_ANALYSES = tuple(state for state in AnalysisState if state not in ENDED - {AnalysisState.FAILED})
_MOST_LISTED = 20


def now(settings: Settings, ledger: Ledger) -> dict[str, Any]:
    """The values of the page."""
    free = shutil.disk_usage(settings.node.data_dir).free >> 20
    studies, analyses = ledger.overview.studies_in(_STUDIES), ledger.overview.analyses_in(_ANALYSES)
    wrong = condition.problems(settings, ledger, free)
    is_served = ledger.facts.serving_pid() is not None
    oldest = ledger.overview.oldest(AnalysisState.QUEUED)
    latest = ledger.studies.latest(1)
    return {
        "state_word": "down" if not is_served else "degraded" if wrong else "ok",
        "problems": wrong,
        "summary": _summary(studies, analyses, len(wrong), is_served=is_served),
        "studies": studies,
        "analyses": analyses,
        "waiting": {one.name: ledger.overview.waiting(one.name).objects for one in settings.destinations},
        "oldest": oldest,
        "last_at": latest[0].last_at if latest else None,
        "free_mb": free,
        "min_free_mb": settings.storage.min_free_mb,
        "listens": ", ".join(at(settings.node.host, port) for port in settings.ports.values()),
        "hours": by_hour(ledger, time.time()),
        "open": ledger.analyses.unfinished(_MOST_LISTED),
        "critical": ledger.criticals.open(),
    }


def _summary(studies: dict[StudyState, int], analyses: dict[AnalysisState, int], wrong: int, *, is_served: bool) -> str:
    """What is read out when it changes."""
    node = "The node serves" if is_served else "No process serves this node: `radnode serve` starts it"
    coming, waiting = studies[StudyState.RECEIVING], analyses[AnalysisState.QUEUED]
    told = f"{node}; studies that are coming in: {coming}; analyses that wait for a worker: {waiting}"
    attention = f"{wrong} thing{' needs' if wrong == 1 else 's need'} attention" if wrong else "nothing is wrong"
    return f"{told}; {attention}."


def by_hour(ledger: Ledger, at: float) -> Chart:
    """Studies of each of the last 24 hours, the one that runs included."""
    this = int(at // 3600)
    counts = ledger.overview.by_hour((this - _HOURS + 1) * 3600.0)
    hours = range(this - _HOURS + 1, this + 1)
    values = [(time.strftime("%H:00", time.localtime(hour * 3600)), counts.get(hour, 0)) for hour in hours]
    total = sum(count for _, count in values)
    title = "Studies of each hour, by their last image"
    about = f"{total} studies in the last {_HOURS} hours, at most {max(count for _, count in values)} in one."
    rows = tuple((label, str(count)) for label, count in values)
    return Chart("hours", title, about, bars("hours", title, about, values), ("hour", "studies"), rows)
