"""Which images a training step sees, and how much each counts: labels alike within a source, strata within labels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from node.plugin import Array
from radnode_kit.dataset import Dataset
from radnode_kit.recipe import Recipe
from radnode_kit.sources import Sample


def chances(data: Dataset, recipe: Recipe) -> npt.NDArray[np.float64]:
    """(n,), chance of each sample to be drawn: sum 1.

    Sources come as the recipe says; within a source the watched labels alike, and the strata of `balance` alike for
    each label, so that a stratum (the view of a film, say) tells nothing of the label.
    """
    chance = np.zeros(len(data.samples))
    shares = recipe.source_weights or (1.0,) * len(recipe.sources)
    kinds = np.array([_kind(sample, recipe) for sample in data.samples])
    for source, share in zip(recipe.sources, shares, strict=True):
        here = data.sources == source
        for kind in np.unique(kinds[here]):
            chosen = here & (kinds == kind)
            chance[chosen] = share / (len(np.unique(kinds[here])) * chosen.sum())
    return np.asarray(chance / chance.sum())


def _kind(sample: Sample, recipe: Recipe) -> str:
    labels = sample.labels & frozenset(recipe.watch) if recipe.watch else sample.labels
    return f"{sorted(labels)} {[sample.strata.get(name) for name in recipe.balance]}"


def sample_weights(data: Dataset, recipe: Recipe) -> Array:
    """float32 (n, k) of mean about 1: each label weighs the same in each source, and sources as the recipe says."""
    weights = np.zeros_like(data.targets)
    shares = recipe.source_weights or (1.0,) * len(recipe.sources)
    for source, share in zip(recipe.sources, shares, strict=True):
        here = data.sources == source
        for column in range(data.targets.shape[1]):
            for value in (0.0, 1.0):
                chosen = here & (data.targets[:, column] == value)
                if chosen.any():
                    weights[chosen, column] = share * here.sum() / (2.0 * chosen.sum())
    if recipe.exclusive:
        own = (weights * np.nan_to_num(data.targets)).sum(axis=1, keepdims=True)
        weights = np.repeat(own, weights.shape[1], axis=1)
    return np.asarray(weights / weights[weights > 0].mean(), dtype=np.float32)


def draw(chance: npt.NDArray[np.float64], count: int, seed: int) -> npt.NDArray[np.int64]:
    """`count` indices, drawn with these chances."""
    return np.random.default_rng(seed).choice(len(chance), count, p=chance)
