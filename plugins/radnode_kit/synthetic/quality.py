"""How real made-up images look to a frozen network: Frechet distance, and whether they are told apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from node.plugin import Array
from radnode_kit.metrics import auroc
from radnode_kit.probe import probe
from radnode_kit.recipe import Recipe

Floats = npt.NDArray[np.float64]
#: Principal components that are compared: fewer than images, so that the covariances have full rank.
COMPONENTS = 32
_DRAWS = 20


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of a figure over random draws."""

    mean: float
    deviation: float


def frechet(a: Floats, b: Floats) -> float:
    """Frechet distance between Gaussians fitted to (n, d) and (m, d); zero for the same set.

    Source: Dowson and Landau 1982; on embeddings Heusel et al. (arXiv:1706.08500).
    """
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    crossed = np.sqrt(np.clip(np.linalg.eigvalsh(root @ second @ root), 0.0, None)).sum()
    gap = a.mean(axis=0) - b.mean(axis=0)
    return float(gap @ gap + np.trace(first) + np.trace(second) - 2.0 * crossed)


def frechet_of_draws(a: Array, b: Array, basis: Array, seed: int = 1) -> Spread:
    """Frechet distance between equally many images of two sets, over random draws.

    Args:
        a: (n, d) embeddings.
        b: (m, d) embeddings.
        basis: (k, d) embeddings whose principal components are used.
        seed: of the draws.
    """
    rng, count = np.random.default_rng(seed), min(len(a), len(b))
    first, second = (components(each, basis) for each in (a, b))
    values = [
        frechet(first[rng.permutation(len(a))[:count]], second[rng.permutation(len(b))[:count]]) for _ in range(_DRAWS)
    ]
    return Spread(float(np.mean(values)), float(np.std(values)))


def components(embeddings: Array, basis: Array) -> Floats:
    """(n, d) -> (n, 32): the places along the main directions of `basis`, whose longest has variance 1."""
    centre = basis.mean(axis=0, dtype=np.float64)
    _, lengths, directions = np.linalg.svd(basis - centre, full_matrices=False)
    unit = lengths[0] / np.sqrt(len(basis))
    return np.asarray((embeddings - centre) @ directions[:COMPONENTS].T / unit, dtype=np.float64)


def told_apart(real: Array, synthetic: Array, seed: int = 1) -> float:
    """AUROC of a linear layer that learns, from one half, to tell made-up (m, d) from real (n, d); 0.5 is best.

    Source: Lopez-Paz and Oquab, *Revisiting classifier two-sample tests* (arXiv:1610.06545).
    """
    both = np.concatenate([real, synthetic])
    truth = np.repeat([0.0, 1.0], [len(real), len(synthetic)])
    scores, rng = [], np.random.default_rng(seed)
    order = rng.permutation(len(both))
    for learn, ask in ((order[::2], order[1::2]), (order[1::2], order[::2])):
        targets = truth[learn, None].astype(np.float32)
        weight, bias = probe(both[learn], targets, np.ones_like(targets), Recipe((), exclusive=False))
        scores.append(auroc((both[ask] @ weight.T + bias)[:, 0], truth[ask] > 0.5))
    return float(np.mean(scores))
