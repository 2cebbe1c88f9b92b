"""A worker process may do anything; the parent gets an answer, or an error, and no process is left over."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from node.classify.process import WorkerDied, WorkerLate, WorkerProcess

_PROGRAM = """\
import json, os, signal, socket, subprocess, sys, time
channel = socket.socket(fileno=int(sys.argv[1]))
lines = channel.makefile("rwb")
def say(answer):
    lines.write(json.dumps(answer).encode() + b"\\n")
    lines.flush()
{start}
say({{"problems": []}})
for line in lines:
    job = json.loads(line)
    {handle}
    say({{"answers": job["ids"]}})
"""
JOB = {"op": "classify", "ids": [1, 2]}

Make = Callable[..., WorkerProcess]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[WorkerProcess] = []

    def start(handle: str = "pass", start: str = "") -> WorkerProcess:
        path = tmp_path / f"worker{len(made)}.py"
        path.write_text(_PROGRAM.format(start=start, handle=handle))
        made.append(WorkerProcess([sys.executable, str(path)]))
        return made[-1]

    yield start
    for worker in made:
        worker.kill()


def _alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _gone(pid: int, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while _alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not _alive(pid)


def test_it_answers_one_job_after_the_other(make: Make) -> None:
    worker = make()
    assert worker.start(10) == {"problems": []}
    assert [worker.ask(JOB, 10) for _ in range(3)] == [{"answers": [1, 2]}] * 3


def test_a_job_without_a_process_says_so(make: Make) -> None:
    with pytest.raises(WorkerDied, match="is not running"):
        make().ask(JOB, 1)


@pytest.mark.parametrize(
    ("handle", "reason"),
    [
        ("os._exit(0)", "exit status 0"),
        ("sys.exit(3)", "exit status 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "signal SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGABRT)", "signal SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "signal SIGKILL"),
        ("os.kill(os.getpid(), 40)", "signal 40"),
    ],
)
def test_how_it_died_is_told(make: Make, handle: str, reason: str) -> None:
    worker = make(handle)
    worker.start(10)
    with pytest.raises(WorkerDied, match=reason):
        worker.ask(JOB, 10)
    assert worker.pid is None


def test_it_can_be_started_again_after_it_died(make: Make) -> None:
    worker = make("job['ids'] == [9] and os._exit(1)")
    worker.start(10)
    with pytest.raises(WorkerDied):
        worker.ask({"ids": [9]}, 10)
    worker.start(10)
    assert worker.ask(JOB, 10) == {"answers": [1, 2]}


@pytest.mark.parametrize(
    "handle",
    ["time.sleep(60)", "while True: pass", "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"],
)
def test_who_is_late_is_killed_at_the_limit(make: Make, handle: str) -> None:
    worker = make(handle)
    worker.start(10)
    pid = worker.pid
    assert pid is not None
    begun = time.monotonic()
    with pytest.raises(WorkerLate, match=r"no answer within 0\.3 s"):
        worker.ask(JOB, 0.3)
    assert time.monotonic() - begun < 3
    assert _gone(pid)


def test_answering_bit_by_bit_does_not_stretch_the_limit(make: Make) -> None:
    worker = make("\n    ".join(["while True:", "    channel.send(b' ')", "    time.sleep(0.05)"]))
    worker.start(10)
    begun = time.monotonic()
    with pytest.raises(WorkerLate):
        worker.ask(JOB, 0.5)
    assert time.monotonic() - begun < 3


def test_a_start_that_hangs_is_late(make: Make) -> None:
    with pytest.raises(WorkerLate):
        make(start="time.sleep(60)").start(0.3)


def test_a_start_that_fails_says_why(make: Make) -> None:
    worker = make(start="say({'fatal': 'ImportError at engine.py:3: onnxruntime'}); sys.exit(1)")
    with pytest.raises(WorkerDied, match=r"cannot start: ImportError at engine\.py:3: onnxruntime"):
        worker.start(10)
    assert worker.pid is None


def test_what_is_printed_goes_nowhere(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    worker = make("print('PHICANARY' * 1_000_000, flush=True); print('PHICANARY', file=sys.stderr, flush=True)")
    worker.start(10)
    assert worker.ask(JOB, 10) == {"answers": [1, 2]}
    assert "PHICANARY" not in "".join(capfd.readouterr())


_CHILD = "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"


def test_children_of_a_worker_end_with_it(make: Make) -> None:
    worker = make(f"{_CHILD}; job['ids'] = [child.pid]")
    worker.start(10)
    child = worker.ask(JOB, 10)["answers"][0]
    assert _alive(child)
    worker.kill()
    assert _gone(child)


def test_children_of_a_worker_that_died_end_too(make: Make, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    worker = make(f"{_CHILD}; open({str(note)!r}, 'w').write(str(child.pid)); os._exit(1)")
    worker.start(10)
    with pytest.raises(WorkerDied):
        worker.ask(JOB, 10)
    assert _gone(int(note.read_text()))


def test_a_fork_that_holds_the_socket_does_not_hide_a_death(make: Make) -> None:
    worker = make("if os.fork() == 0: time.sleep(60)\n    os._exit(7)")
    worker.start(10)
    begun = time.monotonic()
    with pytest.raises(WorkerDied, match="exit status 7"):
        worker.ask(JOB, 30)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("handle", ["channel.send(b'no json\\n')", "channel.send(b'[1]\\n')"])
def test_an_answer_that_is_no_message_counts_as_a_death(make: Make, handle: str) -> None:
    worker = make(handle)
    worker.start(10)
    with pytest.raises(WorkerDied, match="no message"):
        worker.ask(JOB, 10)
    assert worker.pid is None


def test_killing_twice_or_before_the_start_is_no_error(make: Make) -> None:
    worker = make()
    worker.kill()
    worker.start(10)
    worker.kill()
    worker.kill()
    assert worker.pid is None


def test_no_descriptor_is_left_open(make: Make) -> None:
    worker = make("os._exit(1)")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        worker.start(10)
        with pytest.raises(WorkerDied):
            worker.ask(JOB, 10)
    assert len(os.listdir("/proc/self/fd")) == before
