"""Contours are closed, lie where the level is met, and keep their shape when simplified."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.explain.contour import outlines, signed_area, simplified


def disc(size: int, centre: tuple[float, float], radius: float) -> np.ndarray:
    """One inside, falling linearly to zero at twice the radius; 0.5 is met at the radius."""
    y, x = np.mgrid[0:size, 0:size] + 0.5
    distance = np.hypot(y - centre[0], x - centre[1])
    return np.clip(1.0 - 0.5 * distance / radius, 0.0, 1.0).astype(np.float32)


def test_the_contour_of_a_disc_is_its_circle() -> None:
    (points,) = outlines(disc(64, (30.0, 34.0), 10.0), 0.5)
    radii = np.hypot(points[:, 0] - 34.0, points[:, 1] - 30.0)
    np.testing.assert_allclose(radii, 10.0, atol=0.15)
    assert signed_area(points) == pytest.approx(np.pi * 100, rel=0.02)


def test_two_discs_have_two_contours() -> None:
    both = disc(64, (16.0, 16.0), 6.0) + disc(64, (48.0, 48.0), 6.0)
    assert len(outlines(both, 0.5)) == 2


def test_a_hole_has_no_contour_of_its_own() -> None:
    ring = disc(64, (32.0, 32.0), 14.0)
    ring[30:34, 30:34] = 0.0
    assert len(outlines(ring, 0.5)) == 1


def test_a_place_at_the_border_is_closed_along_the_border() -> None:
    values = np.zeros((20, 20), np.float32)
    values[5:10, :4] = 1.0
    (points,) = outlines(values, 0.5)
    assert points[:, 0].min() == pytest.approx(0.0, abs=0.5)
    assert signed_area(points) == pytest.approx(20.0, rel=0.15)


def test_nothing_above_the_level_has_no_contour() -> None:
    assert outlines(np.zeros((9, 9), np.float32), 0.5) == []


def test_places_that_touch_at_a_corner_stay_two() -> None:
    values = np.zeros((8, 8), np.float32)
    values[1:3, 1:3] = values[3:5, 3:5] = 1.0
    assert len(outlines(values, 0.5)) == 2


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.integers(2, 12))
def test_any_surface_gives_closed_contours_of_positive_area(seed: int, rows: int, columns: int) -> None:
    values = np.random.default_rng(seed).random((rows, columns)).astype(np.float32)
    for points in outlines(values, 0.6):
        assert len(points) >= 4
        assert signed_area(points) > 0.0
        steps = np.hypot(*(points - np.roll(points, 1, axis=0)).T)
        assert steps.max() <= 1.5


def test_simplifying_keeps_the_corners_of_a_square() -> None:
    side = np.arange(10.0)
    edges = [
        np.stack([side, 0 * side], 1),
        np.stack([0 * side + 10, side], 1),
        np.stack([10 - side, 0 * side + 10], 1),
        np.stack([0 * side, 10 - side], 1),
    ]
    corners = simplified(np.concatenate(edges), 0.1)
    assert sorted(map(tuple, corners.tolist())) == [(0, 0), (0, 10), (10, 0), (10, 10)]


def test_simplifying_moves_a_contour_by_less_than_the_tolerance() -> None:
    (points,) = outlines(disc(64, (32.0, 32.0), 20.0), 0.5)
    fewer = simplified(points, 0.3)
    assert len(fewer) < len(points) / 3
    assert abs(signed_area(fewer)) == pytest.approx(signed_area(points), rel=0.03)
