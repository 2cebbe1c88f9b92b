"""The evidence lies on the image where the model found it, and adds up."""

from __future__ import annotations

import numpy as np
import pytest

from node.explain.surface import PATCH, surface
from tests.explain.material import evidence, image, spot


def test_the_whole_surface_adds_up_to_the_grid() -> None:
    field = surface(evidence(image(), spot(at=(5, 5))), (200, 160), (200, 160))
    assert field.mean() / PATCH == pytest.approx(spot(at=(5, 5)).sum(), rel=1e-3)


def test_an_even_grid_is_an_even_surface() -> None:
    field = surface(evidence(image(), np.full((4, 5), 0.5, np.float32)), (200, 160), (64, 64))
    np.testing.assert_allclose(field, 0.5 * 20 * PATCH, rtol=1e-5)


def test_the_peak_lies_where_the_warm_cell_lies() -> None:
    grid = np.zeros((10, 10), np.float32)
    grid[2, 7] = 1.0
    field = surface(evidence(image(), grid), (200, 160), (200, 160))
    row, column = np.unravel_index(int(np.argmax(field)), field.shape)
    assert abs(row - 50) <= 1
    assert abs(column - 120) <= 1


def test_the_surface_never_overshoots_the_grid() -> None:
    rng = np.random.default_rng(1)
    grid = rng.normal(0.0, 1.0, (7, 9)).astype(np.float32)
    field = surface(evidence(image(), grid), (200, 160), (128, 128)) / (63 * PATCH)
    assert grid.min() <= field.min()
    assert field.max() <= grid.max()


def test_evidence_in_the_padding_stays_outside() -> None:
    grid = np.zeros((10, 10), np.float32)
    grid[:, 0] = 1.0
    over = evidence(image(200, 100), grid, extent=(0.0, -50.0, 200.0, 150.0))
    assert surface(over, (200, 100), (50, 25)).max() < 0.01 * 10


def test_a_map_that_covers_a_part_says_nothing_of_the_rest() -> None:
    part = evidence(image(), np.ones((4, 4), np.float32), extent=(50.0, 40.0, 150.0, 120.0))
    field = surface(part, (200, 160), (200, 160))
    assert field[:49].max() == 0.0
    assert field[60:140, 50:110].min() > 0.0


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_no_evidence(broken: float) -> None:
    grid = spot()
    grid[0, 0] = broken
    assert np.isfinite(surface(evidence(image(), grid), (200, 160), (50, 50))).all()


@pytest.mark.parametrize("extent", [(0.0, 0.0, 0.0, 160.0), (10.0, 10.0, 5.0, 160.0)])
def test_an_extent_without_area_says_nothing(extent: tuple[float, float, float, float]) -> None:
    assert not surface(evidence(image(), extent=extent), (200, 160), (20, 20)).any()


def test_one_cell_is_even_everywhere() -> None:
    field = surface(evidence(image(), np.ones((1, 1), np.float32)), (200, 160), (30, 30))
    np.testing.assert_allclose(field, PATCH, rtol=1e-6)
