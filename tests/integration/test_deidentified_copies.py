"""Copies without patients of real results: nobody is named, references hold, and validators are content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from dicognito.anonymizer import Anonymizer
from pydicom.dataset import Dataset

from node.confidentiality import Choices
from node.deidentify import Deidentifier, Pseudonyms
from node.samples import sample_paths
from tests.peers import Hospital, RunningNode, storescu, validate
from tests.peers.hospital import CANARY

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]


@pytest.fixture
def answered(start_node: StartNode, hospital: Hospital, tmp_path: Path) -> RunningNode:
    """A node with a study of one film, and every kind of result of it."""
    disk = {"name": "disk", "kind": "folder", "path": tmp_path / "disk", "profile": "all"}
    node = start_node(destinations=[disk], routes=[{"name": "all", "plugin": "brightness", "destinations": ["disk"]}])
    film = hospital.film(
        ReferringPhysicianName=f"{CANARY}^Ref",
        InstitutionName=CANARY,
        StudyDescription=CANARY,
        SeriesDescription=CANARY,
        OperatorsName=CANARY,
        StudyID=CANARY,
        AccessionNumber=CANARY,
    )
    assert len(storescu(node.port, [film]).taken) == 1
    node.await_ended([hospital.study_uid()])
    return node


def test_nobody_is_named_and_references_hold(answered: RunningNode, hospital: Hospital, tmp_path: Path) -> None:
    out, mapping = tmp_path / "out", tmp_path / "map.csv"
    done = answered.run_cli("deidentify", hospital.study_uid(), "--out", str(out), "--map", str(mapping))
    written = sorted(out.rglob("*.dcm"))
    assert "documents" not in done.stderr
    assert CANARY not in done.stdout + done.stderr
    objects = [pydicom.dcmread(path) for path in written]
    assert {"SR", "DX", "OT", "PR", "KO"} <= {str(ds.Modality) for ds in objects}
    for path in written:
        data = path.read_bytes()
        assert CANARY.encode() not in data, path
        assert hospital.study_uid().encode() not in data, path
        assert data[:128] == b"\0" * 128
    known = {str(ds.SOPInstanceUID) for ds in objects}
    elements = [element for ds in objects for element in ds.iterall()]
    told = [str(element.value) for element in elements if element.keyword == "ReferencedSOPInstanceUID"]
    assert told
    assert set(told) <= known | left_out(done.stderr, answered)
    assert {str(ds.StudyInstanceUID) for ds in objects} == {written[0].parent.name}
    assert mapping.stat().st_mode & 0o077 == 0
    assert len(mapping.read_text().splitlines()) == len(written) + 1
    (event,) = [one for one in answered.trail(hospital.study_uid()) if one.detail.get("command", "").startswith("deid")]
    assert event.detail["objects"] == len(written)


def left_out(stderr: str, node: RunningNode) -> set[str]:
    """New UIDs of what was left out: results may refer to it."""
    pseudonyms = Pseudonyms.of(node.data)
    return {pseudonyms.uid(line.split()[2].rstrip(":")) for line in stderr.splitlines() if line.startswith("left out")}


def test_validators_find_no_more_than_in_the_originals(
    answered: RunningNode, hospital: Hospital, tmp_path: Path
) -> None:
    out, mapping = tmp_path / "out", tmp_path / "map.csv"
    options = ["--out", str(out), "--dates", "shift", "--keep", "patient", "--map", str(mapping)]
    answered.run_cli("deidentify", hospital.study_uid(), *options)
    originals = {str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID): path for path in spooled(answered)}
    lines = [line.split(",") for line in mapping.read_text().splitlines()[1:]]
    assert len(lines) > 4
    for uid, *_, file in lines:
        assert set(validate(out / file)) <= set(validate(originals[uid])), file


def spooled(node: RunningNode) -> list[Path]:
    return sorted((node.data / "spool").rglob("*.dcm"))


def test_another_export_gives_the_same_pseudonyms(answered: RunningNode, hospital: Hospital, tmp_path: Path) -> None:
    names = []
    for number in (1, 2):
        out = tmp_path / f"out-{number}"
        answered.run_cli("deidentify", hospital.study_uid(), "--out", str(out))
        names.append(sorted(path.relative_to(out) for path in out.rglob("*.dcm")))
    assert names[0] == names[1] != []


def test_whatever_dicognito_changes_is_changed_here_as_well() -> None:
    ours, theirs = Deidentifier(Pseudonyms(b"k" * 32), Choices()), Anonymizer(seed="radnode")
    for path in sample_paths():
        before = pydicom.dcmread(path)
        copy, other = ours.apply(before, is_ours=False), pydicom.dcmread(path)
        theirs.anonymize(other)
        for element in changed(before, other):
            assert copy.get(element) != before.get(element) or not before.get(element), (path, element)


def changed(before: Dataset, after: Dataset) -> list[str]:
    """Keywords of what another program took out or replaced, at the top level."""
    keywords = [element.keyword for element in before if element.keyword and element.VR != "SQ"]
    return [keyword for keyword in keywords if before.get(keyword) != after.get(keyword)]
