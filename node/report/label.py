"""Where words stand on an image: beside what they speak of, and where they cover the least of it.

All coordinates are (column, row) in pixels, the top left corner of the top left pixel = (0, 0).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import dist, hypot

from node.plugin import Array

Point = tuple[float, float]

#: A line as part of the longer side of the image, and a character as part of a line: legible on a full viewport.
_LINE, _CHARACTER = 0.024, 0.5
_STEPS = 6


@dataclass(frozen=True)
class Box:
    """A rectangle on an image."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def centre(self) -> Point:
        """The point in the middle."""
        return (self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0

    def nearest(self, point: Point) -> Point:
        """The point of the box that is nearest to `point`."""
        return min(max(point[0], self.left), self.right), min(max(point[1], self.top), self.bottom)

    def shared(self, other: Box) -> float:
        """Area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)


def line_height(pixels: Array) -> float:
    """Of one line of text on that image."""
    longer: int = max(pixels.shape[:2])
    return max(1.0, _LINE * longer)


def around(points: Sequence[Point]) -> Box:
    """The smallest box that holds all points."""
    columns, rows = zip(*points, strict=True)
    return Box(min(columns), min(rows), max(columns), max(rows))


def label(lines: Sequence[str], pixels: Array, places: Sequence[Box], taken: Sequence[Box]) -> Box:
    """The box for a text at the image's border, always within the image.

    Of the positions along the border it is the one that covers the least of other texts, then the least of any place,
    then, in one sum, the plainest part of the image that lies far from its middle and near the first place.

    Args:
        lines: the text.
        pixels: the image as shown, (rows, columns) or (rows, columns, 3).
        places: what must stay visible; the text speaks of the first.
        taken: boxes of the texts that stand there already.
    """
    rows, columns = pixels.shape[:2]
    height = line_height(pixels)
    width = min(float(columns), _CHARACTER * height * max(map(len, lines)))
    size = (width, min(float(rows), height * len(lines)))

    def cost(box: Box) -> tuple[float, float, float]:
        loss = _unrest(box, pixels) + _in_the_middle(box, pixels) + _distance(box, places[0], pixels)
        return _covered(box, taken), _covered(box, places), round(loss, 3)

    return min(_along_the_border(size, (columns, rows)), key=cost)


def _along_the_border(size: tuple[float, float], extent: tuple[int, int]) -> Iterator[Box]:
    """From the top left corner on, row by row."""
    width, height = size
    for down in range(_STEPS + 1):
        for across in range(_STEPS + 1):
            if {down, across} & {0, _STEPS}:
                left, top = (extent[0] - width) * across / _STEPS, (extent[1] - height) * down / _STEPS
                yield Box(left, top, left + width, top + height)


def _covered(box: Box, others: Sequence[Box]) -> float:
    return round(sum(box.shared(other) for other in others), 1)


def _unrest(box: Box, pixels: Array) -> float:
    """How much the image changes below the box, 0..0.5: background is plain, anatomy is not."""
    below = pixels[int(box.top) : max(int(box.top) + 1, int(box.bottom)), int(box.left) : int(box.right) + 1]
    grey = below if below.ndim == 2 else below.mean(axis=2)
    return float(grey.std())


def _in_the_middle(box: Box, pixels: Array) -> float:
    """Part of the box that lies in the middle half of the image's width and height, at half its weight."""
    rows, columns = pixels.shape[:2]
    middle = Box(columns / 4, rows / 4, columns * 3 / 4, rows * 3 / 4)
    return 0.5 * box.shared(middle) / ((box.right - box.left) * (box.bottom - box.top))


def _distance(box: Box, place: Box, pixels: Array) -> float:
    """From middle to middle, as part of the diagonal, at half its weight."""
    return 0.5 * dist(box.centre, place.centre) / hypot(*pixels.shape[:2])
