"""How the answers for the slices of a series become one answer: a pure function over probabilities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radnode_kit.calibration import Floats

TOP_SHARE = 0.1


def smooth(values: Floats) -> Floats:
    """Mean of each slice and its two neighbours (n, k); the ends repeat. One odd slice alone counts a third."""
    if len(values) < 3:
        return values
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3.0)


def join_slices(probabilities: Floats, reference: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """One softmax row for a series, and its slices from the most to the least suspicious.

    A lesion fills a few neighbouring slices, so a mean over the series would drown it, and a maximum would take the
    worst mistake among hundreds of slices. Joined are the top tenth of the slices (one at least) by the smoothed
    probability of not being the reference class; their mean sums to one, as its parts do.

    Args:
        probabilities: (n, k), one softmax row for each slice, in the order of space.
        reference: the class that means nothing was found.
    """
    smoothed = smooth(probabilities)
    order = np.argsort(smoothed[:, reference], kind="stable")
    top = order[: max(1, round(TOP_SHARE * len(order)))]
    return np.asarray(smoothed[top].mean(axis=0)), order
