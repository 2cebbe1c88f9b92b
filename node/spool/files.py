"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest, sha256
from pathlib import Path

from node.errors import SpoolError
from node.spool.follower import Follower

#: A dataset of so many bytes is worth a thread that hashes it.
_LARGE = 1 << 20
#: The disk begins to write a file whenever so many bytes have come: its sync finds less to do (half as many films of
#: 18 MB again were received).
_STRIDE = 1 << 22
_WRITE = 2  # SYNC_FILE_RANGE_WRITE
#: sync_file_range(2): Linux with glibc has it, Python does not.
_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)
_HINT = "free disk space or check the disk; senders are answered A700 until then"


@contextmanager
def _disk_errors(about: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SpoolError(f"the spool cannot be written: {error.strerror}", about=about, hint=_HINT) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_once(path: Path, data: bytes | memoryview, mode: int = 0o600) -> None:
    """Write `data` to `path`, whole and durable, over whatever was there; raises :class:`SpoolError`.

    Args:
        path: of the file.
        data: all of it.
        mode: who may read it, as far as the umask of the process allows: without it, the node alone.
    """
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    with _disk_errors(str(path)):
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
        _sync_folder(path.parent)


def _begin_to_write(descriptor: int, start: int, end: int) -> None:
    """Have the disk begin with those bytes, and wait for nothing; whether it succeeds is the sync's to say."""
    if _sync_file_range is not None:
        _sync_file_range(descriptor, ctypes.c_int64(start), ctypes.c_int64(end - start), _WRITE)


class Incoming:
    """A file being received. Use as a context manager: unless :meth:`keep` was called, nothing stays."""

    def __init__(self, part: Path, root: Path) -> None:
        self._part, self._root = part, root
        with _disk_errors(part.name):
            self.descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self.size = self._begun = 0
        self._open = True
        self._digest = sha256()
        self._follower: Follower | None = None

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append what is not of the dataset; raises :class:`SpoolError`."""
        view = memoryview(data)
        with _disk_errors(self._part.name):
            while view:
                written = os.write(self.descriptor, view)
                self.size += written
                view = view[written:]

    def add(self, data: bytes | bytearray | memoryview) -> None:
        """Append a piece of the dataset; raises :class:`SpoolError`."""
        self.write(data)
        if self.size - self._begun >= _STRIDE:
            _begin_to_write(self.descriptor, self._begun, self.size)
            self._begun = self.size
        if self._follower is not None:
            self._follower.follow(self.size)
            return
        self._digest.update(data)
        if self.size >= _LARGE:
            with contextlib.suppress(RuntimeError):  # no more threads: then this one goes on
                self._follower = Follower(self.descriptor, self.size, self._digest)

    def digest(self) -> str:
        """sha256 of the dataset, hex; all of it has been added. Raises :class:`SpoolError`."""
        with _disk_errors(self._part.name):
            self._leave_follower()
        return self._digest.hexdigest()

    def keep(self, name: str) -> str:
        """Sync, rename to `instances/<xx>/<name>.dcm`, sync the folder; return that path relative to the root."""
        folder = self._root / "instances" / name[:2]
        with _disk_errors(self._part.name):
            os.fsync(self.descriptor)
            self._part.rename(folder / f"{name}.dcm")
            _sync_folder(folder)
        self._close()
        return f"instances/{name[:2]}/{name}.dcm"

    def discard(self) -> None:
        """Remove what was written, unless it was kept."""
        if self._open:
            self._close()
            self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(OSError):  # it is given up
                self._leave_follower()
            os.close(self.descriptor)

    def _leave_follower(self) -> None:
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.finish(self.size)


class Spool:
    """The folder tree of one node. Args: root: created by :meth:`prepare`; min_free_mb: the watermark."""

    def __init__(self, root: Path, min_free_mb: int = 0) -> None:
        self.root = root
        self._min_free = min_free_mb << 20

    def prepare(self) -> None:
        """Create the folders that are missing; raises :class:`SpoolError`."""
        with _disk_errors(str(self.root)):
            for name in (".", "incoming", "work", "instances", *(f"instances/{value:02x}" for value in range(256))):
                (self.root / name).mkdir(parents=True, exist_ok=True, mode=0o700)  # the mode is that of the last one
            for name in ("instances", "."):
                _sync_folder(self.root / name)

    def sweep(self) -> int:
        """Remove what an earlier life left half-received; return how many files. Only before receivers start."""
        parts = list((self.root / "incoming").glob("*.part"))
        for part in parts:
            part.unlink(missing_ok=True)
        return len(parts)

    def receive(self) -> Incoming:
        """Begin a file; raises :class:`SpoolError` below the watermark."""
        self.check_space()
        return Incoming(self.root / "incoming" / f"{uuid.uuid4().hex}.part", self.root)

    def free_bytes(self) -> int:
        """Space that is left for us."""
        state = os.statvfs(self.root)
        return state.f_bavail * state.f_frsize

    def check_space(self) -> None:
        """Raise :class:`SpoolError` when less than the watermark is free."""
        with _disk_errors(str(self.root)):
            free = self.free_bytes()
        if free < self._min_free:
            raise SpoolError(f"only {free >> 20} MiB are free, the watermark is {self._min_free >> 20} MiB", hint=_HINT)

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

    def write(self, relative: str, data: bytes | memoryview) -> str:
        """Write a file of an analysis, whole and durable; return `relative`. Raises :class:`SpoolError`."""
        path = self.root / relative
        with _disk_errors(relative):
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, mode=0o700)
                _sync_folder(path.parent.parent)
        write_once(path, data)
        return relative

    def remove(self, relative: str) -> None:
        """Remove a file, or a folder of `work`; what is gone already is no error."""
        path = self.root / relative
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

    def files(self, since: float = 0.0, until: float = math.inf) -> Iterator[str]:
        """Received files, relative to the root. Args: since, until: only those written between, epoch seconds."""
        for folder in sorted((self.root / "instances").iterdir()):
            if folder.stat().st_mtime < since:
                continue  # nothing was added to it, or taken away
            for entry in os.scandir(folder):
                if since <= entry.stat().st_mtime < until:
                    yield f"instances/{folder.name}/{entry.name}"
