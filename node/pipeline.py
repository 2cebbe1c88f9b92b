"""The order of the work; the only file that knows it.

    receive -> spool -> ledger -> assemble -> route -> classify -> explain -> report -> deliver

A study that arrives is closed by :meth:`Pipeline.close_studies`, routed by :meth:`Pipeline.route_studies`; its analyses
are worked off by :meth:`Pipeline.work`, one call for each worker process; results leave through a courier for each
destination. Every method reads what is due from the ledger, does one thing, and commits its outcome, so that it may be
killed on any line and called again.

Worked example: a chest film comes in, is quiet for two seconds and is COMPLETE; the rule "chest films" gives it to
`chest-radiograph`, so it is ROUTED with one analysis, QUEUED; a worker classifies it (CLASSIFIED), builds report and
heatmap (REPORTED); the courier of `pacs` sends both (DELIVERED), and the study is CLOSED.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from node import review, route
from node.classify.catalogue import Catalogue
from node.classify.process import WorkerDied, WorkerLate, WorkerProcess
from node.completion import Completion
from node.config import SENDER, Settings
from node.deliver import backoff_seconds
from node.errors import LedgerBusy, RadnodeError, where
from node.ledger import (
    BY_OPERATOR,
    AnalysisRow,
    Ledger,
    Plan,
    StudyRow,
    critical_from,
    job_table,
    observation_from,
    opening,
)
from node.priority import Turn, Urgency, rank, turns
from node.retention import WORTH_A_LINE, Retention
from node.spool import Spool
from node.states import AnalysisState, IllegalMove, StudyState
from node.study import ResultObject, Series

#: The steps of a worker, what is nearly done first.
_OPS = ((AnalysisState.CLASSIFIED, "report"), (AnalysisState.QUEUED, "classify"))
#: While the spool takes nothing, workers try again so often.
_SHORTAGE_SECONDS = 5.0
#: Destination -> the kinds of object it takes.
Kinds = Mapping[str, Sequence[str]]


class Pipeline:
    """The steps of one node. Args: clock: monotonic seconds (quiet is never measured on a clock that can be set)."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        spool: Spool,
        catalogue: Catalogue,
        *,
        owner: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._ledger, self._spool = settings, ledger, spool
        self._catalogue, self._owner, self._clock = catalogue, owner, clock
        self._short_until, self._taken = 0.0, 0
        self._completion = Completion(settings.study, ledger, clock)
        manifests = catalogue.manifests.items()
        self._vocabularies = {name: review.read_vocabulary(manifest.folder) for name, manifest in manifests}
        self.retention = Retention(settings.storage, ledger, spool)

    def use(self, settings: Settings) -> None:
        """Route, complete, deliver and purge as these say from now on; a worker that was started for others rests."""
        self._settings = settings
        self._completion.use(settings.study)
        self.retention.settings = settings.storage

    # Studies

    def close_studies(self) -> int:
        """RECEIVING -> COMPLETE for every study that is; return how many."""
        return self._completion.close_studies()

    @property
    def rest_seconds(self) -> float:
        """So long after :meth:`close_studies` the next study may be complete, without a commit of anybody."""
        return self._completion.rest_seconds

    def route_studies(self) -> int:
        """COMPLETE -> ROUTED or IGNORED; return how many."""
        complete = self._ledger.studies.in_state(StudyState.COMPLETE)
        for study in complete:
            try:
                self._route(study)
            except RadnodeError:
                raise
            except Exception as error:  # an edge: one study that nobody has thought of must not hold up the others
                self._ledger.studies.quarantine(study.study_instance_uid, f"it cannot be routed: {where(error)}")
        return len(complete)

    def _route(self, study: StudyRow) -> None:
        series = self._ledger.studies.series(study.study_instance_uid)
        routing = self.routing(series)
        reasons = [decision.reason for decision in routing.decisions]
        is_prior = self._ledger.priors.has(study.study_instance_uid)
        plans = []
        for chosen in routing.chosen:
            if why := self._ledger.workitems.withdrawn(study.study_instance_uid, chosen.plugin):
                reasons.append(f"{chosen.plugin}: its workitem is {why}")
                continue
            destinations, missing = self._destinations(() if is_prior else chosen.destinations, study)
            reasons += missing
            what = chosen.plugin, chosen.plugin_version, chosen.route, chosen.series
            plan = Plan(*what, destinations, None if is_prior else chosen.prior)
            plans.append(self._ranked(plan, series, study))
        prior = ["it came as a prior: nothing of it is delivered"] if is_prior else []
        reasons = list(dict.fromkeys([*prior, *reasons, *routing.reasons]))
        self._ledger.analyses.route(study.study_instance_uid, plans, reasons, study.revision)

    def _ranked(self, plan: Plan, series: Sequence[Series], study: StudyRow) -> Plan:
        """The plan with its priority; what waits for a window ages from its opening on, a prior for none."""
        settings, now, uid = self._settings, time.time(), study.study_instance_uid
        if waited_for := self._ledger.priors.place(uid):
            return replace(plan, **vars(waited_for))
        used = [one for one in settings.routes if one.name in plan.route.split(", ")]
        items = [one for one in self._ledger.workitems.of_study(uid) if one.plugin == plan.plugin]
        ordered = [one.worklist for one in items if one.priority == "HIGH"]
        urgency = route.urgency(series, used, settings.peers, study.sender, ordered)
        for row in self._ledger.analyses.of_study(uid):  # earlier revisions
            if row.plugin == plan.plugin and row.priority_reason == BY_OPERATOR:
                urgency = Urgency(row.priority, row.priority_reason)
        begins = opening(plan.route, settings.shut(now)) or now
        place = rank(urgency.priority, begins, settings.queue.ageing_seconds)
        return replace(plan, priority=urgency.priority, priority_reason=urgency.reason, rank=place)

    def routing(self, series: Sequence[Series]) -> route.Routing:
        """Which series goes where, and why not elsewhere."""
        settings = self._settings
        names = [destination.name for destination in settings.destinations]
        return route.route_versions(series, settings.routes, self._catalogue.manifests, settings.match, names)

    def _destinations(self, names: Iterable[str], study: StudyRow) -> tuple[tuple[str, ...], list[str]]:
        """The names with @sender resolved, and what could not be."""
        found, missing = [], []
        for name in names:
            if name != SENDER:
                found.append(name)
                continue
            back = [d.name for d in self._settings.destinations if d.ae_title == study.sender and d.kind == "dicom"]
            found += back[:1]
            if not back:
                missing.append(f"{SENDER}: no destination has the AE title {study.sender!r} of the sender")
        return tuple(dict.fromkeys(found)), missing

    # Analyses

    def work(self, worker: WorkerProcess, made_for: Settings | None = None) -> bool:
        """Let a worker take what is due, by its rank, what is nearly done first; False when nothing is.

        Args:
            worker: that runs.
            made_for: the settings it was started with. What was routed by newer ones is not for it: it does not know
                their destinations, and would leave out what they want. None: those of this pipeline.
        """
        settings = made_for or self._settings
        if self._clock() < self._short_until:
            return False
        shut = tuple(self._settings.shut(time.time()))
        for turn in turns(time.time(), shut, aged_first=self._taken % 2 == 1):
            for state, op in _OPS:
                rows = self._lease(worker, state, turn)
                wanted = {row.id: _wanted(row, settings) for row in rows}
                if rows and settings is not self._settings:  # asked after the lease: older was routed by `settings`
                    for row in rows:
                        self._ledger.analyses.postpone(row.id, row.error, 0, counted=False)
                    return False
                if rows:
                    self._taken += 1
                    self._work_off(worker, op, rows, wanted)
                    return True
        return False

    def _lease(self, worker: WorkerProcess, state: AnalysisState, turn: Turn) -> list[AnalysisRow]:
        return self._ledger.analyses.lease(
            state,
            f"{self._owner}/{id(worker)}",
            seconds=2 * self._limit_seconds(None),
            count=self._settings.worker.batch if state is AnalysisState.QUEUED else 1,
            longest_wait=self._settings.retry.longest_seconds,
            turn=turn,
        )

    def _work_off(
        self, worker: WorkerProcess, op: str, rows: Sequence[AnalysisRow], wanted: Mapping[int, Kinds]
    ) -> None:
        try:
            jobs = [job_table(self._ledger.job(row)) for row in rows]
            answer = worker.ask({"op": op, "jobs": jobs}, self._limit_seconds(rows[0].plugin))
        except LedgerBusy as error:
            for row in rows:
                self._later(row, str(error), alone=False)
            return
        except (WorkerDied, WorkerLate) as error:
            step = self._late if isinstance(error, WorkerLate) else self._later
            for row in rows:
                if step(row, str(error), alone=len(rows) == 1):
                    self._ledger.pauses.crashed(row.plugin, str(error), self._settings.worker.pause_after_crashes)
            return
        by_id = {row.id: row for row in rows}
        for one in answer["answers"]:
            self._settle(by_id[one["id"]], op, one, wanted[one["id"]])
        if answer.get("tainted"):
            worker.kill()  # what a plugin that raised has left behind (memory, threads, files) ends with the process

    def _limit_seconds(self, plugin: str | None) -> float:
        """Wall-clock seconds that a job of that plugin may take; None: of the slowest."""
        manifests = self._catalogue.manifests
        limits = [m.seconds_limit for name, m in manifests.items() if plugin in (None, name)]
        return max(limits, default=0) + self._settings.worker.decode_seconds

    def _settle(self, row: AnalysisRow, op: str, answer: Mapping[str, Any], wanted: Kinds) -> None:
        analyses = self._ledger.analyses
        try:
            if "error" in answer and answer["temporary"]:
                self._short_until = self._clock() + _SHORTAGE_SECONDS
                analyses.postpone(row.id, answer["error"], 0, counted=False)  # no fault of it, however long that lasts
            elif "error" in answer:
                analyses.fail(row.id, answer["error"])
            elif op == "classify":
                if missed := answer["not_assessed"]:
                    reasons = [f"{one['sop_instance_uid']}: {one['reason']}" for one in missed]
                    self._ledger.events.add("images not assessed", row.study_instance_uid, reasons=reasons)
                observed = [observation_from(one) for one in answer.get("observed", ())]
                told = answer["summary"], answer.get("sealed"), observed, answer.get("assessment", "")
                analyses.classified(row.id, *told)
                self._ledger.pauses.worked(row.plugin)
            else:
                is_prior = self._ledger.priors.has(row.study_instance_uid)
                found = [] if is_prior else [critical_from(one) for one in answer.get("critical", ())]
                results = [ResultObject(**one) for one in answer["results"]]
                if answer.get("compared"):
                    self._ledger.comparisons.tell(row.id, tuple(answer["compared"]))
                analyses.reported(row.id, results, wanted, found, answer.get("sealed"), answer.get("version", ""))
        except IllegalMove:
            pass  # the operator, or a late image, took the analysis away meanwhile; its event says so

    def _late(self, row: AnalysisRow, reason: str, *, alone: bool) -> bool:
        """A batch that is late is taken apart; who is late alone has failed. True when it is given up."""
        if alone:
            self._give_up(row, reason)
        else:
            self._ledger.analyses.postpone(row.id, reason, 0)
        return alone

    def _later(self, row: AnalysisRow, reason: str, *, alone: bool) -> bool:
        """Another attempt, unless they are spent. True when it is given up."""
        if alone and row.attempts + 1 >= self._settings.retry.max_attempts:
            self._give_up(row, f"{reason} (attempt {row.attempts + 1})")
            return True
        wait = backoff_seconds(row.attempts + 1, self._settings.retry, random.random()) if alone else 0  # noqa: S311
        self._ledger.analyses.postpone(row.id, reason, wait)
        return False

    def _give_up(self, row: AnalysisRow, reason: str) -> None:
        with suppress(IllegalMove):  # taken away meanwhile
            self._ledger.analyses.fail(row.id, reason)

    # Reviews

    def read_documents(self) -> int:
        """Read the reports that came in: what a reader says of our findings; return how many reviews were taken."""
        to, words, charset = (self._ledger, self._spool), self._vocabularies, self._settings.hl7.character_set
        count = sum(review.take_document(*to, one, words) for one in self._ledger.reviews.unread())
        return count + sum(review.take_report(*to, one, words, charset) for one in self._ledger.reports.due())

    # Housekeeping

    def purge(self, now: float) -> int:
        """See :meth:`Retention.forget`, and :meth:`Retention.purge`; nothing while the clock is doubted."""
        if self.retention.doubts_clock(now):
            return 0
        self.retention.forget(now, least=WORTH_A_LINE)
        return self.retention.purge(now)

    def make_room(self, now: float) -> int:
        """See :meth:`Retention.make_room`."""
        return self.retention.make_room(now)


def _wanted(row: AnalysisRow, settings: Settings) -> Kinds:
    """Which kinds of object each destination of the analysis takes."""
    found = (settings.destination(name) for name in row.destinations)
    return {destination.name: destination.kinds for destination in found if destination}
