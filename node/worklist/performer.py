"""Claims workitems, and goes on with those in hand: one look after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import structlog
from pydicom.uid import generate_uid

from node.config import Settings, Worklist
from node.errors import DeliveryError, DeliveryRefused, RadnodeError, where
from node.fetch.errand import run_apart
from node.ledger import Ledger, WorkitemRow, WorkitemState
from node.worklist import workitem
from node.worklist.again import take_up
from node.worklist.bringing import Bringing
from node.worklist.judgement import Done, Failed
from node.worklist.knowledge import Knowledge
from node.worklist.origin import NotThere
from node.worklist.server import Said, Server
from node.worklist.workitem import PRIORITIES, Workitem

log = structlog.get_logger()

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
        self._bringing = Bringing(worklist, settings, ledger, is_stopping)
        self._known = Knowledge(ledger, settings)
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
            inputs=one.inputs,
            plugin=plugin,
            code=next(known for known in one.codes if "^".join(known[:2]) == code),
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
                is_as_before = now is None or (now.state, now.cancel) == (row.state, row.cancel)
                if now is None or is_as_before or now.state not in steps:
                    return now.reason if now is not None and now.state is WorkitemState.FETCHING else ""
                row = now
        except (DeliveryError, DeliveryRefused) as error:
            return str(error)
        except RadnodeError:
            raise
        except Exception as error:  # an edge: one workitem that nobody has thought of must not hold up the others
            log.error("workitem failed", worklist=row.worklist, workitem=row.workitem_uid, error=where(error))
            return f"workitem {row.workitem_uid}: {where(error)}"
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
        elif not row.inputs:
            self._ledger.workitems.move(row, WorkitemState.CANCELING, "its input names no study")
        else:
            log.info("workitem claimed", worklist=row.worklist, workitem=uid, plugin=row.plugin)
            self._ledger.workitems.move(row, WorkitemState.FETCHING)

    def _fetch(self, server: Server, row: WorkitemRow) -> None:
        """Have its studies come, one after the other; what one of them lacks keeps no other."""
        lacks, workitems, now = [], self._ledger.workitems, row
        for number in range(len(row.inputs)):
            try:
                lacks.append(self._bring(server, row, number))
            except NotThere as error:
                workitems.move(row, WorkitemState.CANCELING, self._about(row, number, str(error)))
                return
            now = workitems.get(row.workitem_uid) or row
            if self._is_stopping() or now.cancel:
                return
        if not (reason := "; ".join(filter(None, lacks))):
            workitems.move(row, WorkitemState.ANALYSING, self._known.left_out(row))
        elif time.time() - row.claimed_at > 60 * self._worklist.patience_minutes:
            workitems.move(row, WorkitemState.CANCELING, f"its study did not come: {reason}")
        else:
            if reason != now.reason:
                workitems.note(now, now.told, reason)
            self._tell(server, replace(now, reason=reason), 10, reason)

    def _bring(self, server: Server, row: WorkitemRow, number: int) -> str:
        """Why not all of one of its studies is here, or empty; raises :class:`NotThere`."""
        one, count = row.inputs[number], len(row.inputs)
        uid, which = one.study_instance_uid, "the study" if count == 1 else f"study {number + 1} of {count}"
        if one.has_come:
            return ""
        is_answered = isinstance(self._known.judged(uid, row.plugin), Done)
        lack = self._bringing.bring(
            row, one, lambda: self._tell(server, row, 5, f"{which} is fetched"), is_answered=is_answered
        )
        if not lack:
            self._ledger.workitems.come(row, uid)
        return self._about(row, number, lack)

    def _about(self, row: WorkitemRow, number: int, why: str) -> str:
        """With the study that it is about, where there are several."""
        return f"study {row.inputs[number].study_instance_uid}: {why}" if why and len(row.inputs) > 1 else why

    def _await(self, server: Server, row: WorkitemRow) -> None:
        take_up(row, self._ledger)
        found = self._known.judged_all(row)
        if isinstance(found, Done):
            self._ledger.workitems.move(row, WorkitemState.COMPLETING, self._known.left_out(row))
        elif isinstance(found, Failed):
            why = "; ".join(filter(None, (found.reason, self._known.left_out(row))))
            self._ledger.workitems.move(row, WorkitemState.CANCELING, why)
        else:
            self._tell(server, row, found.percent, found.text)

    def _withdraw(self, _: Server, row: WorkitemRow) -> None:
        """It is to be canceled: nothing more is made of its studies. If all was delivered meanwhile, that is told."""
        if row.state is WorkitemState.ANALYSING and isinstance(self._known.judged_all(row), Done):
            self._ledger.workitems.move(row, WorkitemState.COMPLETING, self._known.left_out(row))
        else:
            self._ledger.workitems.withdraw(row)

    def _tell(self, server: Server, row: WorkitemRow, percent: int, text: str) -> None:
        """How far it is, once; a server that does not want to know that is left its peace."""
        if text == row.told:
            return
        said = server.update(row.workitem_uid, workitem.progress(row.transaction_uid, percent, text))
        if said is not Said.YES and not self._is_in_progress(server, row):
            return
        self._ledger.workitems.note(row, text, row.reason)

    # The end

    def _complete(self, server: Server, row: WorkitemRow) -> None:
        found = self._known.judged_all(row)
        if not isinstance(found, Done):  # a late image has made another revision of the study
            self._ledger.workitems.move(row, WorkitemState.ANALYSING, row.reason)
            return
        outputs = [one for analysis in found.analyses for one in self._known.outputs(analysis)]
        station, times = self._settings.node.ae_title, (row.claimed_at, max(row.claimed_at, row.changed_at))
        told = workitem.performed(row.transaction_uid, station, row.code, times, outputs, row.reason)
        said = server.update(row.workitem_uid, told)
        if said is Said.YES:
            said = server.change(row.workitem_uid, row.transaction_uid, workitem.COMPLETED)
        if said is Said.YES:
            self._ledger.workitems.move(row, WorkitemState.COMPLETED, row.reason)
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
