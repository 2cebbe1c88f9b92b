"""A text stands at the border of its image, off other texts and places, on what is plain, near what it speaks of."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.plugin import Array
from node.report.label import Box, around, label, line_height

LINES = ("AI, not verified:", "Opacity of the lung", "87 % (threshold 50 %)")
ROWS, COLUMNS = 1000, 800


def _plain(rows: int = ROWS, columns: int = COLUMNS) -> Array:
    return np.zeros((rows, columns), np.float32)


def _place(column: float, row: float) -> Box:
    return Box(column - 40.0, row - 40.0, column + 40.0, row + 40.0)


def _touches_the_border(box: Box, rows: int = ROWS, columns: int = COLUMNS) -> bool:
    gaps = (box.left, box.top, columns - box.right, rows - box.bottom)
    return min(map(abs, gaps)) < 1e-6


@pytest.mark.parametrize(("column", "row"), [(200, 150), (600, 150), (200, 850), (600, 850)])
def test_the_text_stands_in_the_quarter_of_its_place(column: float, row: float) -> None:
    box = label(LINES, _plain(), [_place(column, row)], [])
    assert (box.centre[0] < COLUMNS / 2) == (column < COLUMNS / 2)
    assert (box.centre[1] < ROWS / 2) == (row < ROWS / 2)
    assert _touches_the_border(box)


def test_the_text_covers_no_place() -> None:
    corner = Box(0.0, 0.0, 300.0, 120.0)
    box = label(LINES, _plain(), [corner], [])
    assert box.shared(corner) == 0.0


def test_the_text_covers_no_place_of_another_finding_either() -> None:
    other = Box(0.0, 0.0, float(COLUMNS), 300.0)
    assert label(LINES, _plain(), [_place(400, 400), other], []).shared(other) == 0.0


def test_texts_of_several_findings_stand_beside_one_another() -> None:
    boxes: list[Box] = []
    for _ in range(6):
        boxes.append(label(LINES, _plain(), [_place(400, 500)], boxes))
    assert all(one.shared(other) == 0.0 for n, one in enumerate(boxes) for other in boxes[:n])


def test_the_text_avoids_what_is_not_plain() -> None:
    pixels = _plain()
    pixels[ROWS // 2 :: 2] = 1.0  # stripes over the lower half
    box = label(LINES, pixels, [_place(400, 520)], [])
    assert box.bottom <= ROWS / 2 + 1


def test_a_colour_without_change_counts_as_plain() -> None:
    skin = np.full((ROWS, COLUMNS, 3), (0.9, 0.6, 0.3), np.float32)
    assert label(LINES, skin, [_place(200, 150)], []) == label(LINES, _plain(), [_place(200, 150)], [])


def test_longer_lines_take_more_room_and_more_lines_too() -> None:
    short, long = (label(lines, _plain(), [_place(400, 500)], []) for lines in (("x",), ("x" * 30, "y")))
    assert long.right - long.left > short.right - short.left
    assert long.bottom - long.top == pytest.approx(2 * line_height(_plain()))


def test_lines_grow_with_the_image_so_that_they_are_legible_when_it_fills_the_viewport() -> None:
    heights = [line_height(_plain(side, side)) for side in (10, 500, 1000, 3000)]
    assert all(small < large for small, large in pairwise(heights))
    assert heights[0] == 1.0


@settings(max_examples=60)
@given(
    rows=st.integers(1, 400),
    columns=st.integers(1, 400),
    words=st.lists(st.integers(1, 60).map("x".__mul__), min_size=1, max_size=8),
    share=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_the_text_never_leaves_the_image(rows: int, columns: int, words: list[str], share: tuple[float, float]) -> None:
    at = (columns * share[0], rows * share[1])
    box = label(words, _plain(rows, columns), [Box(*at, *at)], [])
    assert -1e-6 <= box.left < box.right <= columns + 1e-6
    assert -1e-6 <= box.top < box.bottom <= rows + 1e-6


def test_a_box_holds_the_points_it_was_made_around() -> None:
    assert around([(3.0, 9.0), (7.0, 2.0), (5.0, 5.0)]) == Box(3.0, 2.0, 7.0, 9.0)


@pytest.mark.parametrize(
    ("point", "expected"), [((0, 0), (2, 3)), ((4, 9), (4, 7)), ((3, 4), (3, 4)), ((99, 5), (6, 5))]
)
def test_the_nearest_point_of_a_box_lies_on_it(point: tuple[float, float], expected: tuple[float, float]) -> None:
    assert Box(2, 3, 6, 7).nearest(point) == expected
