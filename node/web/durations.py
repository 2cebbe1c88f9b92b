"""How long results take, stage by stage, as histograms of Prometheus, and how many came in time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from node.ledger import Ledger
from node.ledger.pace import Passage

#: Stage -> what it is; each begins where the one before ends, and the last is the whole from the last image on.
STAGES = {
    "arrival": "first to last image",
    "completion": "last image until the study counts as complete",
    "classification": "complete until the prediction is there: the wait for a worker, and its work",
    "report": "prediction until the result objects are there",
    "delivery": "result objects until every destination has them",
    "door to result": "last image until every destination has the results",
}
#: Seconds.
BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
#: So many analyses are read at a time.
_MANY = 1000


class Durations:
    """Counts what was delivered since it was made, as Prometheus wants it of counters. Usable from several threads.

    Args:
        ledger: whose trail tells the times.
        objective: results that take longer from door to result are late, seconds; asked at each look.
        windows: names of the routes that have one; asked at each look.
    """

    def __init__(
        self, ledger: Ledger, objective: Callable[[], float], windows: Callable[[], Collection[str]] = tuple
    ) -> None:
        self._ledger, self._objective, self._windows = ledger, objective, windows
        self._seen = ledger.audited.newest()
        self._lock = threading.Lock()
        self.registry = CollectorRegistry()
        self._stages = Histogram(
            "radnode_stage_seconds",
            "How long each stage of an analysis took",
            ("stage", "plugin"),
            registry=self.registry,
            buckets=BUCKETS,
        )
        labels = ("plugin",)
        self._all = Counter("radnode_results", "Analyses whose results were delivered", labels, registry=self.registry)
        self._in_time = Counter(
            "radnode_results_in_time", "Those of them within the objective", labels, registry=self.registry
        )
        goal = Gauge("radnode_result_objective_seconds", "web.result_objective_seconds", registry=self.registry)
        goal.set_function(objective)

    def look(self) -> None:
        """Take in what was delivered since the last look."""
        with self._lock:
            while found := self._ledger.pace.delivered_after(self._seen, _MANY):
                windows = self._windows()
                for one in found:
                    if one.says_how_fast(windows):
                        self._count(one)
                self._seen = found[-1].number

    def _count(self, one: Passage) -> None:
        for stage, seconds in stages_of(one):
            self._stages.labels(stage, one.plugin).observe(seconds)
        self._all.labels(one.plugin).inc()
        in_time = self._in_time.labels(one.plugin)
        if one.seconds is not None and one.seconds <= self._objective():
            in_time.inc()


def stages_of(one: Passage) -> Iterator[tuple[str, float]]:
    """Stage and seconds, of the stages whose begin and end the trail tells; a clock that was set back counts as 0."""
    ways = (
        (one.first, one.last),
        (one.last, one.complete),
        (one.complete, one.classified),
        (one.classified, one.reported),
        (one.reported, one.ended),
        (one.last, one.ended),
    )
    for stage, (begin, end) in zip(STAGES, ways, strict=True):
        if begin is not None and end is not None:
            yield stage, max(0.0, end - begin)
