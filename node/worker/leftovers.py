"""What a plugin leaves behind in its worker after its answer: processes, threads, open files, memory.

The next study must find the worker as this one did; so a worker in which something was left is ended, and another is
started. Nothing is looked for that is not a number in /proc, and so it takes a fraction of a millisecond.
"""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
#: Threads and open files that a library may make at its first job.
_SPARE = 64


@dataclass(frozen=True)
class Holding:
    """What the process holds. `size`: bytes of its address space, which `worker.memory_mb` limits."""

    children: frozenset[int]
    threads: int
    files: int
    size: int


class Leftovers:
    """Make it when everything is loaded and no job was done yet: what is there then belongs there."""

    def __init__(self) -> None:
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans become ours, and are seen
        self._before = _holding()
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        self._most_bytes = limit // 2 if limit != resource.RLIM_INFINITY else None

    def found(self) -> bool:
        """Whether more is there than belongs there."""
        before, now = self._before, _holding()
        return (
            not now.children <= before.children
            or now.threads > before.threads + _SPARE
            or now.files > before.files + _SPARE
            or (self._most_bytes is not None and now.size > before.size + self._most_bytes)
        )


def _holding() -> Holding:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    files = len(os.listdir("/proc/self/fd"))
    return Holding(frozenset(_children()), int(status["Threads"]), files, int(status["VmSize"].split()[0]) << 10)


def _children() -> Iterator[int]:
    """Processes of ours that live, the children of ended children among them."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return  # the usual case: there are none
    me = os.getpid()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                state, parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[:2]
                if int(parent) == me and state != "Z":
                    yield int(name)
