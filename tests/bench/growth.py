"""Growth: the node on a ledger of years beside the same node on an empty one, in turn, on one machine.

Both have been started before, so that neither makes its tables or folders while the clock runs. What is received in a
round stays: the grown ledger is a little larger in the next one.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.figures import Goal, Rows, mid, ratio, table, told
from tests.bench.grown import build
from tests.peers import Hospital, RunningNode, install_plugin, processes, system_program

#: As large as a hospital's ledger is after some years: 10 million instances.
STUDIES = 100_000
_IMAGES, _SIZE = 400, 64
_SECONDS = 300
_TICKS = os.sysconf("SC_CLK_TCK")
_QUIET_SECONDS = 3.0
_NAMES = ("empty", "grown")
LEDGER, START = "ledger, MB", "start, until C-ECHO is answered, s"
RECEIVING, IDLE = "receiving images of 8 KB, instances/s", "idle, all processes together, % of a core"
#: UID: of the study that came last.
COMMANDS = ("status", "studies list", "studies show UID", "trail UID", "queue list")
_WORDS = """## Growth

The node on a ledger with 100,000 studies, 10 million instances and their trail beside the same node on an empty one, in
turn. Both have a destination that is asked to keep what it takes, and get the same images over one association. Of
commands, the least of three.

"""


def measure(folder: Path, rounds: int, studies: int = STUDIES, idle_seconds: float = 20.0) -> Rows:
    """What was measured -> `empty` and `grown` -> a figure for each round.

    Raises what a node or a sender that fails raises.
    """
    nodes = {name: _node(folder / name) for name in _NAMES}
    for node in nodes.values():
        with _started(node):
            pass
    build(nodes["grown"].data / "ledger.db", studies)
    os.sync()  # else the first round waits until all of it is written
    found: Rows = {}
    for number in range(rounds):
        sent = _images(folder / f"sent{number}")
        for name, node in nodes.items():
            for what, figure in _round(node, sent, idle_seconds):
                found.setdefault(what, {}).setdefault(name, []).append(figure)
        shutil.rmtree(sent.parent)
    return found


def _node(folder: Path) -> RunningNode:
    """The whole node with a destination that is asked to keep what it takes; no route takes what comes."""
    install_plugin(folder / "plugins")
    archive = {"name": "pacs", "kind": "dicom", "host": "127.0.0.1", "port": 1, "ae_title": "PACS"}
    return RunningNode(
        folder,
        python_path=[folder / "plugins"],
        destinations=[archive | {"storage_commitment": True}],
        study={"quiet_seconds": {"default": 1}},
    )


def _round(node: RunningNode, sent: Path, idle_seconds: float) -> Iterator[tuple[str, float]]:
    """Everything once at one node."""
    yield LEDGER, (node.data / "ledger.db").stat().st_size / 1e6
    with _started(node) as seconds:
        yield START, seconds
        node.await_worker()
        yield RECEIVING, _IMAGES / _send(node, sent)
        uid = node.ledger.studies.latest(1)[0].study_instance_uid
        node.ledger.close()
        for command in COMMANDS:
            yield _name(command), min(_command(node, command.replace("UID", uid)) for _ in range(3))
        time.sleep(_QUIET_SECONDS)  # what came is quiet, and ignored
        yield IDLE, _idle(node, idle_seconds)


@contextmanager
def _started(node: RunningNode) -> Iterator[float]:
    began = time.perf_counter()
    with node:
        yield time.perf_counter() - began
        node.stop()


def _send(node: RunningNode, sent: Path) -> float:
    command = [system_program("storescu"), "-R", "+sd", "-aec", node.ae_title, "127.0.0.1", str(node.port), str(sent)]
    began = time.perf_counter()
    status = processes.start(command, env={**os.environ, "TCP_NODELAY": "1"}).wait(_SECONDS)  # DCMTK without Nagle
    seconds = time.perf_counter() - began
    if status:
        raise RuntimeError(f"storescu ended with {status}")
    return seconds


def _name(command: str) -> str:
    return f"`radnode {command}`, s"


def _command(node: RunningNode, command: str) -> float:
    began = time.perf_counter()
    done = node.run_cli(*command.split())
    seconds = time.perf_counter() - began
    if done.returncode > 1:  # 1: it says what troubles the node
        raise RuntimeError(f"radnode {command} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return seconds


def _idle(node: RunningNode, seconds: float) -> float:
    """Percent of a core that the node takes while nothing happens."""
    pids = list(node.processes())
    before, began = _worked(pids), time.monotonic()
    time.sleep(seconds)
    return 100 * (_worked(pids) - before) / (time.monotonic() - began)


def _worked(pids: Sequence[int]) -> float:
    """Seconds of processor time of these processes; fields 14 and 15 of proc(5)'s stat."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / _TICKS


def _images(folder: Path) -> Path:
    hospital, place = Hospital(folder / "hospital"), folder / "images"
    place.mkdir()
    for image in range(_IMAGES):
        ds = hospital.image(image=image + 1, modality="CT", size=_SIZE)
        ds.save_as(place / f"{image:05d}.dcm", enforce_file_format=True)
    return place


def section(rows: Rows) -> str:
    """Its part of deploy/PERFORMANCE.md."""
    lines = []
    for what, one in rows.items():
        times = None if what == LEDGER else ratio(one, "grown", "empty")
        lines.append([what, *(told(one[name]) for name in _NAMES), "" if times is None else f"{times:.2f}"])
    return _WORDS + table(["", *_NAMES, "grown / empty"], lines)


def goals(rows: Rows) -> list[Goal]:
    """What a grown ledger may cost."""

    def times(what: str) -> float | None:
        return ratio(rows.get(what), "grown", "empty")

    def grown(what: str) -> float | None:
        return mid(rows[what]["grown"]) if what in rows else None

    status = _name("status")
    return [
        Goal(
            f"grown ledger: {RECEIVING.partition(',')[0]}, of an empty one", times(RECEIVING), 1 / 1.2, "x", least=True
        ),
        Goal(f"grown ledger: {status.partition(',')[0]}, of an empty one", times(status), 1.2, "x"),
        Goal(f"grown ledger: {status.partition(',')[0]}", grown(status), 0.5, "s"),
        Goal("grown ledger: start", grown(START), 3, "s"),
        Goal("grown ledger: idle, of a core", grown(IDLE), 1, "%"),
    ]
