"""A small pen for inline SVG: lines, shapes and text, coloured by the classes of the page that holds them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

Point = tuple[float, float]


class Drawing:
    """A picture of `width` x `height` user units, from the top left corner."""

    def __init__(self, width: float, height: float):
        self.width, self.height = width, height
        self._parts: list[str] = []

    def line(self, start: Point, end: Point, style: str) -> None:
        """A straight line; `style` is a class of the page."""
        (x1, y1), (x2, y2) = start, end
        self._parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>')

    def curve(self, points: Iterable[Point], style: str) -> None:
        """Points joined by lines."""
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline points="{text}" class="{style}"/>')

    def area(self, points: Iterable[Point], style: str) -> None:
        """A filled polygon."""
        text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polygon points="{text}" class="{style}"/>')

    def dot(self, centre: Point, radius: float, style: str) -> None:
        """A circle."""
        self._parts.append(f'<circle cx="{centre[0]:.1f}" cy="{centre[1]:.1f}" r="{radius:.1f}" class="{style}"/>')

    def diamond(self, centre: Point, radius: float, style: str) -> None:
        """A square on its corner."""
        (x, y), r = centre, radius
        self.area([(x - r, y), (x, y - r), (x + r, y), (x, y + r)], style)

    def box(self, corner: Point, size: Point, style: str, opacity: float = 1.0) -> None:
        """A filled rectangle from its top left corner."""
        (x, y), (width, height) = corner, size
        shape = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        self._parts.append(f'<rect {shape} class="{style}" fill-opacity="{opacity:.2f}"/>')

    def text(self, at: Point, words: str, style: str, anchor: str = "start", turn: float = 0.0) -> None:
        """Words; `anchor` is start, middle or end; `turn` in degrees about `at`."""
        (x, y), turned = at, f' transform="rotate({turn:.0f} {at[0]:.1f} {at[1]:.1f})"' if turn else ""
        place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{style}"{turned}'
        self._parts.append(f"<text {place}>{escape(words)}</text>")

    def markup(self, title: str) -> str:
        """The SVG element. Args: title: what it shows, for who cannot see it."""
        name = escape(title, quote=True)
        head = f'<svg viewBox="0 0 {self.width:.0f} {self.height:.0f}" role="img" aria-label="{name}">'
        return f"{head}<title>{escape(title)}</title>{''.join(self._parts)}</svg>"


class Frame:
    """Axes inside a drawing, and where a value lies between them.

    Args:
        drawing: to draw on.
        across: (least, most) value of the horizontal axis.
        up: (least, most) value of the vertical axis.
        labels: words of the two axes.
    """

    left, right, top, bottom = 54.0, 14.0, 14.0, 44.0

    def __init__(self, drawing: Drawing, across: Point, up: Point, labels: tuple[str, str]):
        self._drawing, self._across, self._up = drawing, across, up
        width, height = drawing.width - self.left - self.right, drawing.height - self.top - self.bottom
        self._size = width, height
        self._axes(labels)

    def at(self, point: Point) -> Point:
        """Where a pair of values lies; values beyond the axes lie on their ends."""
        x = _share(point[0], self._across) * self._size[0]
        y = _share(point[1], self._up) * self._size[1]
        return self.left + x, self.top + self._size[1] - y

    def all(self, points: Iterable[Point]) -> list[Point]:
        """The same for many."""
        return [self.at(point) for point in points]

    def _axes(self, labels: tuple[str, str]) -> None:
        draw, (left, low), (right, high) = self._drawing, (self._across[0], self._up[0]), (self._across[1], self._up[1])
        for value, words in ticks(left, right):
            foot = self.at((value, low))
            draw.line(foot, self.at((value, high)), "grid")
            draw.text((foot[0], foot[1] + 15), words, "tick", "middle")
        for value, words in ticks(low, high):
            foot = self.at((left, value))
            draw.line(foot, self.at((right, value)), "grid")
            draw.text((foot[0] - 6, foot[1] + 3.5), words, "tick", "end")
        draw.text((self.left + self._size[0] / 2, draw.height - 6), labels[0], "axis", "middle")
        draw.text((13, self.top + self._size[1] / 2), labels[1], "axis", "middle", -90)


def _share(value: float, ends: Point) -> float:
    return min(1.0, max(0.0, (value - ends[0]) / (ends[1] - ends[0])))


def ticks(low: float, high: float) -> Sequence[tuple[float, str]]:
    """Round values between two ends, about five of them, with their words."""
    rough = (high - low) / 5.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0)), key=lambda size: abs(size - rough))
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) + (1 if round(step / power, 3) == 2.5 else 0)
    first = math.ceil(low / step - 1e-9)
    return [(k * step, f"{k * step:.{digits}f}") for k in range(first, math.floor(high / step + 1e-9) + 1)]
