"""The manifest: every object of an analysis can be reached from one list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage, ParametricMapStorage, SegmentationStorage

from node.errors import ReportError
from node.report.key_objects import manifest
from node.study import Analysis
from tests.report import gate, walk
from tests.report.material import analysis, built, by_uid, header, picture, read_back, region, spec
from tests.report.material import manifest as claims

#: DCMTK says so of every Key Object Selection Document: it has no check for TID 2010.
UNCHECKED = "W: Check for template constraints not yet supported"
Made = list[tuple[str, Dataset]]


def made_of(told: Analysis, *sources: Dataset) -> Made:
    """The other results of an analysis."""
    drawn = [picture(source) for source in sources]
    kinds = ("sc", "sr", "comprehensive-sr", "viewer-sr")
    return list(built(told, by_uid(*sources), [region(source) for source in sources], drawn, kinds))


def listing(*sources: Dataset, made: Made | None = None, **changes: Any) -> tuple[Dataset, Made]:
    """The manifest, written and read back, and what was made before it."""
    told = analysis(*sources, **changes)
    others = made_of(told, *sources) if made is None else made
    return read_back(manifest(told, by_uid(*sources), others)), others


def listed(ds: Dataset) -> list[tuple[str, str]]:
    """Value type and UID of each object in the tree, in order."""
    items = (item for item in ds.ContentSequence if "ReferencedSOPSequence" in item)
    return [(item.ValueType, item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID) for item in items]


def named(ds: Dataset, code: str) -> list[Dataset]:
    """The children of that name; the objects that are listed have none."""
    below = (item for item in ds.ContentSequence if "ConceptNameCodeSequence" in item)
    return [item for item in below if item.ConceptNameCodeSequence[0].CodeValue == code]


def text(ds: Dataset, code: str) -> str:
    (item,) = named(ds, code)
    return str(item.TextValue)


def coded(ds: Dataset, code: str) -> str:
    (item,) = named(ds, code)
    return str(item.ConceptCodeSequence[0].CodeMeaning)


def of_kind(made: Made, kind: str) -> str:
    return next(str(ds.SOPInstanceUID) for name, ds in made if name == kind)


# What it lists


def test_it_lists_every_result_the_report_first_and_the_image_that_shows_the_finding() -> None:
    source = header()
    ds, made = listing(source)
    assert listed(ds) == [
        ("COMPOSITE", of_kind(made, "sr")),
        ("IMAGE", of_kind(made, "sc")),
        ("COMPOSITE", of_kind(made, "viewer-sr")),
        ("IMAGE", source.SOPInstanceUID),
    ]


def test_what_stands_in_for_the_report_is_not_listed() -> None:
    ds, made = listing(header())
    assert of_kind(made, "comprehensive-sr") not in {uid for _, uid in listed(ds)}
    assert of_kind(made, "comprehensive-sr") not in walk.evidence(ds)


def test_every_object_that_is_listed_is_evidence_in_its_own_series() -> None:
    source = header()
    ds, made = listing(source)
    expected = {str(one.SOPInstanceUID): str(one.SeriesInstanceUID) for kind, one in made if kind != "comprehensive-sr"}
    assert walk.evidence(ds) == expected | {source.SOPInstanceUID: source.SeriesInstanceUID}


def test_the_evidence_is_one_study_and_each_series_once() -> None:
    sources = [header("MR", image=number) for number in (1, 2, 3)]
    ds, _ = listing(*sources, manifest=claims(level="series"))
    (study,) = ds.CurrentRequestedProcedureEvidenceSequence
    assert study.StudyInstanceUID == ds.StudyInstanceUID
    series = [item.SeriesInstanceUID for item in study.ReferencedSeriesSequence]
    assert len(series) == len(set(series))
    pictures = next(item for item in study.ReferencedSeriesSequence if len(item.ReferencedSOPSequence) > 1)
    assert len(pictures.ReferencedSOPSequence) == 3


def test_where_nothing_is_present_only_results_are_listed() -> None:
    source = header()
    ds, made = listing(source, probability=0.1)
    assert source.SOPInstanceUID not in {uid for _, uid in listed(ds)}
    assert listed(ds)[0] == ("COMPOSITE", of_kind(made, "sr"))
    assert "images" not in text(ds, "113012")


def test_of_a_series_only_the_image_that_shows_it_best_is_listed() -> None:
    sources = [header("MR", image=number) for number in (1, 2, 3)]
    ds, _ = listing(*sources, manifest=claims(level="series"))
    own = {source.SOPInstanceUID for source in sources}
    assert [uid for _, uid in listed(ds) if uid in own] == [sources[1].SOPInstanceUID]


def test_an_image_that_shows_two_findings_is_listed_once() -> None:
    source = header()
    told = analysis(source, manifest=claims(findings=(spec("opacity"), spec("effusion"))))
    both = [finding for item in told.analysed for finding in item.prediction.findings]
    object.__setattr__(both[1], "probability", 0.9)
    ds = manifest(told, by_uid(source), made_of(told, source))
    assert [uid for _, uid in listed(ds)].count(source.SOPInstanceUID) == 1


def test_the_frame_of_a_multi_frame_image_is_named() -> None:
    source = header("US")
    ds, _ = listing(source)
    (item,) = [i for i in ds.ContentSequence if "ReferencedSOPSequence" in i and i.ValueType == "IMAGE"][-1:]
    assert item.ReferencedSOPSequence[0].ReferencedFrameNumber == 1


@pytest.mark.parametrize("sop_class_uid", [SegmentationStorage, ParametricMapStorage], ids=["seg", "pm"])
def test_results_over_volumes_are_images(sop_class_uid: str) -> None:
    other = Dataset()
    other.SOPClassUID, other.SOPInstanceUID, other.SeriesInstanceUID = sop_class_uid, "2.25.5", "2.25.6"
    ds, _ = listing(header(), made=[("seg", other)], probability=0.1)
    assert listed(ds) == [("IMAGE", "2.25.5")]


def test_a_list_of_nothing_is_not_made() -> None:
    with pytest.raises(ReportError, match="must name one"):
        listing(header(), made=[], probability=0.1)


# What it says of itself


def test_it_is_a_manifest_of_the_template_2010() -> None:
    ds, _ = listing(header())
    assert ds.SOPClassUID == KeyObjectSelectionDocumentStorage
    assert ds.Modality == "KO"
    title = ds.ConceptNameCodeSequence[0]
    assert (title.CodeValue, title.CodingSchemeDesignator, title.CodeMeaning) == ("113030", "DCM", "Manifest")
    assert ds.ContentTemplateSequence[0].TemplateIdentifier == "2010"
    assert named(ds, "113011") == []  # only rejections are modified


def test_what_is_listed_has_no_concept_name() -> None:
    ds, _ = listing(header())
    items = [item for item in ds.ContentSequence if "ReferencedSOPSequence" in item]
    assert len(items) == 4
    assert all("ConceptNameCodeSequence" not in item for item in items)  # PS3.16 TID 2010, rows 8 to 10


def test_one_sentence_says_what_it_is_and_that_no_person_has_verified_it() -> None:
    ds, _ = listing(header())
    assert text(ds, "113012") == (
        "All results of Chest radiograph: opacity (chest-radiograph 1.2.0) for this study, and the images that show"
        " what is present; made by a computer program, verified by no person."
    )


def test_the_observer_is_the_device_that_the_report_names() -> None:
    ds, made = listing(header())
    report = next(one for kind, one in made if kind == "sr")
    for code in ("121005", "121012", "121013", "121014", "121015", "121016"):
        (item,), (told,) = named(ds, code), named(report, code)
        assert item.RelationshipType == "HAS OBS CONTEXT"
        for keyword in ("TextValue", "UID"):
            assert item.get(keyword) == told.get(keyword)
    assert coded(ds, "121005") == "Device"
    assert coded(ds, "121049") == "English (United States)"


def test_without_a_station_name_the_device_is_called_after_the_node() -> None:
    ds, _ = listing(header(), station_name="")
    assert text(ds, "121013") == "radnode"


def test_it_lies_in_the_study_of_its_patient_in_a_series_of_its_own() -> None:
    source = header()
    ds, made = listing(source)
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "AccessionNumber"):
        assert ds[keyword].value == source[keyword].value
    assert ds.SeriesInstanceUID not in {one.SeriesInstanceUID for _, one in made}
    assert ds.SeriesNumber == 9007


def test_the_order_is_that_of_the_report() -> None:
    request = Dataset()
    request.RequestedProcedureID = "RP1"
    ds, made = listing(header(RequestAttributesSequence=[request]))
    report = next(one for kind, one in made if kind == "sr")
    assert ds.ReferencedRequestSequence == report.ReferencedRequestSequence
    assert "ReferencedRequestSequence" not in listing(header())[0]


def test_the_same_analysis_gives_the_same_bytes() -> None:
    first, second = (listing(header())[0] for _ in range(2))
    assert first == second
    assert first.SOPInstanceUID == second.SOPInstanceUID


# Validators


@pytest.mark.integration
@pytest.mark.parametrize(
    "sources",
    [
        [header()],
        [header("CR", PatientName=None, StudyDate=None, AccessionNumber=None)],
        [header("MR", image=number) for number in (1, 2, 3)],
        [header("US")],
        [header("XC")],
        [header(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう")],
    ],
    ids=["a film", "missing tags", "a series", "several frames", "a photograph", "a Japanese name"],
)
def test_it_passes_the_validators(sources: list[Dataset], tmp_path: Path) -> None:
    level = "series" if len(sources) > 1 else "image"
    told = analysis(*sources, manifest=claims(level=level))
    path = gate.save(manifest(told, by_uid(*sources), made_of(told, *sources)), tmp_path, "ko")
    assert gate.dciodvfy(path) == []
    assert gate.dsrdump(path) in ([], [UNCHECKED])


@pytest.mark.integration
def test_it_passes_the_template_validator(tmp_path: Path) -> None:
    ds, _ = listing(header())
    assert gate.pixelmed([gate.save(ds, tmp_path, "ko")]) == {}
