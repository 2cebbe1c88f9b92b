"""The lifeline of a process that another one has started: its standard input, which ends when the other one does."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable


def hold(end: Callable[[], object]) -> None:
    """Call `end` from a thread of its own as soon as the other end of standard input is gone."""
    threading.Thread(target=_watch, args=(end,), daemon=True, name="lifeline").start()


def _watch(end: Callable[[], object]) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    end()
