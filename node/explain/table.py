"""The table of all findings below the panels: one column of rows, or two side by side where there are many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PIL import ImageDraw

from node.explain import text
from node.explain.layout import GAP, MARGIN, WIDTH
from node.plugin import Outcome

Row = tuple[str, str, str, str]

HEADER: Row = ("Finding", "Probability", "Threshold", "Outcome")
SIZE = 14
#: More rows than these are set side by side.
MOST_BELOW = 6
#: First pixel of each cell from the left end of its row, and the end of the row.
_ALONE = (0, 460, 600, 760, 920)
_BESIDE = (0, 188, 270, 388, 490)
_BETWEEN = 12


def height(rows: Sequence[Row]) -> int:
    """Pixels that the table takes, its header and the gap below included; 0 without rows."""
    return (len(next(_columns(rows))) + 1) * text.line_height(SIZE) + GAP if rows else 0


def write(pen: ImageDraw.ImageDraw, rows: Sequence[Row], top: int) -> None:
    """Write it, first row at `top`; what is absent stands back."""
    columns = list(_columns(rows))
    edges = _ALONE if len(columns) == 1 else _BESIDE
    for number, column in enumerate(columns):
        left = MARGIN + number * (WIDTH - 2 * MARGIN - edges[-1])
        for line, row in enumerate((HEADER, *column)):
            muted = row is HEADER or row[-1] == Outcome.ABSENT
            _write_row(
                pen, (left, top + line * text.line_height(SIZE)), row, edges, text.MUTED if muted else text.LIGHT
            )


def _columns(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    size = max(1, len(rows) if len(rows) <= MOST_BELOW else (len(rows) + 1) // 2)
    yield from (rows[start : start + size] for start in range(0, len(rows), size))


def _write_row(
    pen: ImageDraw.ImageDraw, place: tuple[int, int], row: Row, edges: Sequence[int], colour: text.Colour
) -> None:
    for cell, start, end in zip(row, edges[:-1], edges[1:], strict=True):
        words = text.cut(cell, SIZE, end - start - _BETWEEN)
        text.write(pen, (place[0] + start, place[1]), words, SIZE, colour)
