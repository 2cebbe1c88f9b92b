from __future__ import annotations

import numpy as np
import pytest

from radnode_kit.letterbox import canvas, flat, letterbox, smoothed
from tests.plugins.builders import pattern


@pytest.mark.parametrize(("rows", "columns"), [(100, 100), (50, 200), (300, 7), (1, 1), (3000, 2000), (1, 900)])
def test_the_extent_maps_the_image_back_onto_itself(rows: int, columns: int) -> None:
    box = letterbox(rows, columns, 96)
    top, left, bottom, right = box.extent()
    down, across = (bottom - top) / 96, (right - left) / 96
    assert top + box.top * down == pytest.approx(0, abs=1e-6)
    assert left + box.left * across == pytest.approx(0, abs=1e-6)
    assert top + (box.top + box.height) * down == pytest.approx(rows)
    assert left + (box.left + box.width) * across == pytest.approx(columns)


@pytest.mark.parametrize("pixel_height", [0.01, 0.25, 0.5, 1.0, 3.0, 100.0])
def test_the_extent_is_in_pixels_of_the_image_whatever_their_shape(pixel_height: float) -> None:
    box = letterbox(120, 90, 96, pixel_height)
    top, left, bottom, right = box.extent()
    assert top + box.top * (bottom - top) / 96 == pytest.approx(0, abs=1e-6)
    assert top + (box.top + box.height) * (bottom - top) / 96 == pytest.approx(120)
    assert left + (box.left + box.width) * (right - left) / 96 == pytest.approx(90)
    assert max(box.height, box.width) == 96


@pytest.mark.parametrize(("axis", "times"), [(0, 2), (1, 2), (0, 3), (1, 5)])
def test_a_stretched_copy_lies_on_the_canvas_as_the_image_does(axis: int, times: int) -> None:
    image = smoothed(np.random.default_rng(0).random((1, 160, 120)).astype(np.float32), 2.0)[0]
    stretched = np.repeat(image, times, axis=axis)
    (wanted,), box = canvas(image, 64)
    (found,), other = canvas(stretched, 64, pixel_height=times if axis == 1 else 1 / times)
    assert (other.height, other.width, other.top, other.left) == (box.height, box.width, box.top, box.left)
    assert np.abs(found - wanted).max() < 0.02


def test_the_image_lies_in_the_middle_with_black_around_it() -> None:
    (pixels,), box = canvas(np.ones((50, 100), dtype=np.float32), 64)
    assert (box.height, box.width, box.top, box.left) == (32, 64, 16, 0)
    assert pixels[:16].max() == 0
    assert pixels[16:48] == pytest.approx(1)
    assert pixels[48:].max() == 0


def test_a_spot_is_found_where_it_was() -> None:
    image = np.zeros((200, 400), dtype=np.float32)
    image[40:60, 300:320] = 1
    (pixels,), box = canvas(image, 100)
    row, column = np.unravel_index(int(pixels.argmax()), pixels.shape)
    top, left, bottom, right = box.extent()
    assert top + (row + 0.5) * (bottom - top) / 100 == pytest.approx(50, abs=10)
    assert left + (column + 0.5) * (right - left) / 100 == pytest.approx(310, abs=10)


def test_colour_becomes_the_mean() -> None:
    colour = np.stack([np.full((4, 4), value, dtype=np.float32) for value in (0.0, 0.3, 0.9)], axis=2)
    assert flat(colour, 1) == pytest.approx(0.4)


def test_colours_stay_apart_for_a_model_that_sees_them() -> None:
    colour = np.stack([np.full((4, 4), value, dtype=np.float32) for value in (0.0, 0.3, 0.9)], axis=2)
    pixels, _ = canvas(colour, 8, 3)
    assert pixels.shape == (3, 8, 8)
    assert [float(plane.mean()) for plane in pixels] == pytest.approx([0.0, 0.3, 0.9])


def test_a_grey_image_is_grey_for_a_model_that_sees_colour() -> None:
    pixels, _ = canvas(pattern(8, 8), 8, 3)
    assert np.array_equal(pixels[0], pixels[2])


def test_what_is_no_number_becomes_black() -> None:
    pixels = pattern(8, 8).copy()
    pixels[0, 0], pixels[0, 1], pixels[0, 2] = np.nan, np.inf, 7.0
    assert flat(pixels, 1)[0, :3, 0].tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize("sigma", [0.8, 1.3, 2.0])
def test_smoothing_spreads_a_point_as_a_gaussian_does(sigma: float) -> None:
    point = np.zeros((2, 1, 31, 41), dtype=np.float32)
    point[1, 0, 15, 20] = 1.0
    spread = smoothed(point, sigma)
    assert not spread[0].any()
    assert spread.sum() == pytest.approx(1.0, abs=1e-5)
    rows, columns = np.mgrid[-15:16, -20:21]
    for axis in (rows, columns):
        assert float((spread[1, 0] * axis).sum()) == pytest.approx(0.0, abs=1e-5)
        assert float((spread[1, 0] * axis**2).sum()) == pytest.approx(sigma**2, rel=0.02)
    assert spread[1, 0, 15, 21] / spread[1, 0, 15, 20] == pytest.approx(np.exp(-0.5 / sigma**2), rel=1e-4)


def test_smoothing_keeps_what_is_even_away_from_the_edge() -> None:
    even = smoothed(np.full((1, 20, 20), 0.7, np.float32), 1.0)
    assert even[0, 4:-4, 4:-4] == pytest.approx(0.7, abs=1e-6)
    assert even[0, 0, 0] < 0.4
