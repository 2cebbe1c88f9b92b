"""Contour, arrow and words over one image, as an item of Graphic Annotation Sequence (PS3.3 C.10.5).

Only polylines and unformatted text: viewers that draw anything of a presentation state draw these. Units are PIXEL,
whose origin is the top left corner of the top left pixel, as that of a :class:`node.study.Region`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import cos, dist, pi, sin
from textwrap import wrap

from pydicom.dataset import Dataset

from node import words
from node.plugin import Image
from node.report.label import Box, Point, line_height
from node.report.verdict import Verdict
from node.study import Region

_LONGEST_LINE = 28  # characters
_BARB_ANGLE = pi / 7


def lines(verdict: Verdict, *, research_only: bool) -> list[str]:
    """The words beside a finding: who says so, what it is, how likely, and from where on it counts as present."""
    if verdict.finding is None:
        raise ValueError("a finding without an answer has no place")
    limit = words.limit(verdict.spec.operating_point.threshold)
    figures = f"{words.per_cent(verdict.finding.probability)} (threshold {limit})"
    said = ["AI, not verified:", *wrap(verdict.spec.label, _LONGEST_LINE), figures]
    return [*said, "RESEARCH"] if research_only else said


def text(said: Sequence[str], box: Box, anchor: Point, image: Image) -> Dataset:
    """The words in their box; the line to `anchor` is drawn by the arrow, so a viewer shall not draw a second one."""
    ds = Dataset()
    ds.BoundingBoxAnnotationUnits = ds.AnchorPointAnnotationUnits = "PIXEL"
    ds.UnformattedTextValue = "\r\n".join(said)[:1024]
    ds.BoundingBoxTopLeftHandCorner = [box.left, box.top]
    ds.BoundingBoxBottomRightHandCorner = [box.right, box.bottom]
    ds.BoundingBoxTextHorizontalJustification = "LEFT"
    ds.AnchorPoint = list(_inside(anchor, image))
    ds.AnchorPointVisibility = "N"
    return ds


def contour(place: Region, image: Image) -> Dataset:
    """The outline of a place, closed, never filled."""
    ds = _polyline((*place.polygon, place.polygon[0]), image)
    ds.GraphicFilled = "N"
    return ds


def arrow(start: Point, tip: Point, image: Image) -> Dataset | None:
    """A shaft with a head of two barbs, in one stroke; None where there is no way to go."""
    length = dist(start, tip)
    if length < 1.0:
        return None
    barb = min(line_height(image.pixels), 0.4 * length) / length
    back = ((start[0] - tip[0]) * barb, (start[1] - tip[1]) * barb)
    left, right = (_turned(back, tip, angle) for angle in (_BARB_ANGLE, -_BARB_ANGLE))
    return _polyline((start, tip, left, tip, right), image)


def nearest(place: Region, point: Point) -> Point:
    """The point of the outline that is nearest to `point`."""
    corners = place.polygon
    edges = zip(corners, (*corners[1:], corners[0]), strict=True)
    return min((_on_edge(start, end, point) for start, end in edges), key=lambda at: dist(at, point))


def _on_edge(start: Point, end: Point, point: Point) -> Point:
    """The point between `start` and `end` that is nearest to `point`."""
    (x, y), (u, v) = start, (end[0] - start[0], end[1] - start[1])
    squared = u * u + v * v
    along = ((point[0] - x) * u + (point[1] - y) * v) / squared if squared else 0.0
    share = min(max(along, 0.0), 1.0)
    return x + share * u, y + share * v


def _turned(vector: Point, origin: Point, angle: float) -> Point:
    x, y = vector
    return origin[0] + x * cos(angle) - y * sin(angle), origin[1] + x * sin(angle) + y * cos(angle)


def _polyline(points: Iterable[Point], image: Image) -> Dataset:
    inside = [_inside(point, image) for point in points]
    ds = Dataset()
    ds.GraphicAnnotationUnits = "PIXEL"
    ds.GraphicDimensions = 2
    ds.NumberOfGraphicPoints = len(inside)
    ds.GraphicData = [number for point in inside for number in point]
    ds.GraphicType = "POLYLINE"
    return ds


def _inside(point: Point, image: Image) -> Point:
    """Coordinates end with the image (PS3.3 C.10.5)."""
    rows, columns = image.pixels.shape[:2]
    return min(max(point[0], 0.0), float(columns)), min(max(point[1], 0.0), float(rows))
