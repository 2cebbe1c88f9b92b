"""The signals that stop the node, SIGTERM and SIGINT: heard from the first line of `radnode serve` on.

A Ctrl-C at a terminal goes to the whole process group. It is for the main process, which ends the others in order: a
process that is started within :func:`spared` does not hear it, not even while Python itself is loaded.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger()


class Stop:
    """The first signal asks for an orderly end, a second one ends the process at once.

    Attributes:
        asked: set by the first.
        at_once: called by the second before the end.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.at_once: Callable[[], object] = lambda: None

    def listen(self) -> None:
        """From here on; in the main thread alone."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.hear)

    def hear(self, number: int, _: object) -> None:
        """A signal came."""
        if self.asked.is_set():
            log.warning("stopping at once", signal=number)
            self.at_once()
            os._exit(1)  # workers watch their parent
        self.asked.set()


@contextmanager
def spared() -> Iterator[None]:
    """What this thread starts meanwhile hears no Ctrl-C: it inherits the mask, sigprocmask(2)."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
