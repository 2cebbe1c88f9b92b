"""Receiving: instances a second that DCMTK's storescu gets rid of, at the node and at its peers in turn.

The clock runs from the start of the senders to the end of the last. The node and Orthanc have synced what they have
acknowledged (the node the file, its folder and its row; Orthanc the file); storescp and pynetdicom sync nothing. The
bare loop (:mod:`tests.bench.bare_loop`) is no rival but a measuring stick: what is left of the node without its duties.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.bare_loop import BareLoop
from tests.bench.figures import Figures, Goal, Rows, compared, ratio
from tests.faults.stock import StockStorescp
from tests.peers import (
    Hospital,
    RealOrthanc,
    RealStorescp,
    RunningNode,
    install_plugin,
    processes,
    system_program,
)

#: Largest PDU that the senders announce, bytes: as far as DCMTK goes.
_PDU = "131072"
_SECONDS = 300


@dataclass(frozen=True)
class Load:
    """What is sent.

    Attributes:
        name: in the page.
        count: instances.
        modality: of them.
        size: rows and columns, 16 bits each.
        associations: at the same time, each with its share.
        nagle: DCMTK's programs as they are packaged; else sender and storescp do without Nagle's algorithm.
        goals: receiver -> times as many instances a second as it takes that we are to take.
        floor: of the goal against Orthanc.
    """

    name: str
    count: int
    modality: str
    size: int
    associations: int = 1
    nagle: bool = False
    goals: Mapping[str, float] = field(default_factory=dict, hash=False)
    floor: float | None = None


#: Of eight associations at once.
_EIGHT = {"Orthanc": 2.4, "storescp": 0.9}
LOADS = (
    Load("500 CT slices of 0.5 MB", 500, "CT", 512, goals={"Orthanc": 2.2, "storescp": 0.6}, floor=1.8),
    Load("500 CT slices of 0.5 MB on 8 associations", 500, "CT", 512, 8, goals=_EIGHT, floor=1.9),
    Load("600 images of 8 KB", 600, "CT", 64, goals={"Orthanc": 1.8}, floor=1.4),
    Load("20 films of 18 MB", 20, "DX", 3000, goals={"Orthanc": 4.5, "storescp": 2.0}, floor=3.5),
    Load(
        "50 images of 8 KB from a stock sender (Nagle's algorithm on)", 50, "CT", 64, nagle=True, goals={"Orthanc": 25}
    ),
)
_WORDS = """## Receiving

Instances a second that DCMTK's `storescu` gets rid of. Success from radnode means that file, folder and row are synced
to the disk; from Orthanc, the file; storescp and pynetdicom sync nothing. The bare loop is a measuring stick, no
receiver to use: a thread for each association that writes and syncs the file and commits one row, in as little Python
as that takes, and nothing else (no folder, digest, header, limits or trail). "x bare loop" says how near the node is to
what Python reaches on this machine; above 1 is possible: the node's associations share a commit, and its slices go past
the page cache.

"""


@contextmanager
def _node(folder: Path) -> Iterator[RunningNode]:
    """The whole node with its models loaded, as it is all day; no route takes what comes."""
    plugins = folder / "plugins"
    install_plugin(plugins)
    study = {"quiet_seconds": {"default": 60}}
    with RunningNode(folder / "node", python_path=[plugins], study=study) as node:
        node.await_worker()
        yield node


#: Name -> how it is started in a folder.
RECEIVERS: Mapping[str, Callable[[Path], AbstractContextManager[Any]]] = {
    "radnode": _node,
    "Orthanc": RealOrthanc,
    "storescp": RealStorescp,
    "pynetdicom": StockStorescp,
    "bare loop": BareLoop,
}


def measure(folder: Path, rounds: int) -> Rows:
    """Load -> receiver -> instances a second."""
    return {load.name: measure_load(load, folder / "load", rounds) for load in LOADS}


def measure_load(load: Load, folder: Path, rounds: int, names: Sequence[str] = tuple(RECEIVERS)) -> Figures:
    """Receiver -> instances a second. Every round asks each of them, started anew in an empty folder.

    What they have received stays until the end: a file system that was just rid of files may be slower at making some.
    """
    shares = _shares(load, folder / "sent")
    found: Figures = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            with without_nagle(not load.nagle), RECEIVERS[name](folder / f"{name}{number}") as receiver:
                found[name].append(load.count / _seconds(receiver, shares, load))
            os.sync()
    for place in folder.iterdir():
        shutil.rmtree(place)
    return found


def section(rows: Rows) -> str:
    """Its part of the page."""
    return _WORDS + compared(rows, "what is sent")


def goals(rows: Rows) -> list[Goal]:
    """What receiving is to reach, against Orthanc and storescp."""
    return [
        Goal(
            f"receiving {load.name}, against {peer}",
            ratio(rows.get(load.name), "radnode", peer),
            limit,
            "x",
            least=True,
            floor=load.floor if peer == "Orthanc" else None,
        )
        for load in LOADS
        for peer, limit in load.goals.items()
    ]


@contextmanager
def without_nagle(off: bool) -> Iterator[None]:
    """What DCMTK's programs, receivers as well, do about Nagle's algorithm: they read it from their environment."""
    before = os.environ.get("TCP_NODELAY")
    os.environ["TCP_NODELAY"] = "1" if off else "0"
    try:
        yield
    finally:
        del os.environ["TCP_NODELAY"]
        if before is not None:
            os.environ["TCP_NODELAY"] = before


def _shares(load: Load, folder: Path) -> list[Path]:
    """A folder of files for each association, a study each."""
    hospital, shares = Hospital(folder / "hospital"), []
    for share in range(load.associations):
        place = folder / str(share)
        place.mkdir(parents=True)
        for image in range(share, load.count, load.associations):
            ds = hospital.image(share + 1, image=image + 1, modality=load.modality, size=load.size)
            ds.save_as(place / f"{image:05d}.dcm", enforce_file_format=True)
        shares.append(place)
    return shares


def _seconds(receiver: Any, shares: Sequence[Path], load: Load) -> float:  # Any: the peers share no type
    command = [system_program("storescu"), "-R", "+sd", "-aec", receiver.ae_title, "-pdu", _PDU]
    command += ["127.0.0.1", str(receiver.port)]
    began = time.perf_counter()
    senders = [processes.start([*command, str(share)]) for share in shares]
    statuses = [sender.wait(_SECONDS) for sender in senders]
    seconds = time.perf_counter() - began
    if any(statuses):
        raise RuntimeError(f"storescu ended with {statuses} at {receiver.ae_title}")
    return seconds
