"""The same kills for others: is what they acknowledged on their disk?"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self

import pydicom
from pydicom.dataset import Dataset

from tests.faults.campaign import Scene
from tests.faults.modality import Modality
from tests.faults.stock import StockStorescp
from tests.peers import RealOrthanc, RealStorescp, processes, until


class Peer(Protocol):
    """What is killed and started again."""

    port: int
    ae_title: str

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def start(self) -> None: ...


def durability(scene: Scene, kills: int = 5) -> dict[str, str]:
    """Name of each peer -> what was acknowledged and lost."""
    folder = scene.folder / "peers"
    peers: dict[str, tuple[Callable[[Path], Peer], str]] = {
        "Orthanc": (RealOrthanc, "storage"),
        "storescp": (RealStorescp, ""),
        "pynetdicom": (StockStorescp, ""),
    }
    return {name: _kill(scene, kind(folder / name), folder / name, at, kills) for name, (kind, at) in peers.items()}


def _kill(scene: Scene, peer: Peer, folder: Path, kept: str, kills: int) -> str:
    draw = random.Random(3)

    def make(number: int) -> list[Dataset]:
        return [scene.hospital.image(number, study=2)]

    with peer, Modality(peer.port, make, called=peer.ae_title, pause=0.02) as modality:
        for _ in range(kills):
            time.sleep(draw.uniform(0.0, 0.5))
            modality.await_acknowledgement()
            time.sleep(draw.uniform(0.0, 0.03))
            _kill_all(folder)
            peer.start()
    whole = {
        uid for path in (folder / kept).rglob("*") if path.is_file() for uid in _whole(path, modality.acknowledged)
    }
    lost = len(modality.acknowledged.keys() - whole)
    return f"{kills} kills: {len(modality.acknowledged):,} acknowledged, lost {lost} (no results)"


def _kill_all(folder: Path) -> None:
    """Whatever runs on files in there."""
    pids = processes.naming(str(folder))
    processes.kill(list(pids))
    until(lambda: not set(pids) & set(processes.naming(str(folder))), "it is gone")


def _whole(path: Path, sent: dict[str, Dataset]) -> list[str]:
    """The UID of a file that has all the pixels that were sent."""
    try:
        ds = pydicom.dcmread(path)
        uid = str(ds.SOPInstanceUID)
        return [uid] if ds.PixelData == sent[uid].PixelData else []
    except (OSError, EOFError, KeyError, AttributeError, ValueError, pydicom.errors.InvalidDicomError):
        return []
