"""Body part and side are the source's, where it tells them in the standard's words."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from node.report import anatomy
from tests.report.material import header


def told(**tags: object) -> Dataset:
    ds, origin = Dataset(), header("MR", **tags)
    anatomy.add_part(ds, origin)
    anatomy.add_side(ds, origin)
    return ds


@pytest.mark.parametrize(
    ("tags", "side"),
    [
        ({"Laterality": "L"}, "L"),
        ({"ImageLaterality": "R"}, "R"),
        ({"ImageLaterality": "R", "Laterality": "L"}, "R"),
        ({"Laterality": "B"}, ""),
        ({}, ""),
    ],
)
def test_of_a_paired_part_the_side_is_told_or_told_unknown(tags: dict[str, str], side: str) -> None:
    assert told(BodyPartExamined="KNEE", **tags).Laterality == side


def test_an_unpaired_part_has_no_side() -> None:
    ds = told(BodyPartExamined="BRAIN", Laterality="L")
    assert ds.BodyPartExamined == "BRAIN"
    assert "Laterality" not in ds


@pytest.mark.parametrize("part", [None, ""])
def test_an_unknown_part_may_be_paired(part: str | None) -> None:
    ds = told(BodyPartExamined=part)
    assert "BodyPartExamined" not in ds
    assert ds.Laterality == ""


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS:UserWarning")
def test_a_part_in_the_scanner_s_own_words_is_left_out() -> None:
    assert "BodyPartExamined" not in told(BodyPartExamined="lower leg, left")
