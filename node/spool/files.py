"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import uuid
from collections import deque
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path

from node.errors import SpoolError
from node.spool.incoming import Incoming
from node.spool.safely import HINT, disk_errors, sync


def write_once(path: Path, data: bytes | memoryview, mode: int = 0o600) -> None:
    """Write `data` to `path`, whole and durable, over whatever was there; raises :class:`SpoolError`.

    Args:
        path: of the file.
        data: all of it.
        mode: who may read it, as far as the umask of the process allows: without it, the node alone.
    """
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    with disk_errors(str(path)):
        try:
            descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            part.rename(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        sync(path.parent)


class Spool:
    """The folder tree of one node. Args: root: created by :meth:`prepare`; min_free_mb: the watermark."""

    def __init__(self, root: Path, min_free_mb: int = 0) -> None:
        self.root = root
        self._min_free = min_free_mb << 20
        self._ready: deque[Incoming] = deque()

    def prepare(self) -> None:
        """Create the folders that are missing; raises :class:`SpoolError`."""
        with disk_errors(str(self.root)):
            for name in (
                ".",
                "incoming",
                "work",
                "reports",
                "instances",
                *(f"instances/{value:02x}" for value in range(256)),
            ):
                (self.root / name).mkdir(parents=True, exist_ok=True, mode=0o700)  # the mode is that of the last one
            for name in ("instances", "."):
                sync(self.root / name)

    def sweep(self) -> int:
        """Remove what an earlier life left half-received; return how many files. Only before receivers start."""
        parts = list((self.root / "incoming").glob("*.part"))
        for part in parts:
            part.unlink(missing_ok=True)
        return len(parts)

    def receive(self) -> Incoming:
        """Begin a file; raises :class:`SpoolError` below the watermark."""
        self.check_space()
        try:
            return self._ready.pop()
        except IndexError:
            return self._begin()

    def get_ready(self) -> None:
        """Begin the next file while its sender still thinks: where files were deleted lately, that takes a while."""
        if not self._ready:
            with contextlib.suppress(SpoolError):  # then it is the next one's to say
                self._ready.append(self._begin())

    def put_away(self) -> None:
        """Nothing comes for now: leave no empty file behind."""
        with contextlib.suppress(IndexError, OSError):  # another thread has taken it; or the next start sweeps it away
            while self._ready:
                self._ready.pop().discard()

    def _begin(self) -> Incoming:
        return Incoming(self.root / "incoming" / f"{uuid.uuid4().hex}.part", self.root)

    def free_bytes(self) -> int:
        """Space that is left for us."""
        state = os.statvfs(self.root)
        return state.f_bavail * state.f_frsize

    def check_space(self) -> None:
        """Raise :class:`SpoolError` when less than the watermark is free."""
        with disk_errors(str(self.root)):
            free = self.free_bytes()
        if free < self._min_free:
            raise SpoolError(f"only {free >> 20} MiB are free, the watermark is {self._min_free >> 20} MiB", hint=HINT)

    def path(self, relative: str) -> Path:
        """The absolute path of a file named by the ledger."""
        return self.root / relative

    def size(self, relative: str) -> int:
        """Bytes of a file; -1 when it is not there."""
        try:
            return self.path(relative).stat().st_size
        except FileNotFoundError:
            return -1

    def sha256(self, relative: str) -> str:
        """Hex, of a file; empty when it is not there."""
        try:
            with self.path(relative).open("rb") as stream:
                return file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError:
            return ""

    def sync(self, relative: str) -> None:
        """A file and its name are on the disk when it returns. Raises :class:`SpoolError`."""
        path = self.path(relative)
        with disk_errors(relative):
            sync(path)
            sync(path.parent)

    def write(self, relative: str, data: bytes | memoryview) -> str:
        """Write a file of an analysis, whole and durable; return `relative`. Raises :class:`SpoolError`."""
        path = self.root / relative
        with disk_errors(relative):
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, mode=0o700)
                sync(path.parent.parent)
        write_once(path, data)
        return relative

    def remove(self, relative: str) -> None:
        """Remove a file, or a folder of `work`; what is gone already is no error."""
        path = self.root / relative
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def messages(self, until: float = math.inf) -> Iterator[str]:
        """Received messages, relative to the root. Args: until: only those written before, epoch seconds."""
        for path in sorted((self.root / "reports").glob("*/*.hl7")):
            if path.stat().st_mtime < until:
                yield path.relative_to(self.root).as_posix()

    def files(self, since: float = 0.0, until: float = math.inf) -> Iterator[str]:
        """Received files, relative to the root. Args: since, until: only those written between, epoch seconds."""
        for folder in sorted((self.root / "instances").iterdir()):
            if folder.stat().st_mtime < since:
                continue  # nothing was added to it, or taken away
            for entry in os.scandir(folder):
                if since <= entry.stat().st_mtime < until:
                    yield f"instances/{folder.name}/{entry.name}"
