"""Processes: started with an end, and found by what was on their command line."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SET_PARENT_DEATH_SIGNAL = 1  # linux/prctl.h
_libc = ctypes.CDLL(None)


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """A process that ends with this one, even when this one is killed."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent, **options)


def _die_with_parent() -> None:
    _libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def naming(text: str) -> dict[int, str]:
    """pid -> command line of every process that has `text` on it. `text` must be the test's own path."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if text in line and (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found[int(folder.name)] = line
    return found


def kill(pids: Sequence[int], number: int = signal.SIGKILL) -> None:
    """Signal these processes; one that is gone is no error."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def end(process: subprocess.Popen[bytes], seconds: float = 20) -> int:
    """Ask it to end, wait, then insist; its exit status."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(seconds)
        process.kill()
    return process.wait()
