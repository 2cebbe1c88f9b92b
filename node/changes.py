"""Who waits for the ledger to change is woken: at once by what this process commits, soon by what others do.

One thread looks for the others' commits (receivers, the command line), so that the number of those who wait costs
nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from node.errors import TemporaryError
from node.ledger import Ledger

#: How often the watching thread looks, and how often when there was nothing for so long: an idle node costs nothing.
_LOOK_SECONDS, _IDLE_LOOK_SECONDS, _LIVELY_SECONDS = 0.02, 0.1, 0.5
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
        known, changed, look = self._pulse(), time.monotonic(), _LOOK_SECONDS
        while not self._until(lambda: self._stopped, look):
            now = self._pulse()
            if now != known:
                known, changed = now, time.monotonic()
                self.ring()
            look = _LOOK_SECONDS if time.monotonic() - changed < _LIVELY_SECONDS else _IDLE_LOOK_SECONDS

    def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        with self._condition:
            return self._condition.wait_for(condition, max(0.0, seconds))

    def _pulse(self) -> int | None:
        try:
            return self._ledger.pulse()
        except TemporaryError:
            return None
