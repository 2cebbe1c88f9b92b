"""The viewers' report: each group has a region, or there is no report."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from node.study import Region
from tests.report import walk
from tests.report.material import analysis, banded, built, by_uid, header, manifest, region, spec


def viewer_reports(source: Dataset, *regions: Region, **changes: Any) -> list[Dataset]:
    """The viewers' report on one source, or none."""
    made = built(analysis(source, **changes), by_uid(source), regions, [], kinds=("viewer-sr",))
    return [ds for _, ds in made]


def test_every_group_has_a_region() -> None:
    source = header()
    told = manifest(findings=(spec("opacity"), spec("effusion")))
    (ds,) = viewer_reports(source, region(source), manifest=told)
    assert len(walk.groups(ds)) == 1
    assert all(len(walk.named(group, "111030")) == 1 for group in walk.groups(ds))


def test_each_place_is_a_group_with_a_tracking_uid_of_its_own() -> None:
    source = header()
    (ds,) = viewer_reports(source, region(source, share=0.2), region(source, share=0.6))
    assert len(walk.groups(ds)) == 2
    assert len({item.UID for item in walk.named(ds, "112040")}) == 2
    assert walk.texts(ds, "112039") == [
        "chest-radiograph: Opacity of the lung",
        "chest-radiograph: Opacity of the lung place 2",
    ]


def test_the_certainty_is_named_after_the_finding_because_viewers_print_that_name() -> None:
    source = header()
    (ds,) = viewer_reports(source, region(source))
    (number,) = [item for item in walk.items(walk.groups(ds)[0]) if item.ValueType == "NUM"]
    assert number.ConceptNameCodeSequence[0].CodeMeaning == "Opacity"
    assert number.MeasuredValueSequence[0].NumericValue == 87


def test_a_present_finding_without_a_place_is_labelled_in_the_corner() -> None:
    (ds,) = viewer_reports(header())
    (shape,) = walk.named(ds, "111030")
    assert list(shape.GraphicData) == [0, 0, 2, 0, 2, 2, 0, 2, 0, 0]


def test_the_coordinates_carry_the_image_they_were_selected_from() -> None:
    source = header("US")
    (ds,) = viewer_reports(source, region(source))
    (shape,) = walk.named(ds, "111030")
    (selected,) = shape.ContentSequence
    reference = selected.ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert reference.ReferencedFrameNumber == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"probability": 0.1},
        {"abstained": "unknown kind of image"},
        {"probability": 0.6, "manifest": manifest(findings=(banded(),))},
    ],
)
def test_there_is_none_when_nothing_is_present(changes: dict[str, Any]) -> None:
    assert viewer_reports(header(), **changes) == []


def test_it_lies_in_a_series_apart_from_the_complete_report() -> None:
    source = header()
    made = dict(built(analysis(source), by_uid(source), [region(source)], [], kinds=("sr", "viewer-sr")))
    assert made["sr"].SeriesInstanceUID != made["viewer-sr"].SeriesInstanceUID


def test_it_has_an_image_library_and_evidence_so_that_viewers_can_open_it() -> None:
    source = header()
    (ds,) = viewer_reports(source)
    assert walk.named(ds, "111028")
    assert list(walk.evidence(ds)) == [source.SOPInstanceUID]


def test_it_says_that_no_person_has_verified_it() -> None:
    (ds,) = viewer_reports(header())
    assert "No person has verified it" in walk.texts(ds, "121111")[0]
    assert ds.VerificationFlag == "UNVERIFIED"
