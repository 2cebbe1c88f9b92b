"""Small plots as shapes in their places, which both a page of HTML and one of PDF can show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

#: Of every plot, in points.
WIDTH, HEIGHT = 500.0, 150.0
INK, GREY, LIMIT = "#222222", "#c4c9d0", "#c0392b"
COLOURS = ("#1f77b4", "#e67e22", "#2e8b57", "#8e44ad", "#7f6a3f", "#d6578c", "#4b5563", "#17a2b8")
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 350.0, 22.0, 128.0
_SIZE, _TITLE, _ROW = 7.5, 9.5, 11.0
_BINS = 20
Floats = npt.NDArray[np.float64]
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """Points joined by straight lines."""

    points: Points
    colour: str
    width: float = 1.0


@dataclass(frozen=True)
class Box:
    """A filled rectangle; `left` and `top` are its corner."""

    left: float
    top: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True)
class Words:
    """Text from `left` on, on its baseline; with `ends` it ends there."""

    left: float
    baseline: float
    text: str
    size: float = _SIZE
    colour: str = INK
    ends: bool = False


Shape = Line | Box | Words


@dataclass(frozen=True)
class Drawing:
    """Shapes on a plane of :data:`WIDTH` points and a height, from the top left corner, and what they show."""

    title: str
    shapes: tuple[Shape, ...]
    height: float = HEIGHT


def svg(drawing: Drawing) -> str:
    """As an SVG element."""
    name = escape(drawing.title, quote=True)
    head = f'<svg viewBox="0 0 {WIDTH:.0f} {drawing.height:.0f}" role="img" aria-label="{name}">'
    return f"{head}{''.join(_element(shape) for shape in drawing.shapes)}</svg>"


def _element(shape: Shape) -> str:
    if isinstance(shape, Line):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
        return f'<polyline points="{points}" fill="none" stroke="{shape.colour}" stroke-width="{shape.width:g}"/>'
    if isinstance(shape, Box):
        place = f'x="{shape.left:.1f}" y="{shape.top:.1f}" width="{shape.width:.1f}" height="{shape.height:.1f}"'
        return f'<rect {place} fill="{shape.colour}"/>'
    place = f'x="{shape.left:.1f}" y="{shape.baseline:.1f}" text-anchor="{"end" if shape.ends else "start"}"'
    return f'<text {place} font-size="{shape.size:g}" fill="{shape.colour}">{escape(shape.text)}</text>'


def histogram(title: str, old: Floats, new: Floats, old_name: str) -> Drawing:
    """Shares of two samples in the same bins: the older as boxes, the newer as a line."""
    both = np.concatenate([old, new])
    low, high = (float(both.min()), float(both.max())) if len(both) else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    shares = [np.histogram(one, edges)[0] / max(1, len(one)) for one in (old, new)]
    top = max(1e-9, *(float(one.max()) for one in shares))
    wide = (_RIGHT - _LEFT) / _BINS
    heights = [(_BOTTOM - _TOP) * one / top for one in shares]
    boxes = [
        Box(_LEFT + place * wide, _BOTTOM - height, wide - 1.0, height, GREY) for place, height in enumerate(heights[0])
    ]
    steps = [
        (_LEFT + (place + end) * wide, _BOTTOM - height) for place, height in enumerate(heights[1]) for end in (0, 1)
    ]
    legend = ((GREY, f"{old_name}, {len(old)}"), (COLOURS[0], f"newest, {len(new)}"))
    shapes = [*boxes, Line(steps, COLOURS[0], 1.4), *_frame(title, f"{edges[0]:.3g}", f"{edges[-1]:.3g}", f"{top:.0%}")]
    return Drawing(title, (*shapes, *_legend(legend)))


def curves(title: str, series: Mapping[str, Points], ends: tuple[str, str], limit: float | None = None) -> Drawing:
    """Values over time. Args: ends: words for the first and the last moment; limit: a line across."""
    moments = [x for points in series.values() for x, _ in points]
    first, last = (min(moments), max(moments)) if moments else (0.0, 1.0)
    top = max([limit or 0.0, *(y for points in series.values() for _, y in points), 0.01]) * 1.05

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - first) / (last - first) if last > first else 0.5
        return _LEFT + across * (_RIGHT - _LEFT), _BOTTOM - max(0.0, y) / top * (_BOTTOM - _TOP)

    shapes: list[Shape] = []
    for number, points in enumerate(series.values()):
        placed = [place(x, y) for x, y in points]
        shapes.append(Line(placed, COLOURS[number % len(COLOURS)], 1.2))
        shapes += [Box(x - 1.2, y - 1.2, 2.4, 2.4, COLOURS[number % len(COLOURS)]) for x, y in placed]
    if limit is not None:
        shapes.append(Line([place(first, limit), (_RIGHT, place(first, limit)[1])], LIMIT, 0.8))
    legend = [(COLOURS[number % len(COLOURS)], name) for number, name in enumerate(series)]
    return Drawing(title, (*shapes, *_frame(title, *ends, f"{top:.2g}"), *_legend(legend)))


def intervals(title: str, rows: Sequence[tuple[str, float, float, float]]) -> Drawing:
    """Shares with their intervals, one below the other. Args: rows: words, share, lower and upper end."""
    left, right = 190.0, WIDTH - 20.0
    shapes: list[Shape] = [Words(0.0, _TITLE, title, _TITLE)]
    for number, (words, share, low, high) in enumerate(rows):
        y = _TOP + number * _ROW
        at, *ends = (left + value * (right - left) for value in (share, low, high))
        shapes += [
            Words(left - 6.0, y + 2.5, words, ends=True),
            Line([(left, y), (right, y)], "#eeeeee", 0.6),
            Line([(ends[0], y), (ends[1], y)], COLOURS[0], 1.2),
            Box(at - 2.0, y - 2.0, 4.0, 4.0, COLOURS[0]),
        ]
    bottom = _TOP + len(rows) * _ROW
    shapes += [Words(left, bottom + 4.0, "0 %"), Words(right, bottom + 4.0, "100 %", ends=True)]
    return Drawing(title, tuple(shapes), bottom + 10.0)


def _frame(title: str, first: str, last: str, top: str) -> list[Shape]:
    return [
        Words(0.0, _TITLE, title, _TITLE),
        Line([(_LEFT, _TOP), (_LEFT, _BOTTOM), (_RIGHT, _BOTTOM)], INK, 0.6),
        Words(_LEFT, _BOTTOM + 10.0, first),
        Words(_RIGHT, _BOTTOM + 10.0, last, ends=True),
        Words(_LEFT - 4.0, _TOP + 3.0, top, ends=True),
        Words(_LEFT - 4.0, _BOTTOM, "0", ends=True),
    ]


def _legend(rows: Sequence[tuple[str, str]]) -> list[Shape]:
    shapes: list[Shape] = []
    for number, (colour, name) in enumerate(rows):
        y = _TOP + number * _ROW
        shapes += [Box(_RIGHT + 12.0, y - 2.0, 10.0, 4.0, colour), Words(_RIGHT + 26.0, y + 2.5, name)]
    return shapes
