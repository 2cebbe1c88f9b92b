"""The threads of the main process: each repeats a step for as long as the node lives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from node.changes import Changes
from node.completion import LONGEST_REST_SECONDS
from node.errors import RadnodeError, where

log = structlog.get_logger()

#: Pause after something failed that is tried again: the log stays readable, and the machine usable.
RESTART_SECONDS = 2.0


class Loops:
    """Threads that end together. Args: changes: what wakes a step that had nothing to do; stopping: ends them."""

    def __init__(self, changes: Changes, stopping: threading.Event) -> None:
        self._changes = changes
        self._threads: list[threading.Thread] = []
        self.stopping = stopping

    def run(self, name: str, target: Callable[[], object]) -> threading.Thread:
        """Call `target` in a thread of that name."""
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()
        return thread

    def repeat(
        self,
        step: Callable[[], object],
        rest_seconds: Callable[[], float] = lambda: LONGEST_REST_SECONDS,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        """Call `step` until it has nothing to do, then whenever the ledger changed or the time to rest has passed."""
        while not self.stopping.is_set() and not is_over():
            before, begun = self._changes.count, time.monotonic()
            try:
                if step():
                    continue
            except RadnodeError as error:
                self.failed(str(error))
            except Exception as error:  # the edge of the step loop
                self.failed(where(error))
            self._changes.wait(before, rest_seconds(), took=time.monotonic() - begun)

    def failed(self, reason: str) -> None:
        """Say what failed, and pause."""
        log.error("step failed", error=reason, thread=threading.current_thread().name)
        self.pause()

    def pause(self) -> None:
        """For a while, or until the node stops."""
        self.stopping.wait(RESTART_SECONDS)

    def wake(self) -> None:
        """Whoever rests looks again."""
        self._changes.ring()

    def join(self, deadline: float) -> None:
        """Wait for all of them until that time (monotonic)."""
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))
