"""Focus: in a mosaic of two images with a finding and two without, how much evidence lies on the right two?

Source: Arias-Duart et al., Focus! (arXiv:2109.15035). It needs no marked places. Chance is one half.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.progress import track

from node.plugin import Array, Interval
from radnode_kit.calibration import Floats
from radnode_kit.explanations.faithfulness import mean_interval
from radnode_kit.explanations.methods import METHODS
from radnode_kit.explanations.subject import Columns, Subject

#: The normalised image (c, s, s) of an index.
Picture = Callable[[int], Array]


@dataclass(frozen=True)
class Mosaic:
    """Four pictures in two rows of two, in reading order.

    Attributes:
        members: index of each picture.
        positive: which of them have the finding; two do.
        column: of that finding.
    """

    members: tuple[int, int, int, int]
    positive: tuple[bool, bool, bool, bool]
    column: int


@dataclass(frozen=True)
class Focus:
    """Shares of positive evidence on the right pictures.

    Attributes:
        names: of the m methods.
        shares: (m, n) of n mosaics; NaN where a method saw no positive evidence at all.
    """

    names: tuple[str, ...]
    shares: Floats

    def mean(self, name: str) -> Interval:
        """The mean share of a method, with its interval over mosaics."""
        row = self.shares[self.names.index(name)]
        known = row[np.isfinite(row)]
        return mean_interval(known, np.arange(len(known)).astype(str))


def draw(targets: Array, sources: npt.NDArray[np.str_], columns: Columns, count: int, seed: int) -> list[Mosaic]:
    """Mosaics of pictures from one source each, for the labels `columns` in turn.

    Args:
        targets: (n, k) of the pictures: 1, 0 or NaN; what is not known has no place in a mosaic.
        sources: (n,): pictures of two sources differ in more than the finding.
        columns: labels to draw for.
        count: number of mosaics, less when some label or source has too few pictures.
        seed: the same seed gives the same mosaics.
    """
    rng = np.random.default_rng(seed)
    kinds = [(int(column), source) for source in np.unique(sources) for column in columns]
    pools = [
        (column, np.flatnonzero(here & (targets[:, column] == 1)), np.flatnonzero(here & (targets[:, column] == 0)))
        for column, source in kinds
        for here in [sources == source]
    ]
    pools = [pool for pool in pools if len(pool[1]) >= 2 and len(pool[2]) >= 2]
    return [_one(rng, *pools[number % len(pools)]) for number in range(count if pools else 0)]


def _one(rng: np.random.Generator, column: int, present: Columns, absent: Columns) -> Mosaic:
    chosen = [(int(i), True) for i in rng.choice(present, 2, replace=False)]
    chosen += [(int(i), False) for i in rng.choice(absent, 2, replace=False)]
    a, b, c, d = (chosen[place] for place in rng.permutation(4))
    return Mosaic((a[0], b[0], c[0], d[0]), (a[1], b[1], c[1], d[1]), column)


def joined(picture: Picture, mosaic: Mosaic) -> Array:
    """Its four pictures -> (c, 2 s, 2 s)."""
    a, b, c, d = (picture(index) for index in mosaic.members)
    return np.concatenate([np.concatenate([a, b], axis=2), np.concatenate([c, d], axis=2)], axis=1)


def share(evidence: Array, positive: tuple[bool, bool, bool, bool]) -> float:
    """Share of the positive evidence (h, w) in the quadrants that are `positive`; NaN when there is none."""
    h, w = evidence.shape[0] // 2, evidence.shape[1] // 2
    quadrants = np.maximum(evidence, 0.0)[: 2 * h, : 2 * w].reshape(2, h, 2, w).sum(axis=(1, 3), dtype=np.float64)
    total = quadrants.sum()
    return float(quadrants.ravel()[list(positive)].sum() / total) if total > 0 else float("nan")


def compare(subject: Subject, picture: Picture, mosaics: list[Mosaic]) -> Focus:
    """Every method on the same mosaics."""
    names = tuple(METHODS)
    shares = np.full((len(names), len(mosaics)), np.nan)
    for number, mosaic in enumerate(track(mosaics, description="mosaics")):
        image = np.ascontiguousarray(joined(picture, mosaic)[None])
        for row, name in enumerate(names):
            evidence = METHODS[name](subject, image, np.array([mosaic.column]))[0]
            shares[row, number] = share(evidence, mosaic.positive)
    return Focus(names, shares)
