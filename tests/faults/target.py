"""What is attacked: the node's receiver, and its peers in their usual configuration."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.campaign import Scene, Seen
from tests.faults.rawpeer import echo_seconds
from tests.peers import RealOrthanc, RealStorescp, RunningNode, processes, until
from tests.peers.ports import free_port


@dataclass(frozen=True)
class Footprint:
    """What processes hold. `rss`: resident memory, MB."""

    rss: float
    descriptors: int
    threads: int


@dataclass(frozen=True)
class Target:
    """A storage SCP on a port of this machine.

    Attributes:
        pids: of its processes, whenever it is asked.
        kept: the files of objects that it keeps, whole or not, whenever it is asked.
    """

    port: int
    pids: Callable[[], Sequence[int]]
    kept: Callable[[], Sequence[Path]]

    def footprint(self) -> Footprint:
        """Of all its processes together; one that ends meanwhile counts for nothing."""
        rss, descriptors, threads = 0, 0, 0
        for pid in self.pids():
            try:
                status = Path(f"/proc/{pid}/status").read_text()
                found = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
                rss += int(found["VmRSS"].split()[0])
                threads += int(found["Threads"])
                descriptors += len(list(Path(f"/proc/{pid}/fd").iterdir()))
            except (OSError, KeyError):
                continue
        return Footprint(rss / 1024, descriptors, threads)


class Peak:
    """The most resident memory of a target, MB, while this context is open."""

    def __init__(self, target: Target) -> None:
        self.rss = 0.0
        self._target, self._over = target, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self.rss = max(self.rss, self._target.footprint().rss)


@dataclass(frozen=True)
class Outcome:
    """What an attack came to. `withstood` counts for the node alone; `figure` is told of each."""

    withstood: bool
    figure: str


Attack = Callable[[Target], Outcome]


def receiver(node: RunningNode) -> Target:
    """The node's receiver."""
    spool = node.data / "spool"
    return Target(node.port, lambda: node.pids("receiver"), lambda: _files(spool / "instances", spool / "incoming"))


def side_by_side(scene: Scene, attack: Attack, node: RunningNode | None = None) -> Seen:
    """Attack a node, and its peers where there is time for them."""
    outcome = attack(receiver(node or scene.node()))
    return Seen(
        outcome.withstood, outcome.figure, {} if scene.short else asked(scene, lambda target: attack(target).figure)
    )


def asked(scene: Scene, attack: Callable[[Target], str]) -> dict[str, str]:
    """Name of a peer -> what the attack came to, in words. Whatever becomes of a peer is told, and never raised."""
    told = {}
    for name, start in PEERS.items():
        try:
            with start(scene.folder / f"peer-{name}") as target:
                told[name] = attack(target)
        except pytest.skip.Exception:  # it is not installed
            continue
        except Exception as error:  # it is the peer's, and may be anything
            told[name] = f"could not be asked ({type(error).__name__})"
    return told


@contextmanager
def orthanc(folder: Path) -> Iterator[Target]:
    """A real one."""
    with RealOrthanc(folder) as running:
        yield Target(
            running.port, lambda: list(processes.naming(str(folder))), lambda: _attachments(folder / "storage")
        )


@contextmanager
def storescp(folder: Path) -> Iterator[Target]:
    """DCMTK's, a process for each association."""
    with RealStorescp(folder) as running:
        yield Target(running.port, lambda: list(processes.naming(str(folder))), lambda: _files(folder))


@contextmanager
def stock_pynetdicom(folder: Path) -> Iterator[Target]:
    """The storescp that comes with pynetdicom."""
    port = free_port()
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "pynetdicom", "storescp", str(port), "-od", str(folder), "-q"]
    process = processes.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: echo_seconds(port) is not None, "pynetdicom's storescp answers")
        yield Target(port, lambda: [process.pid], lambda: _files(folder))
    finally:
        processes.end(process, 2)


PEERS = {"Orthanc": orthanc, "storescp": storescp, "pynetdicom": stock_pynetdicom}


def _files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def _attachments(storage: Path) -> list[Path]:
    """Orthanc keeps objects in folders of two hexadecimal digits, and its index beside them."""
    return [path for path in _files(storage) if path.parent.parent.parent == storage]
