"""Charts as SVG, made on the server: bars, lines with a band, and figures with their intervals.

Each has a title and a description for those who do not see it, and stands above a table of the same figures. Kinds of
line are told apart by dashes as well as by colours, which differ for the colour-blind (Okabe & Ito 2008); colours are
those of the style, light or dark. Labels are thinned until they do not touch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH, _HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 16, 36
#: Of a line of text, and of a letter across at most, in units of the drawing.
_LINE, _LETTER = 22, 8.0
#: Kinds of line; the style has a colour and a dash for each.
_KINDS = 4


@dataclass(frozen=True)
class Line:
    """Figures over the same steps; None: there is none. `band`: (low, high) of each, if they have intervals."""

    name: str
    figures: Sequence[float | None]
    band: Sequence[tuple[float, float] | None] = ()


@dataclass(frozen=True)
class Axis:
    """From 0 to `top`; None: as high as needed. `limit`: drawn across; None: there is none."""

    top: float | None = None
    limit: float | None = None


@dataclass(frozen=True)
class Figure:
    """One figure with its interval."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Chart:
    """A chart and its table. `name`: unique on its page, letters and hyphens; empty `svg`: there is nothing to draw."""

    name: str
    title: str
    description: str
    svg: Markup
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def bars(name: str, title: str, description: str, values: Sequence[tuple[str, float]]) -> Markup:
    """One bar for each (label, value from 0), in their order."""
    top = _ceiling(value for _, value in values)
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(values))
    drawn = [
        _rectangle(_LEFT + number * step + 0.1 * step, _row(value / top), 0.8 * step, _row(0) - _row(value / top))
        for number, (_, value) in enumerate(values)
        if value > 0
    ]
    middles = [_LEFT + (number + 0.5) * step for number in range(len(values))]
    axes = [*_grid(top), *_steps([label for label, _ in values], middles)]
    return _svg(name, title, description, [*axes, *drawn])


def lines(
    name: str, title: str, description: str, labels: Sequence[str], drawn: Sequence[Line], axis: Axis = Axis()
) -> Markup:
    """Up to four lines over the same steps."""
    known = [one for line in drawn for one in line.figures if one is not None]
    highs = [pair[1] for line in drawn for pair in line.band if pair is not None]
    top = axis.top or _ceiling([*known, *highs, axis.limit or 0.0])
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(labels))
    middles = [_LEFT + (number + 0.5) * step for number in range(len(labels))]
    parts = [*_grid(top), *_steps(labels, middles)]
    for kind, line in enumerate(drawn[:_KINDS]):
        parts += _band(line, middles, top, kind)
    for kind, line in enumerate(drawn[:_KINDS]):
        parts += _line(line, middles, top, kind)
    legend = [(f"c{kind}", line.name) for kind, line in enumerate(drawn[:_KINDS])]
    if axis.limit is not None:
        parts.append(_stroke("line limit", _LEFT, _row(axis.limit / top), _WIDTH - _RIGHT, _row(axis.limit / top)))
        legend.append(("limit", "limit"))
    explained, foot = _legend(legend, _HEIGHT)
    return _svg(name, title, description, [*parts, *explained], foot)


