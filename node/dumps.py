"""Core dumps: copies of the memory of a process, with patients in it. No process of the node leaves one."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path


def forbid_core_dumps() -> None:
    """Of this process and of all that it starts from now on."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # a kernel without it
        # Where dumps go to a program the limit does not count, core(5): such a dump has no memory in it.
        Path("/proc/self/coredump_filter").write_text("0", encoding="ascii")
