"""Does the map depend on what was learned? With shuffled weights it must lose its likeness.

Source: Adebayo et al., Sanity checks for saliency maps (arXiv:1810.03292). Values are shuffled within their tensors, so
that sizes stay as they were and only what was learned is lost.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from node.plugin import Array, Interval
from radnode_kit.calibration import Floats
from radnode_kit.explanations.faithfulness import mean_interval
from radnode_kit.explanations.methods import exact_map
from radnode_kit.explanations.subject import Columns
from radnode_kit.lite import Lite
from radnode_kit.metrics import midranks

DRAWS = 20
_SEED = 20260101


@dataclass(frozen=True)
class Likeness:
    """Spearman's rank correlation of maps before and after the weights were shuffled, over images and draws.

    Attributes:
        mean: with its sign, and with its interval over draws; near 0 when nothing is left.
        size: mean without the sign: single draws may resemble or mirror the map by chance.
    """

    mean: Interval
    size: float


def likeness(
    network: Lite, images: Array, columns: Columns, *, all_layers: bool, draws: int = DRAWS, seed: int = _SEED
) -> Likeness:
    """Compare a folded network's exact maps with those of shuffled copies, for label `columns[i]` of image i."""
    before, found = exact_map(network, images, columns), []
    for draw in range(draws):
        other = shuffled(network, all_layers=all_layers, seed=seed + draw)
        found.append(rank_correlations(before, exact_map(other, images, columns)))
    values = np.stack(found)
    mean = mean_interval(values.mean(axis=1), np.arange(draws).astype(str))
    return Likeness(mean, float(np.abs(values).mean()))


def shuffled(network: Lite, *, all_layers: bool, seed: int) -> Lite:
    """A copy whose last layer, or whose every layer, has its values in random order (the last by label)."""
    other, generator = copy.deepcopy(network), torch.Generator().manual_seed(seed)
    last = [other.linear.weight, other.linear.bias]
    others = [each for name, each in other.named_parameters() if not name.startswith("linear.")]
    for parameter in others if all_layers else []:
        parameter.data = _mixed(parameter.data.ravel(), generator).view_as(parameter)
    last[0].data = torch.stack([_mixed(row, generator) for row in last[0].data])
    return other


def _mixed(values: Tensor, generator: torch.Generator) -> Tensor:
    return values[torch.randperm(len(values), generator=generator)]


def rank_correlations(one: Array, other: Array) -> Floats:
    """(n,), Spearman's correlation of maps (n, h, w) over their places; 0 where a map is the same everywhere."""
    return np.array([_correlation(a.ravel(), b.ravel()) for a, b in zip(one, other, strict=True)])


def _correlation(one: Array, other: Array) -> float:
    a, b = (midranks(each.astype(np.float64)) for each in (one, other))
    a, b = a - a.mean(), b - b.mean()
    below = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / below if below > 0 else 0.0
