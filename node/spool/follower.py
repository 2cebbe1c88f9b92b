"""Hashes a large file while it still grows, so that the network does not wait for that."""

from __future__ import annotations

import errno
import os
import threading
from typing import Protocol

#: It reads so much at a time, bytes.
_PIECE = 1 << 18


class Digest(Protocol):
    """What hashlib makes."""

    def update(self, data: memoryview, /) -> None:
        """Take more."""


class Follower:
    """A thread that hashes what was written to a file; neither reading nor hashing keeps other threads from running.

    Args:
        descriptor: of the file, to be read; it must stay open until :meth:`finish` has returned.
        start: bytes of the file that are not hashed, or are already.
        digest: goes on with it; nobody else touches it until :meth:`finish` has returned.
    """

    def __init__(self, descriptor: int, start: int, digest: Digest) -> None:
        self._descriptor, self._digest = descriptor, digest
        self._done = self._size = start
        self._is_whole = False
        self._error: OSError | None = None
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def follow(self, size: int) -> None:
        """So many bytes are written by now."""
        with self._news:
            self._size = size
            self._news.notify()

    def finish(self, size: int) -> None:
        """Returns once all `size` bytes are hashed; raises the OSError that kept it from reading them."""
        with self._news:
            self._size, self._is_whole = size, True
            self._news.notify()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        buffer = memoryview(bytearray(_PIECE))
        try:
            while True:
                with self._news:
                    self._news.wait_for(lambda: self._size > self._done or self._is_whole)
                    size = self._size
                if size == self._done:
                    return
                self._hash(buffer, size)
        except OSError as error:
            self._error = error

    def _hash(self, buffer: memoryview, size: int) -> None:
        while self._done < size:
            count = os.preadv(self._descriptor, [buffer[: size - self._done]], self._done)
            if not count:
                raise OSError(errno.EIO, "a file has lost its end")
            self._digest.update(buffer[:count])
            self._done += count
