from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.plugin import Array
from radnode_kit.comparison import linear
from radnode_kit.dataset import Dataset, targets_of
from radnode_kit.losses import LOSSES
from radnode_kit.metrics import auroc
from radnode_kit.recipe import Recipe
from radnode_kit.sources import Sample


def made(count: int = 300) -> tuple[Array, Dataset]:
    """Features of which the first tells the label, with noise; a fifth of the cases have it."""
    rng = np.random.default_rng(0)
    truth = np.arange(count) % 5 == 0
    features = rng.normal(size=(count, 20)).astype(np.float32)
    features[:, 0] += 3.0 * truth
    samples = [
        Sample(Path("x"), "a", f"g{n}", frozenset({"p"} if here else ()), frozenset({"p"}), {})
        for n, here in enumerate(truth)
    ]
    parts = np.array([("held-back", "train", "train", "validation")[n % 4] for n in range(count)])
    return features, Dataset(samples, np.zeros((count, 1, 1, 1), np.uint8), targets_of(samples, ["p"]), parts)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_layer_learns_from_the_training_part_and_tells_the_rest(loss: str) -> None:
    features, dataset = made()
    logits, value = linear(features, dataset, Recipe(("a",), exclusive=False, loss=loss), ["p"])
    checked = dataset.parts == "validation"
    assert value == auroc(logits[checked, 0], dataset.targets[checked, 0] > 0.5)
    rest = dataset.parts == "held-back"
    assert auroc(logits[rest, 0], dataset.targets[rest, 0] > 0.5) > 0.95


def test_the_held_back_part_does_not_move_the_layer() -> None:
    features, dataset = made()
    recipe = Recipe(("a",), exclusive=False)
    seen = dataset.parts != "held-back"
    changed = np.where(seen[:, None], features, 100.0).astype(np.float32)
    train = dataset.parts == "train"
    first, second = (linear(each, dataset, recipe, ["p"])[0] for each in (features, changed))
    assert first[train] == pytest.approx(second[train], abs=1e-4)
