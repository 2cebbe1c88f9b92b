"""What every write to the spool needs: errors of the disk that say what to do, and folders that are synced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.errors import SpoolError

HINT = "free disk space or check the disk; senders are answered A700 until then"


@contextmanager
def disk_errors(about: str) -> Iterator[None]:
    """Errors of the disk become a :class:`SpoolError` about that file."""
    try:
        yield
    except OSError as error:
        raise SpoolError(f"the spool cannot be written: {error.strerror}", about=about, hint=HINT) from error


def sync_folder(folder: Path) -> None:
    """The names in it are on the disk; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
