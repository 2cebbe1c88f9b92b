"""kill -9 before any statement that a ledger is told: between two of them nothing happens that outlives the process."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from typing import Any


def is_killed_before(statement: int, act: Callable[[], object]) -> bool:
    """Do it in a process of its own that is killed before that statement; whether it came so far.

    Args:
        statement: counted from 0, which begins the first transaction; the last one is followed by the end of `act`.
        act: what is done; it opens a ledger of its own.
    """
    child = os.fork()
    if not child:
        try:
            count = _counting(statement)
            act()
            count("BEGIN IMMEDIATE")
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _counting(statement: int) -> Callable[[str], None]:
    """From now on statements of this process are counted, and it is killed before that one."""
    begun, connect = 0, sqlite3.connect

    def count(sql: str) -> None:
        nonlocal begun
        if not begun and not sql.startswith("BEGIN"):
            return
        if begun == statement:
            os.kill(os.getpid(), signal.SIGKILL)
        begun += 1

    def counted(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(count)
        return connection

    sqlite3.connect = counted  # type: ignore[assignment]  # of this process alone, which is about to end
    return count
