"""Fault 5: a power cut. What the kernel was told to make durable before each answer, by its record of system calls."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.campaign import Fault, Scene, Seen
from tests.faults.target import Target, asked, receiver
from tests.peers import processes, system_program, until
from tests.receive.material import film
from tests.receive.peer import Peer

_SYNCS = ("fsync", "fdatasync")
_RENAMES = ("rename", "renameat", "renameat2")
_SENDS = ("sendto", "sendmsg", "write", "writev")
#: `1234 fsync(7</path>) = 0`, or one of its halves when another thread came in between.
_LINE = re.compile(r"(?P<thread>\d+) +(?P<resumed><\.\.\. )?(?P<call>\w+)(?:\(| resumed>)(?P<rest>.*)")
_PATH = re.compile(r"\d+<([^>]*)>")
_NEW_NAME = re.compile(r'.*"([^"]+)"')
#: What must have happened before the node's answer, and after what else. A file has its name before its sync.
_DURABLE = (("rename", "file"), ("rename", "folder"), ("file", "ledger"), ("folder", "ledger"))


@dataclass(frozen=True)
class Step:
    """One of `file`, `rename`, `folder`, `ledger` or `answer`, and the thread that did it, or for which it was done."""

    what: str
    thread: int


def power_cut(scene: Scene) -> Seen:
    """5: on 4 associations at once, which share commits; peers on one."""
    count = scene.times(100, 20)
    steps = _recorded(receiver(scene.node()), scene.folder / "calls", count, associations=4)
    missing = [step for answer in _by_answer(steps) if (step := _missing(answer))]
    answers = sum(step.what == "answer" for step in steps)
    figure = f"{answers - len(missing)} of {answers} answers after file, folder and ledger were synced"
    figure += f"; first missing: {missing[0]}" if missing else ""
    peers = {} if scene.short else asked(scene, lambda target: _synced(target, scene.folder / "calls-peer"))
    return Seen(answers == count and not missing, figure, peers)


def _synced(target: Target, record: Path) -> str:
    """Of a peer: how many answers came after a sync of a file, and how many after one of a folder."""
    steps = [Step(step.what, 0) for step in _recorded(target, record, 20, associations=1)]
    answers = _by_answer(steps)
    file, folder = (sum(what in answer for answer in answers) for what in ("file", "folder"))
    return f"of {len(answers)} answers {file} after the file was synced, {folder} after its folder was"


def _by_answer(steps: Sequence[Step]) -> list[list[str]]:
    """For each answer what was done since the last one of its thread; the ledger is written for all threads."""
    found, since = list[list[str]](), dict[int, list[str]]()
    for step in steps:
        if step.what == "ledger":
            for done in since.values():
                done.append("ledger")
        elif step.what == "answer":
            found.append(since.pop(step.thread, []))
        else:
            since.setdefault(step.thread, []).append(step.what)
    return found


def _missing(done: Sequence[str]) -> str:
    """The first of :data:`_DURABLE` that was not done after what has to be before it; empty: none."""
    for before, after in _DURABLE:
        if before not in done:
            return before
        if after not in done[done.index(before) :]:
            return f"{after} after {before}"
    return ""


def _recorded(target: Target, record: Path, count: int, associations: int) -> list[Step]:
    """The steps of its processes while it is sent so many objects."""
    with _recording(target, record):
        threads = [
            threading.Thread(target=_store, args=(target.port, number, count // associations))
            for number in range(1, associations + 1)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return list(_steps(record))


def _store(port: int, series: int, count: int) -> None:
    with Peer(port, timeout=20) as peer:
        peer.associate()
        for number in range(count):
            instance = f"1.2.826.0.1.3680043.8.498.5.{series}.{number}"
            assert peer.store(film(instance=instance), instance) == 0
        peer.release()


@contextmanager
def _recording(target: Target, record: Path) -> Iterator[None]:
    calls = ",".join((*_SYNCS, *_RENAMES, *_SENDS))
    command = [system_program("strace"), "-f", "-y", "-s", "2", "-e", f"trace={calls}", "-o", str(record)]
    attached = [word for pid in target.pids() for word in ("-p", str(pid))]
    process = processes.start([*command, *attached], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        until(lambda: all(_is_traced(pid) for pid in target.pids()), "strace is attached", 20)
        yield
        time.sleep(0.3)
    finally:
        process.send_signal(signal.SIGINT)  # then it lets go of them
        process.communicate(timeout=20)


def _is_traced(pid: int) -> bool:
    """Every thread of it."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return all("TracerPid:\t0\n" not in (thread / "status").read_text() for thread in threads)


def _steps(record: Path) -> Iterator[Step]:
    """In the order of their ends; an answer counts from its beginning. A sync is of the threads whose file it is."""
    begun, named = dict[str, str](), dict[int, Path]()
    for line in record.read_text(errors="replace").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        thread, call, rest = found["thread"], found["call"], found["rest"]
        if found["resumed"]:
            rest = begun.pop(thread, "") + rest
            if call in _SENDS:
                continue
        elif rest.endswith("<unfinished ...>") and call not in _SENDS:
            begun[thread] = rest
            continue
        what = _what(call, rest)
        if what == "rename" and (name := _NEW_NAME.search(rest)):
            named[int(thread)] = Path(name[1])
        for one in _whose(what, rest, named) or [int(thread)]:
            if what:
                yield Step(what, one)


def _whose(what: str, rest: str, named: Mapping[int, Path]) -> list[int]:
    """The threads that have given their file this name, or a name in this folder, last; the C library's sync it."""
    if what not in ("file", "folder") or not (path := _PATH.match(rest)):
        return []
    return [one for one, name in named.items() if Path(path[1]) == (name if what == "file" else name.parent)]


def _what(call: str, rest: str) -> str:
    if call in _RENAMES:
        return "rename"
    path = _PATH.match(rest)
    if path is None:
        return ""
    if call in _SENDS:  # a P-DATA PDU (PS3.8 9.3.5)
        return "answer" if path[1].startswith(("TCP", "socket")) and '"\\4\\0"' in rest else ""
    if path[1].endswith("-wal"):
        return "ledger"
    if path[1].endswith((".db", "-journal", "/index")):  # of SQLite as well, and no object
        return ""
    return "folder" if Path(path[1]).is_dir() else "file"


POWER = (
    Fault(
        5,
        "power cut",
        "100 objects on 4 associations at once, every system call of the receiver recorded",
        "100 % of the answers after the file and its folder, and then the ledger's log, were synced",
        power_cut,
        quick=True,
    ),
)
