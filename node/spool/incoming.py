"""A file that is being received: hashed as it comes, and kept whole or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from node.spool.background import Sync
from node.spool.buffers import BUFFERS, ROOM
from node.spool.follower import Follower
from node.spool.safely import disk_errors, rename_to_new, write_past_cache

#: The disk begins to write a file whenever so many bytes have come: its sync finds less to do (half as many films of
#: 18 MB again were received).
_STRIDE = 1 << 22
_WRITE = 2  # SYNC_FILE_RANGE_WRITE
#: sync_file_range(2): Linux with glibc has it, Python does not.
_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)


def _begin_to_write(descriptor: int, start: int, end: int) -> None:
    """Have the disk begin with those bytes, and wait for nothing; whether it succeeds is the sync's to say."""
    if _sync_file_range is not None:
        _sync_file_range(descriptor, ctypes.c_int64(start), ctypes.c_int64(end - start), _WRITE)


class Incoming:
    """A file being received. Use as a context manager: unless :meth:`keep` was called, nothing stays.

    What fits into a buffer is held until it is whole, and written at once. Of what is longer a thread hashes the rest.
    """

    def __init__(self, part: Path, root: Path) -> None:
        self._part, self._root = part, root
        with disk_errors(part.name):
            self._descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self.size = self._begun = 0
        self._is_open, self._is_kept, self._is_new = True, False, False
        self._digest = sha256()
        self._buffer: memoryview | None = None
        self._is_long = False
        self._follower: Follower | None = None
        self._folder: int | None = None
        self._syncs: list[Sync] = []

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append what is not of the dataset; raises :class:`SpoolError`."""
        view = memoryview(data)
        with disk_errors(self._part.name):
            if not self._hold(view):
                self._write_all(view)
        self.size += len(view)

    def add(self, data: bytes | bytearray | memoryview) -> None:
        """Append a piece of the dataset; raises :class:`SpoolError`."""
        if self._follower is None:
            self._digest.update(data)
        self.write(data)
        if not self._is_long or self.size < ROOM:
            return
        if self.size - self._begun >= _STRIDE:
            _begin_to_write(self._descriptor, self._begun, self.size)
            self._begun = self.size
        if self._follower is not None:
            self._follower.follow(self.size)
            return
        with contextlib.suppress(RuntimeError):  # no more threads: then this one goes on
            self._follower = Follower(self._descriptor, self.size, self._digest)

    def digest(self) -> str:
        """sha256 of the dataset, hex; all of it has been added. Raises :class:`SpoolError`."""
        with disk_errors(self._part.name):
            self._leave_follower()
        return self._digest.hexdigest()

    def whole(self) -> memoryview | None:
        """All of the file, unless it is too long to be in memory; valid until it is discarded."""
        return None if self._buffer is None else self._buffer[: self.size]

    @contextlib.contextmanager
    def reading(self) -> Iterator[memoryview | mmap.mmap]:
        """All of the file, to be looked at before it is kept, however long it is. Raises :class:`SpoolError`."""
        whole = self.whole()
        if whole is not None:
            yield whole
            return
        with disk_errors(self._part.name):
            self._leave_follower()
            with mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ) as data:
                yield data

    def stretch(self, start: int, length: int) -> bytes:
        """So many bytes of what was written, from there on. Raises :class:`SpoolError`."""
        whole = self.whole()
        if whole is not None:
            return bytes(whole[start : start + length])
        with disk_errors(self._part.name):
            return os.pread(self._descriptor, length, start)

    def keep(self, name: str) -> str:
        """As :meth:`begin_to_keep`, and wait for the disk."""
        path = self.begin_to_keep(name)
        self.settle()
        return path

    def begin_to_keep(self, name: str) -> str:
        """Rename to `instances/<xx>/<name>.dcm`; return that path relative to the root.

        File and folder are being synced, and are on the disk once :meth:`settle` has returned; what is long is so at
        once. With its name before its sync, a file costs a journal one commit, not two. What a power cut makes of it
        then was promised to nobody; so a file that is there already is replaced by one that is synced.
        """
        folder = self._root / "instances" / name[:2]
        target = folder / f"{name}.dcm"
        with disk_errors(self._part.name):
            if self._buffer is not None:
                whole = self._buffer[: self.size]
                self._write_all(whole[write_past_cache(self._descriptor, whole) :])
            self._is_kept = self._is_new = rename_to_new(self._part, target)
            if self._is_new:
                self._syncs.append(Sync(self._descriptor))
            else:
                os.fsync(self._descriptor)
                self._part.rename(target)
                self._is_kept = True
            self._folder = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            self._syncs.append(Sync(self._folder))
        if self._is_long:  # who waits for a row may hold the ledger meanwhile: not for so long
            self.settle()
        return f"instances/{name[:2]}/{name}.dcm"

    def settle(self) -> None:
        """Wait until what is kept is on the disk; raises :class:`SpoolError`, however often it is asked."""
        with disk_errors(self._part.name):
            for error in self._errors():
                if self._is_new:  # by now another receiver may have put a whole one in its place: its name stays
                    os.ftruncate(self._descriptor, 0)
                raise error

    def _errors(self) -> list[OSError]:
        """Of its syncs, when they are all done."""
        return [error for sync in self._syncs if (error := sync.error())]

    def discard(self) -> None:
        """Let go of it; what was written is removed, unless it was kept."""
        if self._is_open:
            self._is_open = False
            with contextlib.suppress(OSError):  # it is given up
                self._leave_follower()
            self._give_back()
            self._errors()  # whoever wants to know has asked
            os.close(self._descriptor)
            if self._folder is not None:
                os.close(self._folder)
            if not self._is_kept:
                self._part.unlink(missing_ok=True)

    def _hold(self, data: memoryview) -> bool:
        """Into the buffer with it; False once there is no room, then what was there is written."""
        if self._is_long:
            return False
        if self._buffer is None:
            self._buffer = BUFFERS.take()
        end = self.size + len(data)
        if end <= len(self._buffer):
            self._buffer[self.size : end] = data
            return True
        self._is_long = True
        self._write_all(self._buffer[: self.size])
        self._give_back()
        return False

    def _write_all(self, data: memoryview) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

    def _give_back(self) -> None:
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            BUFFERS.give(buffer)

    def _leave_follower(self) -> None:
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.finish(self.size)
