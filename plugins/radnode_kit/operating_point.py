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


def conformal_limits(
    probabilities: Floats, truth: npt.NDArray[np.bool_], sources: npt.NDArray[np.str_], rate: float
) -> tuple[float, float]:
    """(lower, upper) limits of (n,) probabilities: absent below the lower, present from the upper.

    Split-conformal with a limit for each class (Sadinle et al., arXiv:1609.00451): of new diseased cases a share of at
    most `rate` falls below the lower limit, of new healthy ones at most that share reaches the upper one, if they come
    from where the validation part came from. The strictest limits over the sources count, so that it holds in each.
    """
    telling = [name for name in np.unique(sources) if 0 < truth[sources == name].sum() < (sources == name).sum()]
    low = min(_quantile_below(probabilities[(sources == name) & truth], rate) for name in telling)
    high = max(1.0 - _quantile_below(1.0 - probabilities[(sources == name) & ~truth], rate) for name in telling)
    return low, high


def settled(
    threshold: float, limits: tuple[float, float], *, movable: bool = True
) -> tuple[float, tuple[float, float] | None]:
    """The operating point and the band around it that is no answer, from a wish and the limits.

    Where the limits leave no band between them, every point from the upper to the lower one keeps both errors: a
    `movable` wish goes there. One that is not (half, of exclusive findings) gets a band that reaches to the limit.
    """
    low, high = (round(value, 3) for value in limits)
    if high <= low and movable:
        return min(max(threshold, high), low), None
    band = (min(low, threshold), max(high, threshold))
    return threshold, band if band[0] < band[1] else None


def _quantile_below(values: Floats, rate: float) -> float:
    """The largest limit below which a new value falls with a chance of at most `rate`; 0 when there are too few."""
    rank = int(np.floor(rate * (len(values) + 1)))
    return float(np.sort(values)[rank - 1]) if rank >= 1 else 0.0
