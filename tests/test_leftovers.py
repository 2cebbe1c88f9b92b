"""What a plugin leaves behind, tried by programs of their own: adopting orphans is for the whole process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Notes what is there, lets the statement happen, and says whether something was left.
PROGRAM = """
import os, resource, subprocess, sys, threading, time
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
from node.worker.leftovers import Leftovers
leftovers = Leftovers()
exec(sys.argv[1])
print(leftovers.found(), flush=True)
os.killpg(0, 9)
"""
_SLEEPER = "[sys.executable, '-c', 'import time; time.sleep(60)']"

LEFT = {
    "a child": f"subprocess.Popen({_SLEEPER}, stdout=subprocess.DEVNULL)",
    "the child of a child that has ended": f"subprocess.run(['sh', '-c', '{sys.executable} -c \"import time;"
    " time.sleep(60)\" > /dev/null &'])",
    "a fork": "os.fork() or (os.close(1), time.sleep(60))",
    "threads": "[threading.Thread(target=time.sleep, args=(60,), daemon=True).start() for _ in range(100)]",
    "open files": "held = [open(os.devnull) for _ in range(100)]",
    "memory": "held = bytearray(5 << 29)",
}
NOTHING = {
    "nothing happened": "pass",
    "a child that has ended": "subprocess.run(['true'])",
    "a child that nobody has waited for": "os.fork() or os._exit(0); time.sleep(0.2)",
    "a thread and a file of a library": "threading.Thread(target=time.sleep, args=(60,), daemon=True).start();"
    " held = open(os.devnull)",
    "memory that was given back": "bytearray(5 << 29)",
}


def found(statement: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, statement],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        start_new_session=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("what", LEFT)
def test_it_is_noticed(what: str) -> None:
    assert found(LEFT[what]) == "True"


@pytest.mark.parametrize("what", NOTHING)
def test_what_is_over_or_small_is_not(what: str) -> None:
    assert found(NOTHING[what]) == "False"
