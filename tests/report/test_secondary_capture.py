"""The heatmap as an object that every viewer shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from node.errors import ReportError
from node.study import Picture
from tests.report.material import analysis, built, by_uid, header, manifest, picture, read_back


def captures(*sources: Dataset, pictures: list[Picture] | None = None, **changes: Any) -> list[Dataset]:
    """The Secondary Captures of these sources, written and read back."""
    drawn = [picture(source) for source in sources] if pictures is None else pictures
    made = built(analysis(*sources, **changes), by_uid(*sources), [], drawn, kinds=("sc",))
    return [read_back(ds) for _, ds in made]


def test_the_pixels_are_the_picture() -> None:
    drawn = picture(header())
    pixels = np.arange(33 * 65 * 3, dtype=np.uint8).reshape(33, 65, 3)
    (ds,) = captures(header(), pictures=[replace(drawn, pixels=pixels)])
    np.testing.assert_array_equal(ds.pixel_array, pixels)
    assert len(ds.PixelData) % 2 == 0


def test_it_says_that_text_is_burned_in_and_where_it_comes_from() -> None:
    source = header()
    (ds,) = captures(source)
    assert (ds.BurnedInAnnotation, ds.ConversionType) == ("YES", "WSD")
    assert list(ds.ImageType) == ["DERIVED", "SECONDARY"]
    assert ds.DerivationDescription == "Class activation over the film."
    assert ds.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID


def test_a_frame_of_a_multi_frame_source_is_named() -> None:
    source = header("US")
    (ds,) = captures(source, pictures=[picture(source, frame=2)])
    assert ds.SourceImageSequence[0].ReferencedFrameNumber == 2


def test_the_pictures_of_a_series_are_one_stack() -> None:
    sources = [header("MR", image=number) for number in (1, 2, 3)]
    stack = captures(*sources, manifest=manifest(level="series"))
    assert len({ds.SeriesInstanceUID for ds in stack}) == 1
    assert [ds.InstanceNumber for ds in stack] == [1, 2, 3]
    assert len({ds.SOPInstanceUID for ds in stack}) == 3


@pytest.mark.parametrize(
    ("tags", "part", "side"),
    [
        ({"BodyPartExamined": "CHEST"}, "CHEST", None),
        ({"BodyPartExamined": "BREAST", "ImageLaterality": "L"}, "BREAST", "L"),
        ({"BodyPartExamined": "KNEE", "Laterality": "R"}, "KNEE", "R"),
        ({"BodyPartExamined": "KNEE"}, "KNEE", ""),
        ({"BodyPartExamined": None}, None, ""),
        ({"BodyPartExamined": "left knee!"}, None, ""),
    ],
)
def test_body_part_and_side_are_told_as_far_as_they_are_known(tags: Any, part: str | None, side: str | None) -> None:
    (ds,) = captures(header("DX", **tags))
    assert (ds.get("BodyPartExamined"), ds.get("Laterality")) == (part, side)


@pytest.mark.parametrize(
    ("source", "orientation"),
    [
        (header("DX"), ["L", "F"]),
        (header("MR"), ["L", "P"]),
        (header("MR", ImageOrientationPatient=[0, 1, 0, 0, 0, -1]), ["P", "F"]),
        (header("CR"), []),
    ],
)
def test_the_orientation_is_that_of_the_source(source: Dataset, orientation: list[str]) -> None:
    (ds,) = captures(source)
    assert list(ds.PatientOrientation or []) == orientation


def test_a_picture_that_is_no_rgb_is_refused() -> None:
    grey = replace(picture(header()), pixels=np.zeros((8, 8), np.uint8))
    with pytest.raises(ReportError, match="uint8 RGB"):
        captures(header(), pictures=[grey])
