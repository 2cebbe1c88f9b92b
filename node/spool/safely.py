"""What every write to the spool needs: errors of the disk that say what to do, and folders that are synced."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import F_SETFL, fcntl
from pathlib import Path

from node.errors import SpoolError

_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
#: Where a write past the page cache has to begin and end, bytes: no disk has larger blocks.
_BLOCK = 1 << 12
#: What is shorter is written sooner through the page cache, bytes.
_WORTHWHILE = 1 << 16
#: renameat2(2): Linux with glibc has it, Python does not.
_renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)

HINT = "free disk space or check the disk; senders are answered A700 until then"


@contextmanager
def disk_errors(about: str) -> Iterator[None]:
    """Errors of the disk become a :class:`SpoolError` about that file."""
    try:
        yield
    except OSError as error:
        raise SpoolError(f"the spool cannot be written: {error.strerror}", about=about, hint=HINT) from error


def sync(path: Path) -> None:
    """A file, or the names in a folder, are on the disk; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename_to_new(source: Path, target: Path) -> bool:
    """Rename a file, unless there is one of that name. False: there is, or this file system cannot tell."""
    if _renameat2 is None:
        return False
    return bool(_renameat2(_AT_FDCWD, bytes(source), _AT_FDCWD, bytes(target), _RENAME_NOREPLACE) == 0)


def write_past_cache(descriptor: int, data: memoryview) -> int:
    """Write the first blocks of what will be synced at once; how many bytes those are.

    The page cache would take half of a receiver's time: for pages, and for a copy into them. 0: it is not worth it, or
    this file system has no such writes, or it has failed; whatever is left to write is for `write` to do, or to refuse.

    Args:
        descriptor: at the beginning of an empty file.
        data: begins where a page of memory does.
    """
    whole, written = len(data) // _BLOCK * _BLOCK, 0
    if whole >= _WORTHWHILE:
        with suppress(OSError):
            fcntl(descriptor, F_SETFL, os.O_DIRECT)
            try:
                written = os.write(descriptor, data[:whole])
            finally:
                fcntl(descriptor, F_SETFL, 0)
    return written
