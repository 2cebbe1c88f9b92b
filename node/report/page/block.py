"""What stands on the page before it is drawn: marks with their places, and blocks of them, one below another.

Lengths are points, 1/72 inch; places count from the top left corner, downwards and to the right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from node.report.page.typeface import REGULAR, width

BLACK, MUTED, RULE, SHADE = 0.0, 0.38, 0.70, 0.90
#: From one line to the next, and from the top of a line to its baseline, in sizes of the letters.
LEADING, ASCENT = 1.28, 0.97


@dataclass(frozen=True)
class Words:
    """One piece of a line: legible text, the top left corner of its line, size, typeface and grey (0 is black)."""

    text: str
    left: float
    top: float
    size: float
    typeface: str = REGULAR
    grey: float = BLACK

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.left + width(self.text, self.size, self.typeface)

    @property
    def bottom(self) -> float:
        """Below all of its letters."""
        return self.top + self.size * LEADING

    @property
    def baseline(self) -> float:
        """What its letters stand on."""
        return self.top + self.size * ASCENT


@dataclass(frozen=True)
class Bar:
    """A filled rectangle: rules, frames and signs are made of them."""

    left: float
    top: float
    right: float
    bottom: float
    grey: float = BLACK


@dataclass(frozen=True)
class Photo:
    """The place of the page's picture."""

    left: float
    top: float
    right: float
    bottom: float


Mark: TypeAlias = Words | Bar | Photo


@dataclass(frozen=True)
class Block:
    """Marks whose places count from the block's own top left corner, and the height that they take."""

    height: float
    marks: tuple[Mark, ...] = ()

    def at(self, left: float, top: float) -> tuple[Mark, ...]:
        """Its marks, moved there."""
        return tuple(_moved(mark, left, top) for mark in self.marks)


def _moved(mark: Mark, left: float, top: float) -> Mark:
    if isinstance(mark, Words):
        return replace(mark, left=mark.left + left, top=mark.top + top)
    return replace(mark, left=mark.left + left, right=mark.right + left, top=mark.top + top, bottom=mark.bottom + top)


def stacked(blocks: Iterable[Block], gap: float = 0.0) -> Block:
    """One below another; what has no height takes no gap."""
    marks: list[Mark] = []
    height = 0.0
    for block in blocks:
        if block.height > 0.0:
            top = height + (gap if height else 0.0)
            marks += block.at(0.0, top)
            height = top + block.height
    return Block(height, tuple(marks))


def beside(blocks: Iterable[tuple[float, Block]]) -> Block:
    """Side by side, each at its left edge; as high as the highest."""
    placed = list(blocks)
    marks = (mark for left, block in placed for mark in block.at(left, 0.0))
    return Block(max((block.height for _, block in placed), default=0.0), tuple(marks))


def rule(room: float, weight: float = 0.5, grey: float = RULE) -> Block:
    """A line across."""
    return Block(weight, (Bar(0.0, 0.0, room, weight, grey),))


def framed(inner: Block, room: float, weight: float, grey: float = BLACK) -> Block:
    """The block within a frame of that width, its margin included; the block must leave :func:`frame_margin` free."""
    margin = frame_margin(weight)
    height = inner.height + 2.0 * margin
    edges = (
        Bar(0.0, 0.0, room, weight, grey),
        Bar(0.0, height - weight, room, height, grey),
        Bar(0.0, 0.0, weight, height, grey),
        Bar(room - weight, 0.0, room, height, grey),
    )
    return Block(height, (*edges, *inner.at(margin, margin)))


def frame_margin(weight: float) -> float:
    """From the outer edge of a frame to what is in it."""
    return weight + 5.0
