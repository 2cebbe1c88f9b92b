"""Regions hold the major part of what speaks for the finding, and lie on the image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.explain.regions import HELD, MIN_SHARE, MOST, half_level, regions
from tests.explain.material import evidence, image, spot


def test_the_region_surrounds_the_warm_place() -> None:
    (place,) = regions(evidence(image(200, 160), spot(at=(6, 7))), image(200, 160))
    columns, rows = np.array(place.polygon).T
    assert columns.min() < 7.5 * 16 < columns.max()
    assert rows.min() < 6.5 * 20 < rows.max()
    assert columns.max() - columns.min() < 80


def test_the_region_holds_half_of_the_evidence() -> None:
    (place,) = regions(evidence(image()), image())
    assert place.share == pytest.approx(HELD, abs=0.04)


def test_two_warm_places_are_two_regions_the_stronger_first() -> None:
    grid = spot(at=(2, 2), width=0.8) + np.float32(0.8) * spot(at=(7, 7), width=0.8)
    strong, weak = regions(evidence(image(), grid), image())
    assert strong.share > weak.share
    assert np.mean([column for column, _ in strong.polygon]) < np.mean([column for column, _ in weak.polygon])


def test_there_are_never_more_than_three() -> None:
    grid = np.zeros((12, 12), np.float32)
    grid[1::3, 1::3] = 1.0
    found = regions(evidence(image(), grid), image())
    assert len(found) <= MOST
    assert all(place.share >= MIN_SHARE for place in found)


@pytest.mark.parametrize("grid", [np.zeros((5, 5)), -np.ones((5, 5)), np.full((5, 5), np.nan)])
def test_where_nothing_speaks_for_the_finding_there_is_no_region(grid: np.ndarray) -> None:
    assert regions(evidence(image(), grid.astype(np.float32)), image()) == ()


def test_even_evidence_everywhere_is_the_whole_image() -> None:
    (place,) = regions(evidence(image(), np.ones((5, 5), np.float32)), image())
    columns, rows = np.array(place.polygon).T
    assert (columns.min(), rows.min()) == pytest.approx((0.0, 0.0), abs=1.0)
    assert (columns.max(), rows.max()) == pytest.approx((160.0, 200.0), abs=1.0)


def test_evidence_in_the_padding_makes_no_region() -> None:
    grid = np.zeros((10, 10), np.float32)
    grid[:, :2] = 1.0
    picture = image(200, 100)
    assert regions(evidence(picture, grid, extent=(0.0, -60.0, 200.0, 160.0)), picture) == ()


def test_a_map_beyond_the_image_is_cut_at_its_border() -> None:
    picture = image(100, 100)
    (place,) = regions(evidence(picture, spot(at=(4, 1)), extent=(-20.0, -20.0, 120.0, 120.0)), picture)
    columns, _ = np.array(place.polygon).T
    assert columns.min() >= 0.0


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(32, 32), (400, 40), (40, 400), (2, 3)]))
def test_any_map_gives_polygons_within_the_image(seed: int, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    picture = image(*shape)
    for place in regions(evidence(picture, rng.normal(0, 1, (6, 7)).astype(np.float32)), picture):
        columns, rows = np.array(place.polygon).T
        assert len(place.polygon) >= 3
        assert 0.0 <= columns.min() <= columns.max() <= shape[1]
        assert 0.0 <= rows.min() <= rows.max() <= shape[0]
        assert 0.0 < place.share <= 1.0
        assert place.polygon[0] != place.polygon[-1]


def test_the_level_is_met_by_just_half_of_the_evidence() -> None:
    values = np.array([[4.0, 3.0], [2.0, 1.0]], np.float32)
    assert half_level(values) == pytest.approx(3.0, rel=1e-5)
    assert half_level(np.zeros((3, 3), np.float32)) == 0.0
