"""Claims workitems, and goes on with those in hand: one look after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from pydicom.uid import generate_uid

from node.config import Settings, Worklist
from node.errors import DeliveryError, DeliveryRefused, PermanentError
from node.fetch.errand import run_apart
from node.ledger import Ledger, WorkitemRow, WorkitemState
from node.worklist import workitem
from node.worklist.again import take_up
from node.worklist.judgement import Done, Failed, Judgement, judge, outputs_of
from node.worklist.origin import NotThere, Origin
from node.worklist.server import Said, Server
from node.worklist.workitem import PRIORITIES, Workitem

log = structlog.get_logger()

#: A study that did not come whole is asked for again after so long, seconds.
_AGAIN_SECONDS = 60.0
#: In which a request to cancel it can be met.
_WITHDRAWN = (WorkitemState.FETCHING, WorkitemState.ANALYSING)


class Performer:
    """Of one worklist.

    Args:
        worklist: whose workitems are performed.
        settings: of this node.
        ledger: is told, and knows how far the work is.
        is_stopping: the node is.
    """

    def __init__(
        self, worklist: Worklist, settings: Settings, ledger: Ledger, is_stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self._worklist, self._settings, self._ledger, self._is_stopping = worklist, settings, ledger, is_stopping
        self._origin = Origin(worklist, settings, ledger, is_stopping)
        self._next = 0.0

    def step(self) -> None:
        """Go on with what is in hand, then take more."""
        run_apart(f"worklist {self._worklist.name}", self._look, self._ledger, self._is_stopping)

    def glance(self, news: threading.Event) -> None:
        """Look when there is news, or when it is time. Args: news: cleared."""
        if news.is_set() or time.monotonic() >= self._next:
            news.clear()
            self._next = time.monotonic() + self._worklist.every_seconds
            self.step()

    def _look(self) -> str:
        """What keeps workitems from coming further, or empty."""
        troubles = []
        with Server(self._worklist) as server:
            for row in self._ledger.workitems.open(self._worklist.name):
                troubles.append(self._pursue(server, row))
            for uid, found in self._wanted(server).items() if self._has_room() else ():
                if self._has_room():
                    troubles.append(self._take(server, uid, *found))
        return next((one for one in troubles if one), "")

    # Claiming

    def _has_room(self) -> bool:
        return len(self._ledger.workitems.open(self._worklist.name)) < self._worklist.at_most

    def _wanted(self, server: Server) -> dict[str, tuple[str, str]]:
        """Workitems that could be claimed, the urgent first: UID -> code, as configured, and plugin."""
        found: dict[str, tuple[Workitem, str, str]] = {}
        for code, plugin in self._worklist.codes.items():
            for one in server.search(code):
                if self._fits(one, code) and self._ledger.workitems.get(one.uid) is None:
                    found.setdefault(one.uid, (one, code, plugin))
        ordered = sorted(found.values(), key=lambda one: PRIORITIES.index(one[0].priority))
        return {one.uid: (code, plugin) for one, code, plugin in ordered}

    def _fits(self, one: Workitem, code: str) -> bool:
        """Whether it is what was searched for, whatever the server makes of our keys."""
        label = self._worklist.label
        return (
            one.state == workitem.SCHEDULED
            and one.is_ready
            and any(f"{value}^{scheme}" == code for value, scheme, _ in one.codes)
            and label in ("", one.label)
        )

    def _take(self, server: Server, uid: str, code: str, plugin: str) -> str:
        """Write one down as it is now, and claim it."""
        if self._is_stopping():
            return ""
        try:
            one = server.retrieve(uid)
        except (DeliveryError, DeliveryRefused) as error:
            return str(error)
        if one is None or not self._fits(one, code):
            return ""
        now = time.time()
        row = WorkitemRow(
            workitem_uid=uid,
            worklist=self._worklist.name,
            transaction_uid=str(generate_uid(None)),
            study_instance_uid=one.studies[0] if len(one.studies) == 1 else "",
            plugin=plugin,
            code=next(known for known in one.codes if "^".join(known[:2]) == code),
            sources=one.sources,
            priority=one.priority,
            state=WorkitemState.CLAIMING,
            tries=0,
            told="",
            reason="",
            claimed_at=now,
            changed_at=now,
        )
        self._ledger.workitems.add(row)
        return self._pursue(server, row)

    # Going on

    def _pursue(self, server: Server, row: WorkitemRow) -> str:
        """As far as it goes now; what keeps it from going further, or empty."""
        steps = {
            WorkitemState.CLAIMING: self._claim,
            WorkitemState.FETCHING: self._fetch,
            WorkitemState.ANALYSING: self._await,
            WorkitemState.COMPLETING: self._complete,
            WorkitemState.CANCELING: self._cancel,
        }
        try:
            while not self._is_stopping():
                step = self._withdraw if row.cancel and row.state in _WITHDRAWN else steps[row.state]
                step(server, row)
                now = self._ledger.workitems.get(row.workitem_uid)
                if now is None or now.state is row.state or now.state not in steps:
                    return now.reason if now is not None and now.state is WorkitemState.FETCHING else ""
                row = now
        except (DeliveryError, DeliveryRefused) as error:
            return str(error)
        return ""

    def _claim(self, server: Server, row: WorkitemRow) -> None:
        """Ask for it; who asks again, since there was no answer, may have it although the server says no."""
        uid, transaction_uid = row.workitem_uid, row.transaction_uid
        self._ledger.workitems.try_again(uid)
        said = server.change(uid, transaction_uid, workitem.IN_PROGRESS)
        if said is Said.NO and row.tries:
            said = server.update(uid, workitem.progress(transaction_uid, 0, "claimed"))
        if said is not Said.YES:
            why = "it is gone" if said is Said.GONE else "another performer was quicker, or it was canceled"
            self._ledger.workitems.move(row, WorkitemState.LOST, why)
        elif not row.study_instance_uid:
            why = "its input names no study, or several"
            self._ledger.workitems.move(row, WorkitemState.CANCELING, why)
        else:
            log.info("workitem claimed", worklist=row.worklist, workitem=uid, plugin=row.plugin)
            self._ledger.workitems.move(row, WorkitemState.FETCHING)

    def _fetch(self, server: Server, row: WorkitemRow) -> None:
        """Have its study come, unless it is here, or was answered before; a part of it counts for nothing."""
        uid, unknown = row.study_instance_uid, self._origin.unknown(row)
        self._ledger.priors.release(uid, f"worklist {row.worklist}")
        last = self._ledger.fetches.of_study(uid)
        is_done = isinstance(self._judged(row), Done) and (last is None or last.is_whole)
        if is_done or (unknown and self._ledger.fetches.came(uid)):
            self._ledger.workitems.move(row, WorkitemState.ANALYSING)
        elif unknown:
            self._ledger.workitems.move(row, WorkitemState.CANCELING, f"its study is not here, and {unknown}")
        elif self._is_due(row):
            self._tell(server, row, 5, "the study is fetched")
            self._have_come(row)

    def _have_come(self, row: WorkitemRow) -> None:
        workitems = self._ledger.workitems
        try:
            reason = self._origin.fetch(row)
        except NotThere as error:
            workitems.move(row, WorkitemState.CANCELING, str(error))
            return
        if not reason:
            workitems.move(row, WorkitemState.ANALYSING)
        elif time.time() - row.claimed_at > 60 * self._worklist.patience_minutes:
            workitems.move(row, WorkitemState.CANCELING, f"its study did not come: {reason}")
        else:
            workitems.note(row, row.told, reason)

    def _await(self, server: Server, row: WorkitemRow) -> None:
        take_up(row, self._ledger)
        found = self._judged(row)
        if isinstance(found, Done):
            self._ledger.workitems.move(row, WorkitemState.COMPLETING)
        elif isinstance(found, Failed):
            self._ledger.workitems.move(row, WorkitemState.CANCELING, found.reason)
        else:
            self._tell(server, row, found.percent, found.text)

    def _withdraw(self, _: Server, row: WorkitemRow) -> None:
        """It is to be canceled: nothing more is made of its study. What was delivered meanwhile is told."""
        if isinstance(self._judged(row), Done):
            self._ledger.workitems.move(row, WorkitemState.COMPLETING)
        else:
            self._ledger.workitems.withdraw(row)

    def _tell(self, server: Server, row: WorkitemRow, percent: int, text: str) -> None:
        """How far it is, once; a server that does not want to know that is left its peace."""
        if text == row.told:
            return
        said = server.update(row.workitem_uid, workitem.progress(row.transaction_uid, percent, text))
        if said is not Said.YES and not self._is_in_progress(server, row):
            return
        self._ledger.workitems.note(row, text)

    # The end

    def _complete(self, server: Server, row: WorkitemRow) -> None:
        found = self._judged(row)
        if not isinstance(found, Done):  # a late image has made another revision of the study
            self._ledger.workitems.move(row, WorkitemState.ANALYSING)
            return
        made, uid = self._ledger.analyses.results(found.analysis.id), row.study_instance_uid
        outputs = outputs_of(found.analysis, made, self._ledger.deliveries.of_study(uid), self._settings)
        station, times = self._settings.node.ae_title, (row.claimed_at, max(row.claimed_at, row.changed_at))
        told = workitem.performed(row.transaction_uid, station, row.code, times, outputs)
        said = server.update(row.workitem_uid, told)
        if said is Said.YES:
            said = server.change(row.workitem_uid, row.transaction_uid, workitem.COMPLETED)
        if said is Said.YES:
            self._ledger.workitems.move(row, WorkitemState.COMPLETED)
        elif self._is_in_progress(server, row):
            why = "the worklist server does not take what was performed"
            self._ledger.workitems.move(row, WorkitemState.CANCELING, why)

    def _cancel(self, server: Server, row: WorkitemRow) -> None:
        said = server.update(
            row.workitem_uid,
            workitem.discontinued(row.transaction_uid, row.reason, max(row.claimed_at, row.changed_at)),
        )
        if said is Said.YES:
            said = server.change(row.workitem_uid, row.transaction_uid, workitem.CANCELED)
        if said is Said.YES:
            self._ledger.workitems.move(row, WorkitemState.CANCELED, row.reason)
        elif self._is_in_progress(server, row):
            why = f"the worklist server does not let it be canceled: {row.reason}"
            self._ledger.workitems.move(row, WorkitemState.LOST, why)

    def _is_in_progress(self, server: Server, row: WorkitemRow) -> bool:
        """Whether it still is, over there; else it has its end here, too."""
        known = server.retrieve(row.workitem_uid)
        state = known.state if known is not None else ""
        if state == workitem.IN_PROGRESS:
            return True
        ends = {
            (workitem.COMPLETED, WorkitemState.COMPLETING): WorkitemState.COMPLETED,
            (workitem.CANCELED, WorkitemState.CANCELING): WorkitemState.CANCELED,
        }
        end = ends.get((state, row.state), WorkitemState.LOST)
        why = f"it is {state} over there" if state else "it is gone"
        self._ledger.workitems.move(row, end, why if end is WorkitemState.LOST else row.reason)
        return False

    # What is known here

    def _judged(self, row: WorkitemRow) -> Judgement:
        uid, study = row.study_instance_uid, None
        with suppress(PermanentError):  # it has no row: nothing came, or all of it was set aside
            study = self._ledger.studies.get(uid)
        return judge(study, self._ledger.fetches.came(uid), self._ledger.analyses.of_study(uid), row.plugin)

    def _is_due(self, row: WorkitemRow) -> bool:
        """Whether it was not just asked for in vain; a clock that was set back counts for nothing."""
        last, now = self._ledger.fetches.of_study(row.study_instance_uid), time.time()
        if not row.reason or last is None:
            return True
        again_at = last.again_at if last.again_at is not None else last.asked_at + _AGAIN_SECONDS
        return now >= again_at or now < last.asked_at
