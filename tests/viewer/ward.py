"""A small hospital: films and volumes, a node that answers them, and an archive that has both and speaks DICOMweb."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from tests.peers import Hospital, RealOrthanc, RunningNode, storescu
from tests.peers.hospital import study_uids
from tests.viewer import phantom

FILM, CHILD, BRAIN, CT, MR = "adult with pneumonia", "child", "brain MR", "CT", "MR"
_SAMPLES = {FILM: "2-adult-pneumonia", CHILD: "3-child-normal", BRAIN: "5-brain-mr"}
#: Of the chest films' study a viewer shows projections; a volume has a parametric map and segments.
VOLUMES = (CT, MR)


@dataclass(frozen=True)
class Result:
    """One object that the archive took: its study by the ward's name, its kind, and the file that the node sent."""

    study: str
    kind: str
    path: Path

    @property
    def dataset(self) -> Dataset:
        """As it was sent."""
        return pydicom.dcmread(self.path)

    @property
    def series_number(self) -> int:
        """Viewers list it as S:number."""
        return int(self.dataset.SeriesNumber)


@dataclass(frozen=True)
class Ward:
    """What came of it all. Attributes: url: of the archive; studies: name -> Study Instance UID."""

    url: str
    studies: dict[str, str]
    results: tuple[Result, ...]

    def results_of(self, study: str, kind: str) -> list[Result]:
        """In the order of their series; a kind that was not made is an empty list."""
        return [one for one in self.results if (one.study, one.kind) == (study, kind)]

    def one_of(self, study: str, kind: str) -> Result:
        """The first, which a viewer opens."""
        found = self.results_of(study, kind)
        assert found, f"no {kind} was made for {study}"
        return found[0]


@contextlib.contextmanager
def open_ward(folder: Path) -> Iterator[Ward]:
    """Everything is sent, answered and delivered; the archive is there until the end, the node is not."""
    hospital = Hospital(folder / "hospital")
    images = {name: hospital.samples(sample) for name, sample in _SAMPLES.items()}
    images |= {name: phantom.head(hospital, number, name) for number, name in enumerate(VOLUMES, start=1)}
    with RealOrthanc(folder / "orthanc") as orthanc:
        for path in (path for paths in images.values() for path in paths):
            orthanc.upload(path)
        studies = {name: study_uids(paths)[0] for name, paths in images.items()}
        with _node(folder, orthanc) as node:
            storescu(node.port, [path for paths in images.values() for path in paths])
            node.await_ended(studies.values(), 150)
            results = tuple(_results(node, studies))
        yield Ward(orthanc.url, studies, results)


def _node(folder: Path, orthanc: RealOrthanc) -> RunningNode:
    return RunningNode(
        folder / "node",
        plugins=["chest-radiograph", "brain-tumour-mr", "bright-spot"],
        python_path=[phantom.install_plugin(folder / "plugins")],
        destinations=[orthanc.destination(profile="all")],
        routes=[
            _route("chest-radiograph", modality=["CR", "DX"], accept_missing=True),
            _route("brain-tumour-mr", modality=["MR"], not_series_description=["* of a head"]),
            _route("bright-spot", modality=list(VOLUMES), series_description=["* of a head"]),
        ],
    )


def _route(plugin: str, **conditions: Any) -> dict[str, Any]:
    return {"name": plugin, "plugin": plugin, "destinations": ["orthanc"], **conditions}


def _results(node: RunningNode, studies: dict[str, str]) -> Iterator[Result]:
    for name, uid in studies.items():
        deliveries = node.ledger.deliveries.of_study(uid)
        assert deliveries, (name, node.trail(uid)[-3:])
        for one in deliveries:
            assert one.state == "DONE", one
            yield Result(name, one.kind, node.data / "spool" / one.path)
