"""Latency: seconds from the moment a sender lets go of its association until every result lies at its destination.

The node is started as the README says, models warm, and waits for no quiet: what is left is its own work. Its results
go to Orthanc over C-STORE. The clock starts when A-RELEASE is answered and ends with the acknowledgement of the last
result, as the node's ledger has it (both of them this machine's wall clock). The measure is the same node with its
networks in eager torch, asked in turn with it: all but the engine is the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE
from pynetdicom.association import Association

from node.samples import FOLDER
from tests.bench.figures import Goal, in_turn, mid, ratio, table, told
from tests.peers import RealOrthanc, RunningNode

FILM, BRAIN = "chest-radiograph", "brain-tumour-mr"
#: Name -> side of a square film of 16 bits a pixel.
FILMS = {"film of 18 MB": 3000, "film of 2 MB": 1024}
_LARGE = "film of 18 MB"
EAGER = f"{_LARGE}, networks in eager torch"
SERIES, STEADY = "series of 300 MR slices", "films of 18 MB a minute"
_SLICES = 300
_STEADY_FILMS = 30
_SECONDS = 120.0
_WORDS = """## Latency

Seconds from the release of a sender's association until Orthanc has acknowledged the last result, models warm, without
waiting for quiet; and films a minute that come faster than they are worked off, sender and archive on this machine too.
Eager torch: another node with `worker.engine = "torch"` (float32, channels last, evidence maps too), asked in turn with
the first. Only the engine differs: receiving, decoding, pictures, reports and delivery are ours in both, so that the
ratio says what the engine gains on the way of a film, not how much faster the network itself is (see Predicting).

"""


def measure(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of every round for :data:`FILMS`, :data:`EAGER` and :data:`SERIES`, films a minute as :data:`STEADY`.

    The films of the last come back to back, a study each: faster than they are worked off. Counted is from the first
    release to the last result.

    Args:
        folder: an empty one, for node and archive.
        rounds: of each; what comes before them is not counted.
    """
    return {**_of_films(folder / "films", rounds), **_of_series(folder / "series", rounds)}


def section(rows: Mapping[str, list[float]]) -> str:
    """Its part of the page."""
    units = {name: "a minute" if name == STEADY else "s" for name in rows}
    return _WORDS + table(["what", "measured", "unit"], [[name, told(rows[name]), units[name]] for name in rows])


def goals(rows: Mapping[str, list[float]]) -> list[Goal]:
    """How soon results are to be there."""
    found = {name: mid(values) for name, values in rows.items()}
    return [
        *(Goal(f"from release to results, {name}", found.get(name), 0.25, "s") for name in FILMS),
        Goal(f"from release to results, {SERIES}", found.get(SERIES), 8, "s"),
        Goal(f"from release to results, {_LARGE}, of the same in eager torch", ratio(rows, _LARGE, EAGER), 0.5, "x"),
    ]


def _of_films(folder: Path, rounds: int) -> dict[str, list[float]]:
    with _node(folder / "own", FILM) as node, _node(folder / "eager", FILM, engine="torch") as eager:
        found: dict[str, list[float]] = {}
        for name, side in FILMS.items():
            films = _films(side, 2 * (rounds + 2))
            ways = {name: node, EAGER: eager} if name == _LARGE else {name: node}
            acts = {way: partial(_of_next, one, films) for way, one in ways.items()}
            found |= {way: seconds[2:] for way, seconds in in_turn(acts, rounds + 2).items()}
        return found | {STEADY: [60 * _STEADY_FILMS / _drained(node) for _ in range(rounds)]}


def _of_next(node: RunningNode, films: Iterator[Dataset]) -> float:
    return _seconds(node, [next(films)])


def _of_series(folder: Path, rounds: int) -> dict[str, list[float]]:
    with _node(folder, BRAIN) as node:
        return {SERIES: [_seconds(node, list(_series(generate_uid()))) for _ in range(rounds + 1)][1:]}


