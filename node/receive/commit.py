"""Group commit: one thread writes what all associations bring, many rows in one transaction."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from node.errors import LedgerBusy, RadnodeError
from node.ledger import Ledger
from node.study import Arrival, Outcome

log = structlog.get_logger()

#: Most arrivals in one transaction.
MOST = 256
#: While the ledger is locked, beginnings and ends of associations are tried again so often, seconds.
_AGAIN_SECONDS = 1.0


@dataclass
class _Job:
    """Something to write: one of the three; and who waits for it."""

    arrival: Arrival | None = None
    opening: Callable[[], None] | None = None
    closing: Callable[[], None] | None = None
    done: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome | None = None
    error: Exception | None = None

    def end(self, outcome: Outcome | None = None, error: Exception | None = None) -> None:
        """Wake who waits; what came first counts."""
        if not self.done.is_set():
            self.outcome, self.error = outcome, error
            self.done.set()


class Committer:
    """Writes to the ledger from one thread; an arrival that comes alone is written at once.

    Use as a context manager: at the end everything that was handed in is written.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._postponed: list[_Job] = []
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def __enter__(self) -> Committer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.put(None)
        self._thread.join()

    def open(self, association: str, calling_ae: str, called_ae: str, peer: str) -> None:
        """Before the first instance of an association; returns at once, errors are the instance's."""
        note = self._ledger.arrivals.open_association
        self._jobs.put(_Job(opening=partial(note, association, calling_ae, called_ae, peer)))

    def close(self, association: str, ending: str) -> None:
        """The association ended; returns at once."""
        self._jobs.put(_Job(closing=partial(self._ledger.arrivals.close_association, association, ending)))

    def note(self, action: str, **detail: Any) -> None:  # JSON's edge
        """An event that is no study's; returns at once."""
        self._jobs.put(_Job(opening=partial(self._ledger.events.add, action, **detail)))

    def record(self, arrival: Arrival) -> Outcome:
        """Returns when the row is durable; raises what the ledger raised, and then there is no row."""
        job = _Job(arrival)
        self._jobs.put(job)
        job.done.wait()
        if job.outcome is None:
            raise job.error or RadnodeError("the ledger gave no outcome")
        return job.outcome

    def _run(self) -> None:
        running = True
        while running:
            batch = self._collect()
            running = None not in batch
            self._write([job for job in batch if job is not None])
        self._ledger.close()

    def _collect(self) -> list[_Job | None]:
        """What waits now; this thread is the only one that takes."""
        batch: list[_Job | None] = [*self._postponed]
        self._postponed = []
        with contextlib.suppress(queue.Empty):
            batch.append(self._jobs.get(timeout=_AGAIN_SECONDS if batch else None))
        while len(batch) < MOST and not self._jobs.empty():
            batch.append(self._jobs.get())
        return batch

    def _write(self, jobs: list[_Job]) -> None:
        """An association waits for each of its instances, so within a batch this order is the true one."""
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
            self._postponed = openings + closings
            for job in arrivals:
                job.end(error=error)

    @staticmethod
    def _note(step: Callable[[], None] | None) -> None:
        try:
            if step is not None:
                step()
        except LedgerBusy:
            raise
        except Exception as error:  # an edge: this thread must go on for the others, and the note is no promise
            log.error("association not noted", error=type(error).__name__)

    def _record(self, jobs: list[_Job]) -> None:
        """Raises :class:`LedgerBusy`, with nothing recorded; any other error is that of one arrival."""
        if not jobs:
            return
        try:
            outcomes = self._ledger.arrivals.record([job.arrival for job in jobs if job.arrival])
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
