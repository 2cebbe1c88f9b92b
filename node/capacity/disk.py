"""How long a disk takes until it has what it was given."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from node.capacity.verdict import Disk
from node.spool import Spool

#: A CT slice.
FILE_BYTES = 512 * 512 * 2
#: What a commit adds to the ledger's log, about.
_APPEND_BYTES = 8192


def measure_disk(folder: Path, times: int = 20) -> Disk:
    """Medians of so many times in a folder, the first left out; raises :class:`~node.errors.SpoolError`."""
    spool, data = Spool(folder / "disk"), os.urandom(FILE_BYTES)
    spool.prepare()

    def keep(number: int) -> None:
        with spool.receive() as incoming:
            incoming.write(data)
            incoming.keep(f"{number:064x}")

    log = os.open(folder / "log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:

        def append(_: int) -> None:
            os.write(log, data[:_APPEND_BYTES])
            os.fdatasync(log)

        return Disk(_median(keep, times), _median(append, times))
    finally:
        os.close(log)


def _median(act: Callable[[int], None], times: int) -> float:
    seconds = []
    for number in range(times + 1):
        began = time.perf_counter()
        act(number)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])
