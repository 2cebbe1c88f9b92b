"""Who waits for a file to be written by whatever process is told by the kernel: inotify(7), through glibc."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
from pathlib import Path

_MODIFIED = 0x2  # IN_MODIFY, linux/inotify.h
_MANY = 1 << 16  # bytes of events, more than come between two waits; what is left is read the next time


class Writes:
    """Args: path: of the file, which is there. Use as a context manager.

    Attributes:
        told: whether the kernel tells; without inotify, or with all its watches taken, it does not.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = _watched(path)
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.told = self._descriptor is not None

    def __enter__(self) -> Writes:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in (self._descriptor, self._stop):
            if descriptor is not None:
                os.close(descriptor)

    def stop(self) -> None:
        """From any thread: who waits, and who will wait, goes on at once."""
        os.eventfd_write(self._stop, 1)

    def wait(self, seconds: float) -> bool:
        """Until the file was written since the last call or it is stopped: True; or until that time has passed."""
        poll = select.poll()
        for descriptor in (self._descriptor, self._stop):
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        found = poll.poll(seconds * 1000)
        if self._descriptor is not None:
            with contextlib.suppress(BlockingIOError):  # nothing was written
                os.read(self._descriptor, _MANY)
        return bool(found)


def _watched(path: Path) -> int | None:
    """A descriptor from which events can be read, or None."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "inotify_init1"):
        return None
    descriptor = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if descriptor < 0:
        return None
    if libc.inotify_add_watch(descriptor, os.fsencode(path), _MODIFIED) < 0:
        os.close(descriptor)
        return None
    return int(descriptor)
