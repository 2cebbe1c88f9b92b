"""The processes of the throwaway node, and what they took."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.errors import TemporaryError

_TICKS = os.sysconf("SC_CLK_TCK")
_END_SECONDS = 20


@contextmanager
def receiver(settings: Path) -> Iterator[int]:
    """A receiver of the node that listens, as its process id; raises :class:`~node.errors.TemporaryError`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "node.receive", str(settings), "--lifeline"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        if process.stdout is None or not process.stdout.readline().startswith(b"listening"):
            raise TemporaryError("the receiver does not start", hint="`radnode doctor` checks what it needs")
        yield process.pid
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def cpu_seconds(pid: int | None) -> float:
    """Processor time of a process, and of those of its children that have ended; 0 without such a process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / _TICKS  # utime, stime, cutime, cstime: proc_pid_stat(5)


def megabytes(pid: int | None) -> float:
    """Memory of a process that is in RAM, in MB; 0 without such a process."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS:")), 0.0)


def machine() -> str:
    """This machine in words: `AMD EPYC, 2 cores, 24 GiB, Linux 6.1`."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"
