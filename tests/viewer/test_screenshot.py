"""What is measured in a screenshot: a test that cannot tell black from an image proves nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.viewer.screenshot import Screenshot


def screenshot(folder: Path, *painted: tuple[slice, slice, tuple[int, int, int]]) -> Screenshot:
    """Black, 100 rows by 200 columns, with painted rectangles."""
    pixels = np.zeros((100, 200, 3), np.uint8)
    for rows, columns, colour in painted:
        pixels[rows, columns] = colour
    Image.fromarray(pixels).save(folder / "shot.png")
    return Screenshot(folder / "shot.png")


def test_a_black_viewport_is_not_lit(tmp_path: Path) -> None:
    shot = screenshot(tmp_path)
    assert (shot.lit, shot.coloured) == (0.0, 0.0)


def test_what_lies_around_an_image_is_none(tmp_path: Path) -> None:
    red = (250, 0, 0)
    rows, columns = slice(None), slice(None)
    around = [(slice(0, 10), columns), (slice(80, 100), columns), (rows, slice(0, 8)), (rows, slice(192, 200))]
    assert screenshot(tmp_path, *((*place, red) for place in around)).lit == 0.0


def test_a_grey_image_is_lit_and_has_no_colour(tmp_path: Path) -> None:
    shot = screenshot(tmp_path, (slice(10, 80), slice(0, 100), (90, 90, 90)))
    assert shot.lit == pytest.approx(92 / 184)
    assert shot.coloured == 0.0


def test_what_is_coloured_is_found_where_it_is(tmp_path: Path) -> None:
    grey, green = (90, 90, 90), (0, 200, 0)
    shot = screenshot(tmp_path, (slice(10, 80), slice(0, 200), grey), (slice(20, 41), slice(50, 71), green))
    assert shot.coloured == pytest.approx(21 * 21 / (70 * 184))
    assert shot.coloured_place == pytest.approx((0.30, 0.30))
