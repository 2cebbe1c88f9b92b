"""Figures of merit and their 95 % confidence intervals. numpy only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from node.plugin import Interval
from radnode_kit.calibration import Floats
from radnode_kit.dataset import Dataset

Truth = npt.NDArray[np.bool_]


def auroc(values: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Chance that a diseased value exceeds a healthy one, ties half; NaN when either kind is missing."""
    v, t = np.asarray(values, dtype=np.float64), np.asarray(truth, dtype=bool)
    positive, negative = int(t.sum()), int((~t).sum())
    if positive == 0 or negative == 0:
        return float("nan")
    _, place, count = np.unique(v, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2.0)[place]
    return float((ranks[t].sum() - positive * (positive + 1) / 2.0) / (positive * negative))


def macro_auroc(values: Floats, classes: npt.NDArray[np.int64]) -> float:
    """Mean one-against-the-rest AUROC over the columns of (n, k)."""
    return float(np.nanmean([auroc(values[:, c], classes == c) for c in range(values.shape[1])]))


def wilson(hits: int, total: int) -> Interval:
    """Wilson's score interval of a share; (0, 0, 1) when there is nothing to count."""
    if total == 0:
        return Interval(0.0, 0.0, 1.0)
    z, share = 1.959964, hits / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    low = 0.0 if hits == 0 else float(centre - half)
    return Interval(share, low, 1.0 if hits == total else float(centre + half))


def bootstrap(
    measure: Callable[[npt.NDArray[np.int64]], float], groups: npt.NDArray[np.str_], rounds: int = 1000
) -> Interval:
    """A figure with the percentile interval over resampled patients.

    Args:
        measure: the figure for chosen rows (indices, with repeats).
        groups: (n,), patient of each row; all rows of a patient are drawn together.
        rounds: number of resamples.
    """
    names, member = np.unique(groups, return_inverse=True)
    rows = [np.flatnonzero(member == index) for index in range(len(names))]
    rng = np.random.default_rng(1)
    values = []
    for _ in range(rounds):
        drawn = rng.integers(0, len(names), len(names))
        values.append(measure(np.concatenate([rows[index] for index in drawn])))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Interval(measure(np.arange(len(groups))), float(low), float(high))


def calibration_error(probabilities: npt.ArrayLike, truth: npt.ArrayLike, bins: int = 10) -> float:
    """Expected calibration error over equal-width bins of (n,) probabilities."""
    p, t = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    place = np.minimum((p * bins).astype(int), bins - 1)
    gaps = [
        abs(p[place == b].mean() - t[place == b].mean()) * (place == b).sum() for b in range(bins) if (place == b).any()
    ]
    return float(sum(gaps) / len(p))


def score(logits: npt.ArrayLike, data: Dataset) -> float:
    """What training watches: mean AUROC over the sources and labels that a data set tells."""
    values, scores = np.asarray(logits, dtype=np.float64), []
    for source in np.unique(data.sources):
        here = data.sources == source
        for column in range(values.shape[1]):
            known = here & ~np.isnan(data.targets[:, column])
            if known.any():
                scores.append(auroc(values[known, column], data.targets[known, column] > 0.5))
    return float(np.nanmean(scores))
