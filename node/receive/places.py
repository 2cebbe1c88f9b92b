"""How many associations there may be, in all and from one address."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Places:
    """Args: most: at one time; most_per_peer: from one address, 0: all but an eighth, which is left to others."""

    def __init__(self, most: int, most_per_peer: int) -> None:
        self._most, self._most_per_peer = most, most_per_peer or most - most // 8
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def take(self, address: str) -> Iterator[bool]:
        """Whether there was a place; it is given back at the end."""
        with self._lock:
            free = self._taken.total() < self._most and self._taken[address] < self._most_per_peer
            if free:
                self._taken[address] += 1
        try:
            yield free
        finally:
            if free:
                self._give_back(address)

    def _give_back(self, address: str) -> None:
        with self._lock:
            self._taken[address] -= 1
            if not self._taken[address]:
                del self._taken[address]
