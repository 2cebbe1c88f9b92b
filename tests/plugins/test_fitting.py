"""What is fitted beside the weights: limits that suit every kind of image, and images as other scanners show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.plugin import Array
from radnode_kit.dataset import Dataset
from radnode_kit.engine import Outputs
from radnode_kit.gate import fit_gate, set_limit
from radnode_kit.recipe import Recipe
from radnode_kit.sources import Sample

pytest.importorskip("sklearn")

from radnode_kit.fitting import Fitter, Right, fit_check


def outputs(embedding: Array) -> Outputs:
    count = len(embedding)
    return Outputs(*(np.zeros((count, 1), np.float32),) * 2, embedding, np.zeros((count, 1), np.float32))


def right(plain: Array, kinds: list[str]) -> Right:
    return Right(outputs(plain), outputs(plain), kinds, kinds)


def test_a_rare_kind_that_lies_far_out_passes_as_well() -> None:
    rng = np.random.default_rng(1)
    common, rare = rng.normal(0, 1, (300, 8)), rng.normal(0, 3, (20, 8))
    values = np.concatenate([common, rare]).astype(np.float32)
    parts = right(values, ["adults"] * 300 + ["children"] * 20).each(values)
    assert [len(part) for part in parts] == [300, 20]
    gate = fit_gate(values, ["all"] * len(values), 4)
    together = set_limit(gate, values, 0.95)
    each = max((set_limit(gate, part, 0.95) for part in parts), key=lambda one: one.limit)
    assert (together.distances(values[300:]) > 1).mean() > 0.2
    assert (each.distances(values[300:]) > 1).mean() <= 0.05


def test_the_check_learns_what_is_wrong_from_few_images() -> None:
    rng = np.random.default_rng(1)
    good, bad = rng.normal(0, 1, (200, 6)), rng.normal(3, 1, (20, 6))
    features = np.concatenate([good, bad]).astype(np.float32)
    check = fit_check(features, [0] * 200 + [1] * 20).limited(features[:200], 0.98)
    assert (check.distances(features[:200]) > 1).mean() <= 0.025
    assert (check.distances(features[200:]) > 1).all()
    assert set(check.reasons(features[200:])) == {"looks inverted (dark and bright exchanged)"}


def fitter(recipe: Recipe, *labels: str) -> Fitter:
    """One whose training images have these labels and a bright upper edge; it has no network."""
    made = Fitter.__new__(Fitter)
    pixels = np.zeros((len(labels), 1, 4, 4), np.uint8)
    pixels[:, :, 0] = 255
    samples = [Sample(Path(name), "set", name, frozenset({name}), frozenset(labels), {}) for name in labels]
    made.recipe = recipe
    made.train = Dataset(samples, pixels, np.zeros((len(labels), 1), np.float32), np.array(["train"] * len(labels)))
    return made


def taught(recipe: Recipe, *labels: str) -> dict[str, list[Array]]:
    return {kind: list(canvases) for kind, canvases in fitter(recipe, *labels)._taught()}


def test_every_turn_of_every_image_is_taught_where_the_recipe_says_so() -> None:
    recipe = Recipe(("set",), exclusive=True, wrong=("rotated", "inverted"), every_turn=True)
    shown = taught(recipe, "a", "b")
    assert len(shown["rotated"]) == 6
    assert len(shown["inverted"]) == 2
    assert [bool(image[0, 0].all()) for image in shown["rotated"]] == [False] * 6
    assert len(taught(Recipe(("set",), exclusive=True, wrong=("rotated",)), "a", "b")["rotated"]) == 2


def test_upside_down_is_not_taught_as_wrong_where_nobody_knows_what_is_up() -> None:
    recipe = Recipe(("set",), exclusive=True, wrong=("rotated",), every_turn=True, either_way_up=("b",))
    shown = taught(recipe, "a", "b")["rotated"]
    assert len(shown) == 5
    assert sum(bool(image[0, -1].all()) for image in shown) == 1
