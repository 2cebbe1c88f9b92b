"""What ends a thread, or a process, is in the log with its way, and without its text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import threading
from node import logs
logs.configure()
def read(name):
    return int(name)
"""


@pytest.mark.parametrize(
    ("ends", "thread", "status"),
    [
        ("threading.Thread(target=read, args=('KANARI^P',), name='watcher').start()", "watcher", 0),
        ("read('KANARI^P')", "MainThread", 1),
    ],
)
def test_an_error_that_nobody_has_caught_is_logged_with_its_way(
    tmp_path: Path, ends: str, thread: str, status: int
) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"{PROGRAM}{ends}\n", encoding="utf-8")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "KANARI" in done.stderr) == (status, False)
    (line,) = map(json.loads, done.stderr.splitlines())
    assert (line["action"], line["thread"], line["error"]) == ("thread ended", thread, "ValueError")
    assert line["at"][-1] == "program.py:6"


def test_a_thread_that_asks_for_its_own_end_is_no_error(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"{PROGRAM}threading.Thread(target=lambda: exit(3)).start()\n", encoding="utf-8")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
