"""What is kept open to a destination over HTTP, from one study to the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar


class _Closes(Protocol):
    def close(self) -> None: ...


S = TypeVar("S", bound=_Closes)

#: Nothing is kept for longer: a new one reads passwords and certificates as they are then.
_OLDEST_SECONDS = 60.0


class Kept(Generic[S]):
    """A session, or a client, with its connection.

    Args:
        make: a new one.
        keep_seconds: so long it stays without being used.
    """

    def __init__(self, make: Callable[[], S], keep_seconds: float) -> None:
        self._make, self._keep_seconds = make, keep_seconds
        self._there: S | None = None
        self._made = self._used = 0.0

    @contextmanager
    def open(self) -> Iterator[S]:
        """The one that is there, or a new one; closed when what it is used for fails, or does not come to its end."""
        if self._there is not None and time.monotonic() - self._made > _OLDEST_SECONDS:
            self.rest(at_once=True)
        if self._there is None:
            self._there, self._made = self._make(), time.monotonic()
        went_well = False
        try:
            yield self._there
            went_well = True
        finally:
            self._used = time.monotonic()
            self.rest(at_once=not went_well)

    def rest(self, *, at_once: bool = False) -> None:
        """Close it if it was not used for long enough."""
        if self._there is not None and (at_once or time.monotonic() - self._used >= self._keep_seconds):
            self._there.close()
            self._there = None
