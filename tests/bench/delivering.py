"""Delivering: results a second into archives, by the node's sender and by others."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE

from node.config import Destination
from node.deliver import Outgoing, sender_for
from node.explain import explain
from node.report import build
from tests.bench import material
from tests.bench.figures import Rows, compared, in_turn
from tests.bench.receiving import without_nagle
from tests.peers import RealOrthanc, RealStorescp, system_program

COUNT = 100
_SECONDS = 300
_RECEIVERS: Mapping[str, Callable[[Path], Any]] = {"Orthanc": RealOrthanc, "storescp": RealStorescp}
_WORDS = """## Delivering

Results a second over one association, of a film: reports (Comprehensive 3D SR) and heatmaps. pynetdicom: each file read
and sent as its manual shows it, in this process as ours. storescu and storescp do without Nagle's algorithm. DCMTK's
figure includes its start.

"""


def measure(folder: Path, rounds: int, count: int = COUNT, receivers: Sequence[str] = ("Orthanc", "storescp")) -> Rows:
    """What is sent and where to -> results a second. Args: count: results of each kind; receivers: where to."""
    study = material.film()
    told = explain(study.analysis)
    found: Rows = {}
    for kind, name in (("sr", "reports"), ("sc", "heatmaps")):
        ((_, ds),) = build(study.analysis, study.headers, told, (kind,))
        paths = _copies(ds, folder / kind, count)
        size = paths[0].stat().st_size / 1000
        for receiver in receivers:
            start = _RECEIVERS[receiver]
            acts = {way: partial(_rate, send, paths, start, folder / "archive") for way, send in _SENDERS.items()}
            found[f"{count} {name} of {size:.0f} KB to {receiver}"] = in_turn(acts, rounds)
    return found


def section(rows: Rows) -> str:
    """Its part of the page."""
    return _WORDS + compared(rows, "what is sent")


def _copies(ds: Dataset, folder: Path, count: int) -> list[Path]:
    """The object so many times, each time another one."""
    folder.mkdir()
    paths = []
    for number in range(count):
        copy = deepcopy(ds)
        copy.SOPInstanceUID = copy.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        paths.append(folder / f"{number:04d}.dcm")
        copy.save_as(paths[-1], enforce_file_format=True)
    return paths


def _rate(send: Callable[[Any, Sequence[Path]], None], paths: Sequence[Path], start: Any, place: Path) -> float:
    """Results a second into an archive that was started anew."""
    with without_nagle(True), start(place) as archive:
        began = time.perf_counter()
        send(archive, paths)
        seconds = time.perf_counter() - began
    shutil.rmtree(place)
    os.sync()
    return len(paths) / seconds


def _ours(archive: Any, paths: Sequence[Path]) -> None:  # Any: the archives share no type
    destination = Destination(name="bench", kind="dicom", ae_title=archive.ae_title, port=archive.port)
    objects = []
    for path in paths:
        meta = pydicom.filereader.read_file_meta_info(path)
        uids = str(meta.MediaStorageSOPInstanceUID), str(meta.MediaStorageSOPClassUID)
        objects.append(Outgoing(*uids, "", path))
    if not all(outcome.delivered for outcome in sender_for(destination, "RADNODE").send(objects)):
        raise RuntimeError(f"{archive.ae_title} did not take all results")


def _pynetdicom(archive: Any, paths: Sequence[Path]) -> None:
    scu = AE("BENCH")
    scu.add_requested_context(pydicom.filereader.read_file_meta_info(paths[0]).MediaStorageSOPClassUID)
    association = scu.associate("127.0.0.1", archive.port, ae_title=archive.ae_title)
    try:
        statuses = {association.send_c_store(pydicom.dcmread(path)).get("Status") for path in paths}
    finally:
        association.release()
    if statuses != {0}:
        raise RuntimeError(f"{archive.ae_title} answered pynetdicom {statuses}")


def _storescu(archive: Any, paths: Sequence[Path]) -> None:
    command = [system_program("storescu"), "-R", "-aec", archive.ae_title, "127.0.0.1", str(archive.port)]
    subprocess.run([*command, *map(str, paths)], check=True, capture_output=True, timeout=_SECONDS)


_SENDERS: Mapping[str, Callable[[Any, Sequence[Path]], None]] = {
    "radnode": _ours,
    "pynetdicom": _pynetdicom,
    "storescu": _storescu,
}
