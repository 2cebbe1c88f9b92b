"""The shutter of a source is repeated where it is complete."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from node.report.shutter import add_shutter
from tests.report.material import header

RECTANGLE = {
    "ShutterShape": "RECTANGULAR",
    "ShutterLeftVerticalEdge": 3,
    "ShutterRightVerticalEdge": 40,
    "ShutterUpperHorizontalEdge": 5,
    "ShutterLowerHorizontalEdge": 60,
}


def _added(ds: Dataset | None = None, **tags: Any) -> Dataset:
    ds = Dataset() if ds is None else ds
    add_shutter(ds, header("DX", **tags))
    return ds


def test_a_rectangle_keeps_its_edges_and_is_black_unless_told() -> None:
    ds = _added(**RECTANGLE)
    assert {keyword: ds[keyword].value for keyword in RECTANGLE} == RECTANGLE
    assert ds.ShutterPresentationValue == 0


def test_the_shade_of_the_source_is_kept() -> None:
    assert _added(**RECTANGLE, ShutterPresentationValue=0x4000).ShutterPresentationValue == 0x4000


def test_a_state_in_colour_tells_the_shade_as_a_colour_too() -> None:
    colour = Dataset()
    colour.ICCProfile = b"profile "
    assert _added(colour, **RECTANGLE).ShutterPresentationColorCIELabValue == [0, 0x8080, 0x8080]
    assert "ShutterPresentationColorCIELabValue" not in _added(**RECTANGLE)


def test_several_shapes_are_kept_together() -> None:
    shapes = {"ShutterShape": ["CIRCULAR", "POLYGONAL"], "CenterOfCircularShutter": [32, 24]}
    ds = _added(**shapes, RadiusOfCircularShutter=20, VerticesOfThePolygonalShutter=[1, 1, 60, 1, 30, 40])
    assert ds.ShutterShape == ["CIRCULAR", "POLYGONAL"]
    assert (ds.CenterOfCircularShutter, ds.RadiusOfCircularShutter) == ([32, 24], 20)
    assert ds.VerticesOfThePolygonalShutter == [1, 1, 60, 1, 30, 40]


def test_only_the_complete_one_of_two_shapes_is_kept() -> None:
    ds = _added(**(RECTANGLE | {"ShutterShape": ["CIRCULAR", "RECTANGULAR"]}))
    assert ds.ShutterShape == "RECTANGULAR"
    assert "CenterOfCircularShutter" not in ds


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"ShutterShape": "HEART"},
        {**RECTANGLE, "ShutterLowerHorizontalEdge": None},
        {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 1, 60, 1]},
        {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 1, 60, 1, 30, 40, 7]},
        {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [32, 24, 1], "RadiusOfCircularShutter": 5},
    ],
    ids=["none", "unknown", "an edge is missing", "two vertices", "half a vertex", "three coordinates"],
)
def test_an_incomplete_shutter_is_left_out(tags: dict[str, Any]) -> None:
    assert len(_added(**tags)) == 0
