"""Every fourth source of the matrix passes (`make conformance` asks all), and real archives store every kind."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from node.config import Destination
from node.deliver import send_files
from node.kinds import KINDS
from tests.conformance.matrix import Cell, cells, expected, kind_of, turn
from tests.conformance.sources import CHARACTER_SETS, MODALITIES, SYNTAXES
from tests.conformance.table import failures, lines, summary, validators, verdict
from tests.peers import RealOrthanc
from tests.peers.qrscp import RealDcmqrscp

EVERY = 4

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> list[Cell]:
    return cells(tmp_path_factory.mktemp("matrix"), EVERY)


def test_every_object_of_every_source_passes_the_validators(matrix: list[Cell]) -> None:
    assert failures(matrix) == []
    assert len(matrix) == len(MODALITIES) * len(CHARACTER_SETS) / EVERY


def test_every_modality_character_set_and_transfer_syntax_has_its_turn(matrix: list[Cell]) -> None:
    assert {cell.modality for cell in matrix} == set(MODALITIES)
    assert {cell.character_set for cell in matrix} == set(CHARACTER_SETS)
    assert {cell.syntax for cell in matrix} == set(SYNTAXES)


def test_in_the_whole_matrix_every_modality_and_character_set_meets_every_transfer_syntax() -> None:
    plan = [(m, c, turn(i, j)) for i, m in enumerate(MODALITIES) for j, c in enumerate(CHARACTER_SETS)]
    assert len({(modality, syntax) for modality, _, syntax in plan}) == len(MODALITIES) * len(SYNTAXES)
    assert len({(character_set, syntax) for _, character_set, syntax in plan}) == len(CHARACTER_SETS) * len(SYNTAXES)


def test_the_patient_s_name_is_in_every_object_as_it_was_sent(matrix: list[Cell]) -> None:
    for cell in matrix:
        name = CHARACTER_SETS[cell.character_set][1]
        told = {str(pydicom.dcmread(path, stop_before_pixels=True).PatientName) for path in cell.files}
        assert told == {name}, (cell.modality, cell.character_set)


def test_a_missing_object_and_a_complaint_are_failures_of_the_table() -> None:
    good = {kind: [] for kind in expected("CR")}
    cell = Cell("CR", "IR 6", "explicit", {**good, "sr": ["Error"]}, "", ())
    assert [verdict(cell, kind) for kind in ("sc", "sr", "seg")] == ["ok", "FAIL", "-"]
    del good["pdf"]
    assert len(failures([Cell("CR", "IR 6", "explicit", good, "", ())])) == 1


def test_the_table_has_a_row_for_every_object_of_every_modality(matrix: list[Cell]) -> None:
    assert len(lines(matrix)) == 2 + len(MODALITIES) * (1 + len(KINDS))
    wanted = sum(len(expected(cell.modality)) for cell in matrix)
    assert summary(matrix).startswith(f"{wanted} of {wanted} ")


def test_every_report_and_list_of_the_matrix_is_asked_of_the_template_validator(matrix: list[Cell]) -> None:
    wanted = {"sr", "comprehensive-sr", "viewer-sr", "ko"}
    for cell in matrix:
        assert set(cell.trees) == {path for path in cell.files if kind_of(path) in wanted}
    reports = sum(len(cell.trees) for cell in matrix)
    assert reports == len(wanted) * len(matrix)
    _, _, *asked = validators(matrix)
    assert asked[0].startswith(f"| dciodvfy | {sum(len(cell.files) for cell in matrix):,} |")
    assert asked[1].startswith(f"| dsrdump | {reports} |")
    assert asked[2].startswith(f"| DicomSRValidator | {reports} of ")


def test_orthanc_and_dcmqrscp_store_every_kind_of_every_modality(matrix: list[Cell], tmp_path: Path) -> None:
    first = {cell.modality: cell for cell in reversed(matrix)}
    files = [path for cell in first.values() for path in cell.files]
    assert {kind_of(path) for path in files} == set(KINDS)
    with RealOrthanc(tmp_path / "orthanc") as orthanc, RealDcmqrscp(tmp_path / "archive") as archive:
        for ae_title, port in ((orthanc.ae_title, orthanc.port), (archive.ae_title, archive.port)):
            to = Destination(name="archive", kind="dicom", ae_title=ae_title, port=port)
            outcomes = send_files(to, files, "RADNODE")
            assert [one.reason for one in outcomes if not one.delivered] == []
        stored = {str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in archive.files()}
        assert len(stored) == len(files)
        assert len(orthanc.get("instances")) == len(files)
