"""The fixed matrix of conformance: every modality, kind of object and character set, the transfer syntaxes in turn.

Each cell goes the node's own way from a Part 10 file: header, decoding, pictures and places, objects; only the answer
is a fixed one, so that every kind of object has something to hold. Then the validators are asked, see ``VALIDATORS``.
Every modality and every character set meets every transfer syntax at least once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from node import assemble, explain, report
from node.kinds import KINDS
from node.offline import Bench, bench
from node.plugin import ImageSet
from node.study import Analysed, Analysis
from tests.conformance import trees
from tests.conformance.sources import CHARACTER_SETS, MODALITIES, SYNTAXES, named
from tests.peers.hospital import Hospital
from tests.report import gate
from tests.report.material import STARTED, manifest, prediction

#: Which kinds a modality cannot have, and why; in these cells the matrix expects that none is made.
VOLUMES = ("CT", "MR", "PT", "Enhanced MR")
#: What dciodvfy says of sources and results alike where it does not know a character set.
_ALLOWED = {
    "IR 13": "Character invalid for character repertoire",  # PS3.3 C.12.1.1.2: ISO-IR 13 is the G1 set of ISO_IR 13
}
_REPORTS = ("sr", "comprehensive-sr", "viewer-sr", "ko")
#: Validator -> the kinds whose every object it is asked of; the last is PixelMed's, and asked of trees, see ``trees``.
VALIDATORS = {"dciodvfy": tuple(KINDS), "dsrdump": _REPORTS, "DicomSRValidator": _REPORTS}
_ASKED_OF_FILES = {"dciodvfy": gate.dciodvfy, "dsrdump": gate.dsrdump}


@dataclass(frozen=True)
class Cell:
    """One source and what came of it.

    Attributes:
        modality, character_set, syntax: of the source, keys of the tables in ``sources``.
        complaints: kind -> what the validators say of its objects; an empty list is what is wanted.
        not_assessed: why the source could not be looked at; empty when it could.
        files: the objects made.
        trees: file -> digest of its tree of content items, of each report.
    """

    modality: str
    character_set: str
    syntax: str
    complaints: dict[str, list[str]]
    not_assessed: str
    files: tuple[Path, ...]
    trees: dict[Path, str] = field(default_factory=dict)


def expected(modality: str) -> frozenset[str]:
    """The kinds that must be made of a source of that modality: volumes have more."""
    flat = {"seg", "pm"} if modality not in VOLUMES else set()
    return frozenset(set(KINDS) - flat)


def kind_of(path: Path) -> str:
    """Of an object of the matrix, by its file's name."""
    return path.stem.partition("-")[2]


def cells(folder: Path, every: int = 1) -> list[Cell]:
    """The cells of the matrix, asked of all validators.

    Args:
        folder: for sources and results.
        every: 1 for all of them; with n every n-th, so that each modality and each character set still has its turn.
    """
    made = list(_cells(folder, every))
    reports = [trees.Report(path, tree, cell.character_set) for cell in made for path, tree in cell.trees.items()]
    told = trees.complaints(reports, gate.pixelmed)
    return [_with(cell, {path: told[path] for path in cell.trees if path in told}) for cell in made]


def _with(cell: Cell, told: Mapping[Path, Sequence[str]]) -> Cell:
    complaints = {kind: list(lines) for kind, lines in cell.complaints.items()}
    for path, lines in told.items():
        complaints[kind_of(path)].extend(lines)
    return replace(cell, complaints=complaints)


def _cells(folder: Path, every: int) -> Iterator[Cell]:
    hospital = Hospital(folder / "sources")
    numbers = count(1)
    with bench(routes=()) as desk:
        for row, modality in enumerate(MODALITIES):
            for column, character_set in enumerate(CHARACTER_SETS):
                if (row + column) % every:
                    continue
                keys, number = (modality, character_set, turn(row, column)), next(numbers)
                yield _cell(desk, _sources(hospital, number, *keys), keys, folder / f"{number:03d}")


def turn(row: int, column: int) -> str:
    """The transfer syntax of the source in that row and column."""
    return list(SYNTAXES)[(2 * row + column) % len(SYNTAXES)]


def _sources(hospital: Hospital, patient: int, modality: str, character_set: str, syntax: str) -> list[Path]:
    made = [named(ds, *CHARACTER_SETS[character_set]) for ds in MODALITIES[modality](hospital, patient)]
    if syntax == "JPEG baseline":
        made = [_eight_bits(ds) for ds in made]
    plain = [hospital.write(ds, f"{patient}-{number}-plain") for number, ds in enumerate(made)]
    return [SYNTAXES[syntax](path, path.with_name(f"{path.stem}-sent.dcm")) for path in plain]


def _eight_bits(ds: Dataset) -> Dataset:
    """JPEG baseline holds eight bits."""
    if ds.BitsAllocated == 16:
        ds.PixelData = bytes((ds.pixel_array >> max(0, ds.BitsStored - 8)).astype("u1").tobytes())
        ds.BitsAllocated = ds.BitsStored = 8
        ds.HighBit, ds.WindowCenter, ds.WindowWidth = 7, 128, 256
    return ds


def _cell(desk: Bench, paths: list[Path], keys: tuple[str, str, str], folder: Path) -> Cell:
    refused = desk.take(paths)
    if refused:
        return Cell(*keys, {}, refused[0].reason, ())
    uid = str(dcmread(paths[0], specific_tags=["StudyInstanceUID"]).StudyInstanceUID)
    analysis, sources = _analysis(desk, uid)
    made = report.build(analysis, sources, explain.explain(analysis, volumes=True), tuple(KINDS))
    folder.mkdir(parents=True)
    files = tuple(gate.save(ds, folder, f"{number:02d}-{kind}") for number, (kind, ds) in enumerate(made))
    complaints: dict[str, list[str]] = {}
    for path, (kind, _) in zip(files, made, strict=True):
        told = [line for name, ask in _ASKED_OF_FILES.items() if kind in VALIDATORS[name] for line in ask(path)]
        complaints.setdefault(kind, []).extend(line for line in told if _ALLOWED.get(keys[1], "\n") not in line)
    digests = {path: trees.digest(ds) for path, (kind, ds) in zip(files, made, strict=True) if kind in _REPORTS}
    missed = analysis.not_assessed[0].reason if analysis.not_assessed else ""
    return Cell(*keys, complaints, missed, files, digests)


def _analysis(desk: Bench, uid: str) -> tuple[Analysis, dict[str, Dataset]]:
    (series,) = desk.ledger.studies.series(uid)
    image_set, not_assessed = assemble.read_image_set(series, desk.spool.root, 1 << 24)
    told = manifest(level="series", name="conformance", series_number=9700)
    analysed = () if image_set is None else (_answered(image_set),)
    analysis = Analysis(
        study_instance_uid=uid,
        revision=1,
        manifest=told,
        analysed=analysed,
        not_assessed=not_assessed,
        started=STARTED,
        station_name="NODE1",
        patient_key=series.instances[0].patient_key,
    )
    headers = {
        one.sop_instance_uid: dcmread(desk.spool.path(one.path), stop_before_pixels=True) for one in series.instances
    }
    return analysis, headers


def _answered(image_set: ImageSet) -> Analysed:
    told = manifest(level="series", name="conformance", series_number=9700)
    return Analysed(image_set, prediction(told, image_set.images, 0.87, ""))
