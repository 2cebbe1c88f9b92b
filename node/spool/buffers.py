"""Buffers that are used again and again, so that what comes need not wait for memory."""

from __future__ import annotations

import mmap
import threading
from collections import deque

#: Room of one, bytes: most slices fit.
ROOM = 1 << 20
#: The same while more than so many are in use: many senders at once shall not take all memory.
_LESS_ROOM, _MOST = 1 << 16, 32
#: So many are kept for what comes next.
_MOST_SPARE = 8


class Buffers:
    """Memory for files that are being received; used by any thread."""

    def __init__(self) -> None:
        self._spare: deque[memoryview] = deque()
        self._taken = 0
        self._lock = threading.Lock()

    def take(self) -> memoryview:
        """One that nobody else has; it begins where a page does, as writes past the page cache want."""
        with self._lock:
            self._taken += 1
            if self._spare:
                return self._spare.pop()
            room = ROOM if self._taken <= _MOST else _LESS_ROOM
        return memoryview(mmap.mmap(-1, room, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))

    def give(self, buffer: memoryview) -> None:
        """It is not needed any more."""
        with self._lock:
            self._taken -= 1
            if len(buffer) == ROOM and len(self._spare) < _MOST_SPARE:
                self._spare.append(buffer)


#: Those of this process.
BUFFERS = Buffers()
