"""Chooses the probability from which a finding counts as present, on validation data; measures it on other data."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from node.plugin import Interval
from radnode_kit.calibration import Floats
from radnode_kit.metrics import wilson

RULES = {
    "youden": "highest sensitivity + specificity - 1 on the validation part, averaged over sources",
    "majority": "0.5, so that at most one of the mutually exclusive findings is ever present",
}


def choose_threshold(
    probabilities: Floats, truth: npt.NDArray[np.bool_], sources: npt.NDArray[np.str_], rule: str
) -> float:
    """The threshold by one of :data:`RULES` for (n,) probabilities; in the middle of the best run of thresholds."""
    if rule == "majority":
        return 0.5
    grid = np.linspace(0.02, 0.98, 193)
    values = np.mean(
        [_youden(probabilities[sources == s], truth[sources == s], grid) for s in np.unique(sources)], axis=0
    )
    best = np.flatnonzero(values >= values.max() - 1e-9)
    return round(float(grid[best[len(best) // 2]]), 3)


def _youden(probabilities: Floats, truth: npt.NDArray[np.bool_], grid: Floats) -> Floats:
    above = probabilities[None, :] >= grid[:, None]
    return np.asarray(above[:, truth].mean(axis=1) - above[:, ~truth].mean(axis=1))


def sensitivity_specificity(
    probabilities: Floats, truth: npt.NDArray[np.bool_], threshold: float
) -> tuple[Interval, Interval]:
    """Both with Wilson's 95 % interval for (n,) probabilities."""
    present = probabilities >= threshold
    return wilson(int(present[truth].sum()), int(truth.sum())), wilson(
        int((~present)[~truth].sum()), int((~truth).sum())
    )
