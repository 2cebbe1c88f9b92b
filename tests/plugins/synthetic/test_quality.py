from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from radnode_kit.synthetic.quality import COMPONENTS, components, frechet, frechet_of_draws, told_apart


def cloud(count: int, centre: float = 0.0, width: float = 1.0, seed: int = 0, size: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, size)) * width + centre).astype(np.float32)


def test_the_distance_of_a_set_to_itself_is_zero() -> None:
    assert frechet(cloud(80).astype(float), cloud(80).astype(float)) == pytest.approx(0, abs=1e-6)


def test_the_distance_is_that_of_the_formula() -> None:
    # Two Gaussians with equal axes: squared gap of the means plus squared gap of the deviations, along each axis.
    a, b = cloud(60000, size=3).astype(float), cloud(60000, centre=2.0, width=3.0, seed=1, size=3).astype(float)
    assert frechet(a, b) == pytest.approx(3 * (2.0**2 + (3.0 - 1.0) ** 2), rel=0.03)


def test_the_distance_is_the_same_both_ways() -> None:
    a, b = cloud(90).astype(float), cloud(70, centre=0.5, width=2.0, seed=1).astype(float)
    assert frechet(a, b) == pytest.approx(frechet(b, a))


def test_fewer_images_than_dimensions_are_compared_on_the_main_directions() -> None:
    basis = cloud(300, size=200)
    assert components(cloud(20, seed=2, size=200), basis).shape == (20, COMPONENTS)
    assert components(basis, basis)[:, 0].std() == pytest.approx(1, rel=1e-2)


def test_draws_of_the_same_kind_are_closer_than_draws_of_another() -> None:
    basis = cloud(400, seed=9)
    same = frechet_of_draws(cloud(90), cloud(70, seed=1), basis)
    other = frechet_of_draws(cloud(90, centre=1.0), cloud(70, seed=1), basis)
    assert same.mean < other.mean - 3 * other.deviation
    assert same == frechet_of_draws(cloud(90), cloud(70, seed=1), basis)


def test_a_linear_layer_tells_apart_what_differs_and_nothing_else() -> None:
    assert told_apart(cloud(100), cloud(100, centre=1.5, seed=1)) > 0.95
    assert told_apart(cloud(300), cloud(300, seed=1)) == pytest.approx(0.5, abs=0.1)