@contextmanager
def _node(folder: Path, plugin: str, engine: str = "auto") -> Iterator[RunningNode]:
    """With one plugin, and an Orthanc that takes its results; nothing is waited for."""
    with (
        RealOrthanc(folder / "orthanc") as orthanc,
        RunningNode(
            folder / "node",
            destinations=[orthanc.destination()],
            routes=[{"name": "all", "plugin": plugin, "accept_missing": True, "destinations": ["orthanc"]}],
            plugins=[plugin],
            worker={"engine": engine},
            study={"quiet_seconds": {"default": 0}, "settled_seconds": 0},
        ) as node,
    ):
        node.await_worker()
        yield node


def _seconds(node: RunningNode, images: Sequence[Dataset]) -> float:
    """From the release of the association that brought them to the last result."""
    released = _send(node, images)
    return _last_result(node, images[0].StudyInstanceUID) - released


def _drained(node: RunningNode) -> float:
    films = list(_films(FILMS["film of 18 MB"], _STEADY_FILMS))
    first = min(_send(node, [film]) for film in films)
    return max(_last_result(node, film.StudyInstanceUID) for film in films) - first


def _send(node: RunningNode, images: Sequence[Dataset]) -> float:
    """Each on its way with C-STORE; when the association was released, wall clock."""
    entity = AE(ae_title="MODALITY")
    entity.maximum_pdu_size = 0
    entity.add_requested_context(images[0].SOPClassUID, ExplicitVRLittleEndian)
    association: Association = entity.associate("127.0.0.1", node.port, ae_title=node.ae_title)
    for image in images:
        if (status := association.send_c_store(image).get("Status")) != 0:
            raise RuntimeError(f"C-STORE was answered with {status}")
    association.release()
    return time.time()


def _last_result(node: RunningNode, uid: str) -> float:
    """When the last result was acknowledged, wall clock."""
    node.await_ended([uid], _SECONDS)
    (analysis,) = node.ledger.analyses.of_study(uid)
    deliveries = node.ledger.deliveries.of_study(uid)
    if not deliveries or {one.state for one in deliveries} != {"DONE"}:
        raise RuntimeError(f"not every result arrived: {analysis.error}")
    events = node.trail(uid)
    return max(event.at for event in events if event.action == "delivered")


def _films(side: int, count: int) -> Iterator[Dataset]:
    """An adult's film, enlarged to 12 bits, with noise of its own; each a study."""
    sample = pydicom.dcmread(FOLDER / "2-adult-pneumonia" / "film.dcm")
    sample.decompress()
    small = Image.fromarray(sample.pixel_array.astype(np.float32) * 16)
    film, noise = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC)), np.random.default_rng(0)
    sample.WindowCenter, sample.WindowWidth = 2048, 4096
    for _ in range(count):
        yield _image(sample, np.clip(film + noise.normal(0, 6, film.shape), 0, 4095), generate_uid(), generate_uid())


def _series(study: str, count: int = _SLICES) -> Iterator[Dataset]:
    """The sample's head in so many slices, interpolated."""
    samples = [pydicom.dcmread(path) for path in sorted((FOLDER / "5-brain-mr").glob("*.dcm"))]
    volume = np.stack([sample.pixel_array.astype(np.float32) for sample in samples])
    places = np.array([sample.ImagePositionPatient for sample in samples], float)
    series = generate_uid()
    for number, at in enumerate(np.linspace(0, len(samples) - 1, count)):
        below, part = min(int(at), len(samples) - 2), at - min(int(at), len(samples) - 2)
        between = (1 - part) * volume[below] + part * volume[below + 1]
        ds = _image(samples[below], between, study, series)
        ds.ImagePositionPatient = [f"{one:.6f}" for one in (1 - part) * places[below] + part * places[below + 1]]
        ds.InstanceNumber = number + 1
        yield ds


def _image(sample: Dataset, pixels: npt.NDArray[np.floating], study: str, series: str) -> Dataset:
    """With these pixels instead of its own, uncompressed, 16 bits each."""
    ds = deepcopy(sample)
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = study, series, generate_uid()
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.add_new("PixelData", "OW", np.rint(pixels).astype(np.int16).tobytes())
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return ds
