"""Contour, arrow and words say and show what the model said, in coordinates of the image."""

from __future__ import annotations

from dataclasses import replace
from math import dist

import numpy as np
import pytest
from pydicom.dataset import Dataset

from node.report import annotation
from node.report.label import Box
from node.report.verdict import Verdict, verdicts
from node.study import Region
from tests.report.material import analysis, header, image, manifest, spec

IMAGE = image(header("DX"))  # 64 rows, 48 columns
SQUARE = Region("opacity", IMAGE.sop_instance_uid, 1, ((10.0, 10.0), (20.0, 10.0), (20.0, 20.0), (10.0, 20.0)), 0.8)


def _verdict(probability: float = 0.87, **changes: object) -> Verdict:
    told = analysis(header("DX"), probability=probability, manifest=manifest(findings=(spec(**changes),)))
    return verdicts(told, ())[0]


def _points(item: Dataset) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = [tuple(pair) for pair in np.reshape(item.GraphicData, (-1, 2)).tolist()]
    return points


def test_the_words_tell_who_says_it_what_it_is_and_how_likely() -> None:
    said = annotation.lines(_verdict(label="Pneumonia-like opacity"), research_only=False)
    assert said == ["AI, not verified:", "Pneumonia-like opacity", "87 % (threshold 50 %)"]


def test_a_model_for_research_says_so() -> None:
    assert annotation.lines(_verdict(), research_only=True)[-1] == "RESEARCH"


def test_what_is_not_certain_is_not_rounded_to_certainty() -> None:
    assert "> 99 % (threshold 50 %)" in annotation.lines(_verdict(0.999), research_only=False)


def test_a_long_label_is_broken_into_lines_without_losing_a_word() -> None:
    label = "Enlargement of the cardiac silhouette with pulmonary venous congestion"
    said = annotation.lines(_verdict(label=label), research_only=False)
    assert max(map(len, said)) <= 28
    assert label in " ".join(said)


def test_a_finding_without_an_answer_has_no_words() -> None:
    with pytest.raises(ValueError, match="without an answer"):
        annotation.lines(replace(_verdict(), finding=None), research_only=True)


def test_the_text_object_holds_lines_box_and_anchor() -> None:
    item = annotation.text(("one", "two"), Box(1.0, 2.0, 30.0, 12.0), (20.0, 40.0), IMAGE)
    assert item.UnformattedTextValue == "one\r\ntwo"
    assert (item.BoundingBoxTopLeftHandCorner, item.BoundingBoxBottomRightHandCorner) == ([1.0, 2.0], [30.0, 12.0])
    assert (item.AnchorPoint, item.AnchorPointVisibility) == ([20.0, 40.0], "N")
    assert {item.BoundingBoxAnnotationUnits, item.AnchorPointAnnotationUnits} == {"PIXEL"}


def test_a_contour_has_the_corners_of_its_place_and_is_closed_but_not_filled() -> None:
    item = annotation.contour(SQUARE, IMAGE)
    assert _points(item) == [*SQUARE.polygon, SQUARE.polygon[0]]
    assert (item.GraphicType, item.GraphicFilled, item.NumberOfGraphicPoints) == ("POLYLINE", "N", 5)
    assert (item.GraphicAnnotationUnits, item.GraphicDimensions) == ("PIXEL", 2)


def test_what_lies_beyond_the_image_is_drawn_along_its_border() -> None:
    place = replace(SQUARE, polygon=((-5.0, -5.0), (60.0, 10.0), (20.0, 90.0)))
    assert _points(annotation.contour(place, IMAGE)) == [(0.0, 0.0), (48.0, 10.0), (20.0, 64.0), (0.0, 0.0)]


def test_an_arrow_runs_from_its_start_to_its_tip_and_has_two_equal_barbs_behind_it() -> None:
    item = annotation.arrow((5.0, 5.0), (5.0, 30.0), IMAGE)
    assert item is not None
    start, tip, left, again, right = _points(item)
    assert (start, tip, again) == ((5.0, 5.0), (5.0, 30.0), (5.0, 30.0))
    assert dist(left, tip) == pytest.approx(dist(right, tip))
    assert 0.0 < dist(left, tip) <= 0.4 * 25.0 + 1e-9
    assert max(left[1], right[1]) < tip[1]
    assert left[0] - 5.0 == pytest.approx(5.0 - right[0])


def test_an_arrow_is_open_and_so_says_nothing_of_filling() -> None:
    item = annotation.arrow((5.0, 5.0), (5.0, 30.0), IMAGE)
    assert item is not None
    assert "GraphicFilled" not in item


def test_there_is_no_arrow_where_the_text_stands_at_the_outline() -> None:
    assert annotation.arrow((5.0, 5.0), (5.0, 5.5), IMAGE) is None


@pytest.mark.parametrize(
    ("point", "expected"),
    [((15, 0), (15, 10)), ((0, 0), (10, 10)), ((40, 17), (20, 17)), ((16, 19), (16, 20)), ((4, 12), (10, 12))],
    ids=["above", "at a corner", "beside", "within", "left, on the closing edge"],
)
def test_the_tip_is_the_point_of_the_outline_nearest_to_the_text(
    point: tuple[float, float], expected: tuple[float, float]
) -> None:
    assert annotation.nearest(SQUARE, point) == pytest.approx(expected)


def test_a_corner_told_twice_does_no_harm() -> None:
    doubled = replace(SQUARE, polygon=(SQUARE.polygon[0], *SQUARE.polygon))
    assert annotation.nearest(doubled, (0.0, 0.0)) == (10.0, 10.0)
