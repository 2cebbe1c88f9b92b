"""The table of the page: one row for each finding, with its probability on a scale beside the operating point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from node import words
from node.plugin import OperatingPoint, Outcome
from node.report.page.block import BLACK, LEADING, MUTED, RULE, SHADE, Bar, Block, Mark, Words, stacked
from node.report.page.text import cut
from node.report.page.typeface import BOLD, REGULAR, legible
from node.report.page.words import Told

#: Rows that the page always has room for; of more, those that want to be looked at come first.
MOST_ROWS = 14
#: Left edge of each column, and the end of the last.
_EDGES = (0.0, 126.0, 200.0, 240.0, 314.0, 346.0, 391.0, 451.0, 511.0)
_HEADER = (
    ("Finding", ""),
    ("Outcome", ""),
    ("Probability", "(calibrated)"),
    ("", ""),
    ("Present", "from"),
    ("Undetermined", "from - to"),
    ("Sensitivity", "(95 % interval)"),
    ("Specificity", "(95 % interval)"),
)
_OUTCOME, _SCALE = 1, 3  # columns: of the sign and its word, and of the scale
_SIGN = 5.0
_SIZE, _SMALL = 6.9, 5.6
_BETWEEN = 5.0
_NO_ANSWER = "not assessed"
_ORDER = (Outcome.PRESENT, Outcome.UNDETERMINED, None, Outcome.ABSENT)


def table(rows: Sequence[Told]) -> Block:
    """The whole table with its legend; rows beyond :data:`MOST_ROWS` are counted in a last one."""
    shown = list(rows) if len(rows) <= MOST_ROWS else sorted(rows, key=lambda row: _ORDER.index(row.verdict.outcome))
    left_out = len(rows) - MOST_ROWS
    pitch = 13.5 if len(rows) <= MOST_ROWS // 2 else 11.4
    blocks = [_header(), *(_row(row, pitch) for row in shown[:MOST_ROWS])]
    if left_out > 0:
        blocks.append(_line([f"... and {left_out} more: see the Structured Report"], pitch))
    return stacked([*blocks, _legend()])


def _header() -> Block:
    marks = [
        Words(text, left, number * _SMALL * LEADING, _SMALL, REGULAR, MUTED)
        for left, lines in zip(_EDGES[:-1], _HEADER, strict=True)
        for number, text in enumerate(lines)
        if text
    ]
    left, right = _scale_ends()
    ends = (
        Words("0", left - 1.8, _SMALL * LEADING, _SMALL, grey=MUTED),
        Words("100 %", right - 9, _SMALL * LEADING, _SMALL, grey=MUTED),
    )
    bottom = 2 * _SMALL * LEADING + 2.0
    return Block(bottom, (*marks, *ends, Bar(0.0, bottom - 0.8, _EDGES[-1], bottom)))


def _row(row: Told, pitch: float) -> Block:
    outcome = row.verdict.outcome
    cells = [row.label, outcome or _NO_ANSWER, *_figures(row)]
    loud = outcome is not Outcome.ABSENT
    line = _line(cells, pitch, typeface=BOLD if loud else REGULAR)
    sign = _sign(outcome, _EDGES[_OUTCOME], (pitch - _SIGN) / 2.0)
    return Block(pitch, (*line.marks, *sign, *_scale(row, pitch)))


def _figures(row: Told) -> list[str]:
    point, finding = row.verdict.spec.operating_point, row.verdict.finding
    return [
        "-" if finding is None else words.per_cent(finding.probability),
        "",
        words.limit(point.threshold),
        _band(point),
        words.with_interval(point.sensitivity),
        words.with_interval(point.specificity),
    ]


def _band(point: OperatingPoint) -> str:
    if point.undetermined is None:
        return "none"
    low, high = (words.limit(value) for value in point.undetermined)
    return f"{low.removesuffix(' %')}-{high}"


def _line(cells: Sequence[str], pitch: float, typeface: str = REGULAR) -> Block:
    """The words of a row above its rule; only those left of the scale are in `typeface`, the others smaller."""
    rule = Bar(0.0, pitch - 0.4, _EDGES[-1], pitch, RULE)
    return Block(pitch, (*_cells(cells, pitch, typeface), rule))


def _cells(cells: Sequence[str], pitch: float, typeface: str) -> Iterator[Words]:
    ends = _EDGES[1:] if len(cells) > 1 else _EDGES[-1:]
    for place, (text, left, right) in enumerate(zip(cells, _EDGES, ends, strict=False)):
        face = typeface if place < _SCALE else REGULAR
        size = _SIZE if place < _SCALE else _SIZE - 0.7
        indent = _SIGN + 4.0 if place == _OUTCOME else 0.0
        told = cut(legible(text).text, size, right - left - indent - (0.0 if right == _EDGES[-1] else _BETWEEN), face)
        if told:
            yield Words(told, left + indent, (pitch - size * LEADING) / 2.0, size, face)


def _sign(outcome: Outcome | None, left: float, top: float) -> Iterator[Mark]:
    """Full for present, half for undetermined, empty for absent; a stroke where there is no answer."""
    edge = 0.7
    right, bottom = left + _SIGN, top + _SIGN
    if outcome is None:
        yield Bar(left, top + _SIGN / 2.0 - edge, right, top + _SIGN / 2.0 + edge)
        return
    yield Bar(left, top, right, top + edge)
    yield Bar(left, bottom - edge, right, bottom)
    yield Bar(left, top, left + edge, bottom)
    yield Bar(right - edge, top, right, bottom)
    filled = {Outcome.PRESENT: _SIGN, Outcome.UNDETERMINED: _SIGN / 2.0, Outcome.ABSENT: 0.0}[outcome]
    if filled:
        yield Bar(left, bottom - filled, right, bottom)


def _scale_ends() -> tuple[float, float]:
    return _EDGES[_SCALE] + 2.0, _EDGES[_SCALE + 1] - 16.0


def _scale(row: Told, pitch: float) -> Iterator[Mark]:
    """From 0 to 100 %: the band in grey, the operating point as a stroke, the probability as a square."""
    point, finding = row.verdict.spec.operating_point, row.verdict.finding
    left, right = _scale_ends()
    middle = pitch / 2.0

    def at(share: float) -> float:
        return left + share * (right - left)

    if point.undetermined is not None:
        low, high = point.undetermined
        yield Bar(at(low), middle - 3.0, at(high), middle + 3.0, SHADE - 0.08)
    yield Bar(left, middle - 0.25, right, middle + 0.25, MUTED)
    yield Bar(at(point.threshold) - 0.4, middle - 3.6, at(point.threshold) + 0.4, middle + 3.6, MUTED)
    if finding is not None:
        place = at(min(1.0, max(0.0, finding.probability)))
        yield Bar(place - 1.8, middle - 1.8, place + 1.8, middle + 1.8, BLACK)


def _legend() -> Block:
    text = (
        "On the scale: the square is the probability, the stroke the operating point from which a finding counts as "
        "present, grey the band in which it is undetermined."
    )
    return Block(10.0, (Words(cut(text, _SMALL, _EDGES[-1]), 0.0, 2.0, _SMALL, REGULAR, MUTED),))
