"""Fits the learned part of the sequence model by gradient, on made-up sequences of a few slices."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from node.errors import PluginError
from radnode_kit.sequence.bags import Bags
from radnode_kit.sequence.network import LITE_FEATURES, Front, Reader
from radnode_kit.sequence.physics import FEATURES, candidates

RECIPE = "bundle/configs/sequence.json"
CHOSEN = {
    "physics": slice(0, FEATURES),
    "imagenet": slice(FEATURES, FEATURES + LITE_FEATURES),
    "both": slice(0, FEATURES + LITE_FEATURES),
}


@dataclass(frozen=True)
class Variant:
    """A model that was tried: which features it reads, and how it pools slices (see ``network.Reader``)."""

    features: str
    pooling: str

    @property
    def name(self) -> str:
        """As it stands in tables."""
        return f"{self.features}, {self.pooling}"


@dataclass(frozen=True)
class Recipe:
    """How the model is trained and cross-validated (``bundle/configs/sequence.json``).

    Attributes:
        variants: what cross-validation compares: pairs of features and pooling.
        shipped: number of the variant that is refitted on all patients: the best that reads slices one by one.
        views: random changes of each slice.
        steps: of the optimiser.
        batch: sequences in one step.
        longest: most slices in a sequence.
        rate: highest learning rate.
        decay: weight decay.
        smoothing: labels are noisy: the target is this far from 0 and 1.
        folds: of cross-validation, by patient.
        repeats: of cross-validation, each with its own folds and seeds; as many refits are averaged in what is shipped.
        seed: of everything random.
    """

    variants: tuple[tuple[str, str], ...]
    shipped: int = 0
    views: int = 7
    steps: int = 120
    batch: int = 12
    longest: int = 4
    rate: float = 0.01
    decay: float = 0.05
    smoothing: float = 0.05
    folds: int = 5
    repeats: int = 5
    seed: int = 1

    def variant(self, number: int) -> Variant:
        """One of the variants."""
        return Variant(*self.variants[number])


def read_recipe(folder: Path) -> Recipe:
    """Read the recipe of a plugin's folder; raises :class:`PluginError`."""
    try:
        table = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        return Recipe(**{**table, "variants": tuple((features, pooling) for features, pooling in table["variants"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise PluginError(f"the training recipe cannot be read: {error}", about=str(folder / RECIPE)) from error


def imagenet_front() -> Front:
    """The front with ImageNet's weights, folded and frozen; needs the extra ``train``."""
    from radnode_kit.imagenet import imagenet_state

    front = Front()
    state = imagenet_state()
    front.load_state_dict({key: state[key] for key in front.state_dict()})
    for parameter in front.eval().fold().parameters():
        parameter.requires_grad_(False)
    return front


def fit(bags: Bags, rows: npt.NDArray[np.int64], variant: Variant, recipe: Recipe, seed: int) -> Reader:
    """A reader fitted to the slices `rows`; the same seed gives the same reader."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    reader = Reader(CHOSEN[variant.features], variant.pooling)
    _standardise(reader, bags, rows)
    optimiser = torch.optim.AdamW(reader.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=recipe.steps)
    for _ in range(recipe.steps):
        length = int(rng.integers(1, recipe.longest + 1))
        features, labels = bags.draw(rows, recipe.batch, length, rng)
        target = labels * (1 - 2 * recipe.smoothing) + recipe.smoothing
        loss = functional.binary_cross_entropy_with_logits(reader(features), target)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimiser.step()
        schedule.step()
    return reader.eval()


def _standardise(reader: Reader, bags: Bags, rows: npt.NDArray[np.int64]) -> None:
    """Mean and deviation of the chosen features over the candidate positions."""
    seen = bags.features[rows, 0].float()
    chosen = seen.transpose(1, 2)[candidates(seen)][:, reader.chosen]
    reader.mean.copy_(chosen.mean(dim=0))
    reader.deviation.copy_(chosen.std(dim=0).clamp_min(1e-2))
