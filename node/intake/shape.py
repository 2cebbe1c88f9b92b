"""Whether a file is whole, and still the one that was seen."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """What tells a file from another one, and from itself after somebody wrote to it."""

    device: int
    inode: int
    size: int
    changed: int

    @classmethod
    def of(cls, found: os.stat_result) -> Shape:
        """Of what stat says."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def shape_at(name: str, folder: int) -> Shape | None:
    """Of a file in an open folder; None: it is gone, or no regular file. A link is none. Raises OSError."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return Shape.of(found) if stat.S_ISREG(found.st_mode) else None


class Settling:
    """Which files have been left alone for long enough. Args: seconds: so long; clock: seconds that never go back."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._since: dict[Shape, float] = {}
        self._seen: dict[Shape, float] = {}

    def is_settled(self, shape: Shape) -> bool:
        """Whether the file has had that shape for so long."""
        now = self._clock()
        since = self._seen[shape] = self._since.get(shape, now)
        return now - since >= self._seconds

    def next_look(self) -> None:
        """All were looked at: forget those that were not there."""
        self._since, self._seen = self._seen, {}


def is_open_for_writing(descriptor: int, folder: int) -> bool:
    """Whether somebody still writes to a file, as far as the system tells: for files of our own on a local disk."""
    return not _gives_lease(descriptor) and _gives_leases(folder)


def _gives_lease(descriptor: int) -> bool:
    """False: refused because somebody has it open for writing (fcntl(2), F_SETLEASE), or because none is ever given."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno != errno.EAGAIN
    return True


def _gives_leases(folder: int) -> bool:
    """Whether files in that folder have leases at all: a network's may refuse each."""
    name = f".{uuid.uuid4().hex}.part"
    with suppress(OSError):
        descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDONLY | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            return _gives_lease(descriptor)
        finally:
            os.close(descriptor)
            os.unlink(name, dir_fd=folder)
    return False
