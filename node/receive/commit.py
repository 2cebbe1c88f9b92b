"""Group commit: whoever brings the first row writes it at once, and then the rows that have come meanwhile."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from node.errors import LedgerBusy, RadnodeError, where
from node.ledger import Ledger
from node.study import Arrival, Outcome

log = structlog.get_logger()

#: Most arrivals in one transaction.
MOST = 256
#: While the ledger is locked, beginnings and ends of associations are tried again so often, seconds.
_AGAIN_SECONDS = 1.0


@dataclass
class _Job:
    """Something to write: one of the three; and who waits for it. Of an arrival, what to wait for before its commit."""

    arrival: Arrival | None = None
    settle: Callable[[], None] | None = None
    opening: partial[None] | None = None
    closing: partial[None] | None = None
    outcome: Outcome | None = None
    error: Exception | None = None
    _gate: threading.Lock = field(default_factory=threading.Lock)  # far cheaper than an Event

    def __post_init__(self) -> None:
        self._gate.acquire()

    @property
    def done(self) -> bool:
        """Whether it was written, or failed."""
        return self.outcome is not None or self.error is not None

    def end(self, outcome: Outcome | None = None, error: Exception | None = None) -> None:
        """It was written, or not; what came first counts."""
        if not self.done:
            self.outcome, self.error = outcome, error

    def wait(self) -> None:
        """Until :meth:`wake`: it is done, or its thread is to write."""
        self._gate.acquire()

    def wake(self) -> None:
        """Only ever called by the thread whose turn it is to write."""
        if self._gate.locked():
            self._gate.release()


class Committer:
    """Writes to the ledger, one thread at a time; no row waits until a thread of its own has woken up.

    Who finds nobody writing writes what waits, its own row with it. Who comes meanwhile waits; the first of them writes
    next. Use as a context manager: at the end everything that was handed in is written.

    Args:
        ledger: used by one thread at a time, each in its turn (:meth:`node.ledger.Ledger.in_turns`).
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: deque[_Job] = deque()
        self._turn = threading.Condition()
        self._is_writing = False
        self._later: threading.Timer | None = None

    def __enter__(self) -> Committer:
        return self

    def __exit__(self, *_: object) -> None:
        self._write_if_nobody_does()
        with self._turn:
            self._turn.wait_for(lambda: not self._is_writing)
            if self._later is not None:
                self._later.cancel()
        self._ledger.close()

    def open(self, association: str, calling_ae: str, called_ae: str, peer: str) -> None:
        """Before the first instance of an association, and written with it; errors are the instance's."""
        note = self._ledger.arrivals.open_association
        self._add(_Job(opening=partial(note, association, calling_ae, called_ae, peer)))

    def close(self, association: str, ending: str) -> None:
        """The association ended; never raises."""
        self._add(_Job(closing=partial(self._ledger.arrivals.close_association, association, ending)))
        self._write_if_nobody_does()

    def note(self, action: str, **detail: Any) -> None:  # JSON's edge
        """An event that is no study's; returns at once."""
        self._add(_Job(opening=partial(self._ledger.events.add, action, **detail)))
        self._write_later(0.0)

    def record(self, arrival: Arrival, settle: Callable[[], None] | None = None) -> Outcome:
        """Returns when the row is durable; raises what the ledger or `settle` raised, and then there is no row.

        Args:
            arrival: of an instance.
            settle: returns when its file is durable; called just before the row is committed, maybe several times. The
                disk works on the file while SQLite works on the row.
        """
        job = _Job(arrival, settle)
        with self._turn:
            self._waiting.append(job)
            mine, self._is_writing = not self._is_writing, True
        if not mine:
            job.wait()
        while not job.done:
            self._write_what_waits()
        if job.outcome is None:
            raise job.error or RadnodeError("the ledger gave no outcome")
        return job.outcome

    def _add(self, job: _Job) -> None:
        with self._turn:
            self._waiting.append(job)

    def _write_if_nobody_does(self) -> None:
        with self._turn:
            mine, self._is_writing = not self._is_writing, True
        if mine:
            self._write_what_waits()

    def _write_later(self, seconds: float) -> None:
        with self._turn:
            if self._later is None:
                later = threading.Timer(seconds, self._write_late)
                later.daemon = True
                with suppress(RuntimeError):  # no more threads: it is written with what comes next
                    later.start()
                    self._later = later

    def _write_late(self) -> None:
        with self._turn:
            self._later = None
        self._write_if_nobody_does()

    def _write_what_waits(self) -> None:
        """It is this thread's turn: write, until nothing waits or somebody else can go on."""
        goes_on = True
        while goes_on:
            with self._turn:
                jobs = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
            went_well = self._write(jobs)
            with self._turn:
                heir = next((job for job in self._waiting if job.arrival), None)
                goes_on = heir is None and went_well and bool(self._waiting)
                self._is_writing = goes_on or heir is not None
                self._turn.notify_all()
            for job in [heir, *jobs] if heir else jobs:  # the next to write first
                job.wake()

    def _write(self, jobs: list[_Job]) -> bool:
        """False: the ledger is locked; arrivals have failed, the rest waits again.

        An association waits for each of its instances, so within a batch this order is the true one.
        """
        openings = [job for job in jobs if job.opening]
        arrivals = [job for job in jobs if job.arrival]
        closings = [job for job in jobs if job.closing]
        try:
            while openings:
                self._note(openings[0].opening)
                del openings[0]
            self._record(arrivals)
            while closings:
                self._note(closings[0].closing)
                del closings[0]
        except LedgerBusy as error:  # at once for the whole batch: each further try would wait as long again
            with self._turn:
                self._waiting.extendleft(reversed(openings + closings))
            for job in arrivals:
                job.end(error=error)
            self._write_later(_AGAIN_SECONDS)
            return False
        return True

    @staticmethod
    def _note(step: partial[None] | None) -> None:
        if step is None:
            return
        try:
            step()
        except LedgerBusy:
            raise
        except Exception as error:  # an edge: this thread must go on for the others, and the note is no promise
            log.error("association not noted", about=step.args[0], error=where(error))

    def _record(self, jobs: list[_Job]) -> None:
        """Raises :class:`LedgerBusy`, with nothing recorded; any other error is that of one arrival."""
        if not jobs:
            return
        try:
            outcomes = self._ledger.arrivals.record(
                [job.arrival for job in jobs if job.arrival], [job.settle for job in jobs if job.settle]
            )
        except LedgerBusy:
            raise
        except Exception as error:  # handed to the association that waits for it
            if len(jobs) == 1:
                jobs[0].end(error=error)
                return
            for job in jobs:  # one of them is at fault: the others shall not pay for it
                self._record([job])
            return
        for job, outcome in zip(jobs, outcomes, strict=True):
            job.end(outcome)
