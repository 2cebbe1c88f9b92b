"""Who waits for the ledger to change is woken: at once by what this process commits, soon by what others do.

One thread looks for the others' commits (receivers, the command line), so that the number of those who wait costs
nothing. It looks once something was written to the ledger's log, which the kernel tells; where it does not, often.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from node.errors import TemporaryError
from node.ledger import Ledger
from node.writes import Writes

#: A commit follows what is written to the log by the first of these, most of the time; in a flood of writes the thread
#: that watches does not look at each, but so often.
_COMMIT_SECONDS, _FLOOD_SECONDS = 0.004, 0.02
#: It looks again after a rest that doubles with each look in vain: from the first of these to the second, or to the
#: third where the kernel tells nothing.
_LOOK_SECONDS, _TOLD_SECONDS, _UNTOLD_SECONDS = 0.02, 5.0, 0.1
#: Who looks in vain waits for so many times as long as the look took, so that a flood of commits keeps nobody busy.
_REST = 9
_LONGEST_REST_SECONDS = 0.25


class Changes:
    """Args: ledger: whose commits are waited for.

    Worked example::

        before = changes.count
        if not step():
            changes.wait(before, seconds=1.0)
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._condition = threading.Condition()
        self._stopped = False
        self._writes: Writes | None = None
        self.count = 0
        ledger.on_commit(self.ring)

    def ring(self) -> None:
        """Wake everybody who waits."""
        with self._condition:
            self.count += 1
            self._condition.notify_all()

    def stop(self) -> None:
        """Nobody waits any more."""
        self._stopped = True
        with self._condition:
            if self._writes is not None:
                self._writes.stop()
        self.ring()

    def wait(self, before: int, seconds: float, took: float = 0.0) -> None:
        """Until `count` is another than `before`, or that time has passed, or it is stopped.

        Args:
            before: `count` before the look that was in vain.
            seconds: at most.
            took: how long that look took.
        """
        begun = time.monotonic()
        self._until(lambda: self._stopped, min(_REST * took, _LONGEST_REST_SECONDS, seconds))
        self._until(lambda: self._stopped or self.count != before, seconds - (time.monotonic() - begun))

    def watch(self) -> None:
        """Look for commits of other processes, until it is stopped: the target of a thread."""
        with Writes(self._ledger.log) as writes:
            self._writes = writes
            self._look(writes)
            with self._condition:
                self._writes = None

    def _look(self, writes: Writes) -> None:
        known, looked, rest = self._pulse(), time.monotonic(), 0.0
        longest = _TOLD_SECONDS if writes.told else _UNTOLD_SECONDS
        while not self._stopped:
            rest = min(max(2 * rest, _LOOK_SECONDS), longest)
            if writes.wait(rest):
                self._until(lambda: self._stopped, max(_COMMIT_SECONDS, looked + _FLOOD_SECONDS - time.monotonic()))
                rest = 0.0
            now, looked = self._pulse(), time.monotonic()
            if now != known:
                known, rest = now, 0.0
                self.ring()

    def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        with self._condition:
            return self._condition.wait_for(condition, max(0.0, seconds))

    def _pulse(self) -> int | None:
        try:
            return self._ledger.pulse()
        except TemporaryError:
            return None
