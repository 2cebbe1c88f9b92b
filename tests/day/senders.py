"""Modalities: each a queue of its own and DCMTK's sender, that sends again until it was told Success."""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers import storescu

#: A modality whose node does not answer waits so long before it sends again, seconds.
_AGAIN_SECONDS = 1.0


@dataclass
class Sent:
    """A study that left a modality. Attributes: kind: of study; paths: its files; taken: those answered Success."""

    kind: str
    sender: str
    paths: list[Path]
    taken: set[Path] = field(default_factory=set)
    attempts: int = 0


class Modality:
    """Args: ae_title: its own; port: of the node; options: of storescu; patience: seconds until it gives a study up."""

    def __init__(self, ae_title: str, port: int, options: Sequence[str] = (), patience: float = 120) -> None:
        self.ae_title, self._port, self._options, self._patience = ae_title, port, options, patience
        self.sent: list[Sent] = []
        self._queue: queue.Queue[Sent | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name=ae_title, daemon=True)
        self._thread.start()

    def send(self, kind: str, paths: list[Path]) -> Sent:
        """Queue a study."""
        one = Sent(kind, self.ae_title, paths)
        self.sent.append(one)
        self._queue.put(one)
        return one

    def finish(self) -> None:
        """Wait until the queue is empty."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (one := self._queue.get()) is not None:
            end = time.monotonic() + self._patience
            while not self._offer(one) and time.monotonic() < end:
                time.sleep(_AGAIN_SECONDS)

    def _offer(self, one: Sent) -> bool:
        one.attempts += 1
        left = [path for path in one.paths if path not in one.taken]
        try:
            one.taken |= set(storescu(self._port, left, calling=self.ae_title, options=self._options, seconds=30).taken)
        except subprocess.TimeoutExpired:
            return False
        return len(one.taken) == len(one.paths)
