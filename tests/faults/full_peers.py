"""Full, starved and read-only disks for others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom

from tests.faults.campaign import Scene
from tests.faults.modality import send
from tests.faults.small_disk import SmallDisk
from tests.faults.stock import StockStorescp
from tests.peers import RealOrthanc, RealStorescp

#: Name -> how it is started, and where in its folder it keeps objects.
_PEERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "Orthanc": (RealOrthanc, "storage"),
    "storescp": (RealStorescp, ""),
    "pynetdicom": (StockStorescp, ""),
}


def full_disks(scene: Scene) -> dict[str, str]:
    """What each did on a full disk."""
    return {name: _starve(scene, name, 16, 0, SmallDisk.fill, SmallDisk.free) for name in _PEERS}


def no_inodes_and_read_only(scene: Scene) -> dict[str, str]:
    """What each did without inodes, then on a read-only disk (Orthanc's index is always open, so not there)."""
    told = {}
    for name in _PEERS:
        starved = _starve(scene, name, 16, 700, SmallDisk.take_inodes, SmallDisk.free)
        told[name] = f"no inodes: {starved}"
        if name != "Orthanc":
            told[name] += f"; read-only: {_starve(scene, name, 16, 0, SmallDisk.read_only, SmallDisk.writable)}"
    return told


def _starve(
    scene: Scene, name: str, mib: int, inodes: int, take: Callable[[SmallDisk], None], give: Callable[[SmallDisk], None]
) -> str:
    kind, kept = _PEERS[name]
    folder = scene.folder / f"{name}-{take.__name__}"
    with SmallDisk(folder / kept, mib, inodes) as disk, kind(folder) as peer:
        images = [scene.hospital.image(number, study=3, size=512) for number in range(1, 7)]
        send(peer.port, images[:1], peer.ae_title)
        take(disk)
        statuses = send(peer.port, images[1:4], peer.ae_title)
        sent = [ds.PixelData for ds in images]
        partial = sum(not _whole(path, sent) for path in _objects(folder / kept))
        give(disk)
        again = send(peer.port, images[4:], peer.ae_title)
    answers = ", ".join(sorted({"no answer" if status is None else f"{status:04X}" for status in statuses}))
    recovered = "well again" if again == [0, 0] else "not well again"
    return f"{answers}, {partial} partial under a final name, {recovered}"


def _objects(folder: Path) -> list[Path]:
    """Files that are, or began as, stored objects: Orthanc keeps a JSON summary beside each."""
    names = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(("filler", "index"))]
    return [path for path in names if path.parent.name != "fillers" and path.read_bytes()[128:132] in (b"DICM", b"")]


def _whole(path: Path, sent: list[bytes]) -> bool:
    try:
        return pydicom.dcmread(path).PixelData in sent
    except (OSError, EOFError, AttributeError, ValueError, pydicom.errors.InvalidDicomError):
        return False
