"""The node's results, read back by those that others use: DCMTK's renderers, highdicom, dcmjs."""

from __future__ import annotations

import html
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import highdicom
import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.peers.programs import system_program
from tests.viewer.ohif import run_node
from tests.viewer.screenshot import Screenshot
from tests.viewer.ward import BRAIN, CHILD, CT, FILM, MR, VOLUMES, Result, Ward

pytestmark = [pytest.mark.viewer, pytest.mark.integration, pytest.mark.timeout(600)]

STUDIES = (FILM, CHILD, BRAIN, CT, MR)
REPORTS = ("sr", "viewer-sr")


def of_kinds(ward: Ward, *kinds: str) -> list[Result]:
    """All results of these kinds; there must be some."""
    found = [result for result in ward.results if result.kind in kinds]
    assert found
    return found


def items(item: Dataset) -> Iterator[Dataset]:
    """Every content item of a report."""
    for child in item.get("ContentSequence", []):
        yield child
        yield from items(child)


def numbers(report: Dataset) -> list[tuple[str, float, str]]:
    """(name, value, unit) of everything measured, in the order of the tree."""
    return [
        (item.ConceptNameCodeSequence[0].CodeMeaning, float(value.NumericValue), unit.CodeValue)
        for item in items(report)
        for value in item.get("MeasuredValueSequence", [])
        for unit in value.MeasurementUnitsCodeSequence
    ]


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One of DCMTK's programs."""
    command = [system_program(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60, check=False)


# DCMTK


def rendered(report: Path, folder: Path) -> str:
    """The words of the page that dsr2html makes of a report."""
    target = folder / f"{report.stem}.html"
    done = run("dsr2html", "+U8", report, target)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("E:")] == []
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", target.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("study", STUDIES)
def test_dcmtk_renders_every_report_with_all_its_words_and_numbers(ward: Ward, tmp_path: Path, study: str) -> None:
    reports = [result for result in of_kinds(ward, *REPORTS) if result.study == study]
    assert reports
    for result in reports:
        page = rendered(result.path, tmp_path)
        said = [re.sub(r"\s+", " ", str(item.TextValue)) for item in items(result.dataset) if item.ValueType == "TEXT"]
        assert said
        assert [words for words in said if words not in page] == []
        assert [value for _, value, unit in numbers(result.dataset) if unit == "%" and f"{value:g}" not in page] == []


@pytest.mark.parametrize("study", STUDIES)
def test_dcmtk_renders_every_heatmap(ward: Ward, tmp_path: Path, study: str) -> None:
    for number, result in enumerate(one for one in of_kinds(ward, "sc") if one.study == study):
        target = tmp_path / f"{number}.png"
        done = run("dcm2pnm", "--write-png", result.path, target)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        picture, ds = Screenshot(target), result.dataset
        assert picture.pixels.shape == (ds.Rows, ds.Columns, 3)
        assert picture.lit > 0.05, target


# highdicom


@pytest.mark.parametrize("study", [FILM, CT, MR])
def test_highdicom_reads_places_and_probabilities(ward: Ward, study: str) -> None:
    result = ward.one_of(study, "viewer-sr")
    report = highdicom.sr.srread(result.path)
    groups = report.content.get_planar_roi_measurement_groups()
    measured = [(one.name.meaning, one.value, "%") for group in groups for one in group.get_measurements()]
    assert measured == [one for one in numbers(result.dataset) if one[2] == "%"]
    assert all(len(group.roi.value) > 3 for group in groups)


@pytest.mark.parametrize("study", [FILM, CHILD, CT, MR])
def test_highdicom_reads_the_complete_report(ward: Ward, study: str) -> None:
    report = highdicom.sr.srread(ward.one_of(study, "sr").path)
    groups = report.content.get_image_measurement_groups() + report.content.get_planar_roi_measurement_groups()
    certain = [one.value for group in groups for one in group.get_measurements() if one.name.value == "111012"]
    assert len(certain) == len(groups) > 0
    assert all(0 <= value <= 100 for value in certain)


@pytest.mark.parametrize("study", VOLUMES)
def test_highdicom_puts_segments_and_evidence_into_the_space_of_the_source(ward: Ward, study: str) -> None:
    segmentation = highdicom.seg.segread(ward.one_of(study, "seg").path)
    evidence = highdicom.imread(ward.one_of(study, "pm").path).get_volume()
    labels = [segmentation.get_segment_description(one).segment_label for one in segmentation.segment_numbers]
    assert labels == ["Bright spot"]
    inside = segmentation.get_volume(combine_segments=True)
    assert inside.array.any()
    assert evidence.match_geometry(inside).array[inside.array > 0].min() > 0


@pytest.mark.parametrize("study", STUDIES)
def test_highdicom_finds_every_object_in_the_list(ward: Ward, study: str) -> None:
    listed = highdicom.ko.KeyObjectSelectionDocument.from_dataset(ward.one_of(study, "ko").dataset)
    named = {str(one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID) for one in listed.content.get_references()}
    made = {str(one.dataset.SOPInstanceUID) for one in ward.results if one.study == study and one.kind != "ko"}
    assert made <= named


# dcmjs


@pytest.fixture(scope="module")
def by_dcmjs(installed: Path, ward: Ward) -> dict[str, Any]:
    """SOP Instance UID -> what dcmjs read."""
    script, files = Path(__file__).with_name("read.mjs"), [str(result.path) for result in ward.results]
    answers = run_node(script, {"home": str(installed), "files": files}, 300)
    assert isinstance(answers, list)
    return {answer["sop_instance"]: answer for answer in answers}


def test_dcmjs_reads_every_object(ward: Ward, by_dcmjs: dict[str, Any]) -> None:
    assert len(by_dcmjs) == len(ward.results)
    for result in ward.results:
        ds = result.dataset
        read = by_dcmjs[ds.SOPInstanceUID]
        assert (read["sop_class"], read["patient"]) == (ds.SOPClassUID, ds.PatientID)


def test_dcmjs_reads_the_numbers_of_every_report(ward: Ward, by_dcmjs: dict[str, Any]) -> None:
    for result in of_kinds(ward, *REPORTS):
        ds = result.dataset
        assert [tuple(one) for one in by_dcmjs[ds.SOPInstanceUID]["numbers"]] == numbers(ds)


def test_dcmjs_reads_segments_and_frames(ward: Ward, by_dcmjs: dict[str, Any]) -> None:
    for result in of_kinds(ward, "seg", "pm"):
        ds = pydicom.dcmread(result.path)
        read = by_dcmjs[ds.SOPInstanceUID]
        assert read["segments"] == [one.SegmentLabel for one in ds.get("SegmentSequence", [])]
        assert read["frames"] == ds.NumberOfFrames
        assert read["pixel_bytes"] == len(ds.get("PixelData") or ds.FloatPixelData)