def intervals(name: str, title: str, description: str, figures: Sequence[Figure], top: float = 1.0) -> Markup:
    """A point with its interval for each figure from 0 to `top`, one below the other."""
    left = min(_WIDTH / 2, 16 + _LETTER * max((len(one.name) for one in figures), default=0))
    room, height = _WIDTH - left - _RIGHT, _LINE * len(figures) + _BOTTOM

    def at(value: float) -> float:
        return left + room * min(1.0, max(0.0, value / top))

    parts = []
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_stroke("grid", at(part * top), 0, at(part * top), height - _BOTTOM + 4))
        anchor = "end" if part == 1 else "middle"
        parts.append(_text(at(part * top), height - 12, f"{part * top:.0%}", anchor))
    most = int((left - 12) // _LETTER)
    for number, one in enumerate(figures):
        row = _LINE * (number + 0.5)
        parts.append(
            _text(left - 10, row + 5, one.name if len(one.name) <= most else f"{one.name[: most - 1]}…", "end")
        )
        parts.append(_stroke("line c0", at(one.low), row, at(one.high), row))
        parts.append(Markup('<circle class="mark c0" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(at(one.value), row))
    return _svg(name, title, description, parts, height)


def _ceiling(values: Iterable[float]) -> float:
    """The next round number: 1, 2 or 5 with zeros."""
    most = max(values, default=0.0)
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(one * power for one in (1, 2, 5, 10) if most <= one * power * (1 + 1e-9))


def _row(part: float) -> float:
    return _HEIGHT - _BOTTOM - min(1.0, part) * (_HEIGHT - _TOP - _BOTTOM)


def _grid(top: float) -> Iterator[Markup]:
    for part in (0.0, 0.5, 1.0):
        yield _stroke("grid", _LEFT, _row(part), _WIDTH - _RIGHT, _row(part))
        yield _text(_LEFT - 8, _row(part) + 5, f"{part * top:g}", "end")


def _steps(labels: Sequence[str], middles: Sequence[float]) -> Iterator[Markup]:
    """As many labels as stand beside each other without touching; the first one always."""
    free = 0.0
    for label, middle in zip(labels, middles, strict=True):
        half = len(label) * _LETTER / 2
        if middle - half >= free and middle + half <= _WIDTH:
            yield _text(middle, _HEIGHT - 12, label, "middle")
            free = middle + half + _LETTER


def _band(line: Line, middles: Sequence[float], top: float, kind: int) -> Iterator[Markup]:
    known = [(x, pair) for x, pair in zip(middles, line.band, strict=False) if pair is not None]
    if len(known) > 1:
        above = [f"{x:.1f},{_row(high / top):.1f}" for x, (_, high) in known]
        below = [f"{x:.1f},{_row(low / top):.1f}" for x, (low, _) in reversed(known)]
        yield Markup('<polygon class="band c{}" points="{}"/>').format(kind, " ".join([*above, *below]))


def _line(line: Line, middles: Sequence[float], top: float, kind: int) -> Iterator[Markup]:
    known = [(x, _row(figure / top)) for x, figure in zip(middles, line.figures, strict=True) if figure is not None]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in known)
    yield Markup('<polyline class="line c{}" points="{}"/>').format(kind, points)
    for x, y in known:
        yield Markup('<circle class="mark c{}" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(kind, x, y)


def _legend(entries: Sequence[tuple[str, str]], top: float) -> tuple[list[Markup], float]:
    """(Kind, words) of each line from `top` on, in as many rows as needed, and where they end."""
    parts, left, row = [], float(_LEFT), top + _LINE / 2
    for kind, words in entries:
        wide = 60 + len(words) * _LETTER
        if left > _LEFT and left + wide > _WIDTH - _RIGHT:
            left, row = float(_LEFT), row + _LINE
        parts += [_stroke(f"line {kind}", left, row, left + 36, row), _text(left + 44, row + 5, words, "start")]
        left += wide
    return parts, row + _LINE / 2


def _rectangle(left: float, top: float, width: float, height: float) -> Markup:
    shape = '<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
    return Markup(shape).format(left, top, width, height)  # noqa: S704  our words


def _stroke(kind: str, left: float, top: float, right: float, bottom: float) -> Markup:
    shape = '<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>'
    return Markup(shape).format(kind, left, top, right, bottom)  # noqa: S704  our words


def _text(left: float, row: float, words: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(left, row, anchor, words)


def _svg(name: str, title: str, description: str, parts: Iterable[Markup], height: float = _HEIGHT) -> Markup:
    head = Markup(
        '<svg class="chart" role="img" aria-labelledby="{0}-title {0}-about" viewBox="0 0 {1} {2:g}">'
        '<title id="{0}-title">{3}</title><desc id="{0}-about">{4}</desc>'
    ).format(name, _WIDTH, height, title, description)
    return Markup("\n").join([head, *parts, Markup("</svg>")])
