"""The outcome as a sign that is read without colour, and from a thumbnail: a shape, and the probability in large type.

A filled triangle stands for present, a half-filled diamond for undetermined, an open ring for absent, a cross for not
assessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PIL import ImageDraw

from node.explain import text
from node.explain.layout import MARGIN, WIDTH
from node.plugin import Outcome

#: Height of the type, and side of the shape before it, in pixels.
SIZE, SIDE = 60, 46
#: Kept free for it right of the title.
ROOM = 280
_GAP = 16
_LINE = 6

Pen = ImageDraw.ImageDraw


def write(pen: Pen, top: int, outcome: Outcome | None, figure: str) -> None:
    """Draw the sign, its right end at the margin; `outcome` None: not assessed."""
    right = WIDTH - MARGIN
    left = right - text.width(figure, SIZE) if figure else right
    text.write(pen, (left, top - 8), figure, SIZE, text.MUTED if outcome is Outcome.ABSENT else text.LIGHT)
    _SHAPES[outcome](pen, left - SIDE - (_GAP if figure else 0), top + 8)


def _triangle(pen: Pen, left: int, top: int) -> None:
    pen.polygon([(left + SIDE // 2, top), (left + SIDE, top + SIDE), (left, top + SIDE)], fill=text.AMBER)


def _diamond(pen: Pen, left: int, top: int) -> None:
    half = SIDE // 2
    corners = [(left + half, top), (left + SIDE, top + half), (left + half, top + SIDE), (left, top + half)]
    pen.polygon([corners[0], corners[2], corners[3]], fill=text.LIGHT)
    pen.line([*corners, corners[0], corners[1]], fill=text.LIGHT, width=_LINE, joint="curve")


def _ring(pen: Pen, left: int, top: int) -> None:
    pen.ellipse((left, top, left + SIDE, top + SIDE), outline=text.MUTED, width=_LINE)


def _cross(pen: Pen, left: int, top: int) -> None:
    pen.line((left, top, left + SIDE, top + SIDE), fill=text.LIGHT, width=_LINE)
    pen.line((left, top + SIDE, left + SIDE, top), fill=text.LIGHT, width=_LINE)


_SHAPES: Mapping[Outcome | None, Callable[[Pen, int, int], None]] = {
    Outcome.PRESENT: _triangle,
    Outcome.UNDETERMINED: _diamond,
    Outcome.ABSENT: _ring,
    None: _cross,
}
