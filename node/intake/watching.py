"""Looks at a source again and again, whatever keeps it from its work, and shows that."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from node.errors import LedgerBusy, RadnodeError, where
from node.ledger import Ledger

log = structlog.get_logger()

#: Pause after a look that something kept from its work.
AGAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Source:
    """What is looked at again and again.

    Attributes:
        name: as it is shown.
        look: takes what is there; what keeps it from that, in words, or empty. Raises what ends a look.
        seconds: between two looks.
        close: after the last one.
    """

    name: str
    look: Callable[[], str]
    seconds: float
    close: Callable[[], None] = lambda: None


class Watching:
    """Looks at one source again and again, and shows what keeps it from its work."""

    def __init__(self, source: Source, ledger: Ledger, end: threading.Event) -> None:
        self._source, self._ledger, self._end = source, ledger, end
        self._shown = ""

    def start(self) -> threading.Thread:
        """In a thread of its own: no source waits for another, as a folder of a server which is away."""
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        return thread

    def run(self) -> None:
        """Until the end; never raises."""
        while not self._end.is_set():
            begun = time.monotonic()
            trouble = self._looked()
            self._show(trouble)
            rest = AGAIN_SECONDS if trouble else self._source.seconds
            self._end.wait(max(rest, time.monotonic() - begun))  # never more than half of the time
        self._source.close()
        self._ledger.close()

    def _looked(self) -> str:
        """What keeps it from its work, or empty."""
        try:
            return self._source.look()
        except RadnodeError as error:
            return str(error)
        except Exception as error:  # the edge of this loop
            return where(error)

    def _show(self, trouble: str) -> None:
        """In log and status; what a ledger that is locked does not take now, it is told after the next look."""
        if trouble == self._shown:
            return
        if trouble:
            log.error("source not watched", input=self._source.name, why=trouble)
        with suppress(LedgerBusy):
            self._ledger.facts.set_trouble(f"input {self._source.name}", trouble)
            self._shown = trouble
