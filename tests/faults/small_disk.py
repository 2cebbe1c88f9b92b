"""A file system of a few megabytes that can be filled, starved of inodes and made read-only."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path
from typing import Self

_FILLER = "filler"


class NotPermitted(Exception):
    """No file system can be mounted here."""


class SmallDisk:
    """A tmpfs on a folder from its start to its end; raises :class:`NotPermitted`.

    Args:
        folder: made when missing.
        mib: its size.
        inodes: how many; 0: as many as the kernel gives.
    """

    def __init__(self, folder: Path, mib: int, inodes: int = 0) -> None:
        self.folder, self._options = folder, f"size={mib}m,mode=700" + (f",nr_inodes={inodes}" if inodes else "")

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "-o", self._options, "faults", str(self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False, capture_output=True)

    def fill(self) -> None:
        """To the last byte."""
        with contextlib.suppress(OSError), (self.folder / _FILLER).open("ab", buffering=0) as filler:
            for size in (1 << 16, 1 << 10, 1):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(bytes(size))

    def take_inodes(self) -> None:
        """All of them."""
        (self.folder / f"{_FILLER}s").mkdir(exist_ok=True)
        with contextlib.suppress(OSError):
            for number in range(1 << 20):
                (self.folder / f"{_FILLER}s" / str(number)).touch()

    def free(self) -> None:
        """What was taken."""
        (self.folder / _FILLER).unlink(missing_ok=True)
        for path in (self.folder / f"{_FILLER}s").glob("*"):
            path.unlink()

    def read_only(self) -> None:
        """As a kernel does that has seen an error of the disk; waits until no file on it is open for writing."""
        end = time.monotonic() + 10
        while True:
            try:
                return _mount("-o", "remount,ro", str(self.folder))
            except NotPermitted:
                if time.monotonic() > end:
                    raise
            time.sleep(0.05)

    def writable(self) -> None:
        """Again."""
        _mount("-o", "remount,rw", str(self.folder))


def _mount(*arguments: str) -> None:
    if os.geteuid() != 0:
        raise NotPermitted("a small file system needs root")
    done = subprocess.run(["mount", *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise NotPermitted(f"mount {' '.join(arguments[:-1])}: {done.stderr.strip()}")
