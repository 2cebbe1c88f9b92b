"""Figures of merit and their 95 % confidence intervals. numpy only.

Values are probabilities or any other score that is higher for the diseased; truth is True for them. Where patients
have several cases, see :mod:`radnode_kit.acceptance.resampling` for intervals over many figures at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from node.plugin import Interval
from radnode_kit.calibration import Floats

Truth = npt.NDArray[np.bool_]
#: Two-sided 95 % of the normal distribution.
Z = 1.959964
#: Methods of an interval.
DELONG, NEWCOMBE = "DeLong", "Newcombe"


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram.

    Attributes:
        predicted: mean probability of its cases.
        observed: share of them that are diseased, with Wilson's interval.
        count: cases in it.
    """

    predicted: float
    observed: Interval
    count: int


def auroc(values: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Chance that a diseased value exceeds a healthy one, ties half; NaN when either kind is missing."""
    v, t = np.asarray(values, dtype=np.float64), np.asarray(truth, dtype=bool)
    positive, negative = int(t.sum()), int((~t).sum())
    if positive == 0 or negative == 0:
        return float("nan")
    return float((midranks(v)[t].sum() - positive * (positive + 1) / 2.0) / (positive * negative))


def midranks(values: Floats) -> Floats:
    """Ranks (n,) from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2.0)[place])


def auroc_interval(values: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Interval, str]:
    """AUROC with its interval, cut at 0 and 1, and the interval's method; NaN when either kind is missing.

    DeLong's, except where that has no width: when the kinds do not overlap, or there is but one case of a kind, it is
    :func:`newcombe`'s.
    """
    t, area = np.asarray(truth, dtype=bool), auroc(values, truth)
    positive, negative = int(t.sum()), int((~t).sum())
    if positive == 0 or negative == 0:
        return Interval(area, area, area), DELONG
    variance = delong_variance(values, truth)
    if not variance > 0.0:
        return newcombe(area, positive, negative), NEWCOMBE
    half = Z * float(np.sqrt(variance))
    return Interval(area, max(0.0, area - half), min(1.0, area + half)), DELONG


def delong_variance(values: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Variance of the AUROC; NaN with fewer than two cases of a kind.

    Source: DeLong et al., Biometrics 1988;44:837; the algorithm by ranks of Sun and Xu, IEEE Signal Processing Letters
    2014;21:1389.
    """
    v, t = np.asarray(values, dtype=np.float64), np.asarray(truth, dtype=bool)
    positive, negative = int(t.sum()), int((~t).sum())
    if min(positive, negative) < 2:
        return float("nan")
    ranks = midranks(v)
    healthy_below = (ranks[t] - midranks(v[t])) / negative  # of each diseased, as a share; ties half
    diseased_above = 1.0 - (ranks[~t] - midranks(v[~t])) / positive  # of each healthy
    return float(healthy_below.var(ddof=1) / positive + diseased_above.var(ddof=1) / negative)


def newcombe(area: float, positive: int, negative: int) -> Interval:
    """An interval for an AUROC that is sensible at 0 and 1 too: the score method with Hanley and McNeil's variance.

    Source: Newcombe, Statistics in Medicine 2006;25:559, method 5. Found by halving.
    """
    n = (positive + negative) / 2.0

    def outside(theta: float) -> bool:
        spread = 1.0 + (n - 1.0) * ((1.0 - theta) / (2.0 - theta) + theta / (1.0 + theta))
        return (area - theta) ** 2 > Z * Z * theta * (1.0 - theta) * spread / (positive * negative)

    ends = []
    for end in (0.0, 1.0):
        far, near = end, area
        for _ in range(60):
            middle = (far + near) / 2.0
            far, near = (middle, near) if outside(middle) else (far, middle)
        ends.append(near)
    return Interval(area, ends[0], ends[1])


def average_precision(values: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Area under the precision-recall curve by steps, ties together; NaN without a diseased case."""
    _, precision, recall = precision_recall(values, truth)
    return float((np.diff(recall, prepend=0.0) * precision).sum()) if len(recall) else float("nan")


def precision_recall(values: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """(thresholds, precision, recall), the highest threshold first; empty without a diseased case."""
    thresholds, hits, alarms = _called(values, truth)
    if not len(hits) or hits[-1] == 0:
        return np.empty(0), np.empty(0), np.empty(0)
    return thresholds, hits / (hits + alarms), hits / hits[-1]


def roc(values: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Floats, Floats]:
    """(1 - specificity, sensitivity) from (0, 0) to (1, 1); empty when either kind is missing."""
    _, hits, alarms = _called(values, truth)
    if not len(hits) or hits[-1] == 0 or alarms[-1] == 0:
        return np.empty(0), np.empty(0)
    return np.concatenate([[0.0], alarms / alarms[-1]]), np.concatenate([[0.0], hits / hits[-1]])


def _called(values: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Different values from the highest, and how many diseased and healthy reach each of them."""
    v, t = np.asarray(values, dtype=np.float64), np.asarray(truth, dtype=bool)
    levels, place = np.unique(-v, return_inverse=True)
    hits = np.cumsum(np.bincount(place[t], minlength=len(levels)))
    alarms = np.cumsum(np.bincount(place[~t], minlength=len(levels)))
    return -levels, hits.astype(np.float64), alarms.astype(np.float64)


def macro_auroc(values: Floats, classes: npt.NDArray[np.int64]) -> float:
    """Mean one-against-the-rest AUROC over the columns of (n, k)."""
    return float(np.nanmean([auroc(values[:, c], classes == c) for c in range(values.shape[1])]))


def wilson(hits: int, total: int, z: float = Z) -> Interval:
    """Wilson's score interval of a share; (0, 0, 1) when there is nothing to count. Args: z: normal quantile."""
    if total == 0:
        return Interval(0.0, 0.0, 1.0)
    share = hits / total
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


def reliability(probabilities: npt.ArrayLike, truth: npt.ArrayLike, bins: int = 10) -> tuple[Bin, ...]:
    """Bins of about equally many cases, in order; equal probabilities stay in one bin, so there may be fewer."""
    p, t = np.asarray(probabilities, dtype=np.float64), np.asarray(truth, dtype=bool)
    order = np.argsort(p, kind="stable")
    p, t = p[order], t[order]
    edges = _edges(p, bins)
    return tuple(Bin(float(p[a:b].mean()), wilson(int(t[a:b].sum()), b - a), b - a) for a, b in pairwise(edges))


def _edges(ordered: Floats, bins: int) -> list[int]:
    """Where bins of about equally many of the ascending values begin and end, equal values together."""
    n = len(ordered)
    return sorted({0, n, *(int(np.searchsorted(ordered, ordered[n * index // bins])) for index in range(bins) if n)})


def chance_error(probabilities: npt.ArrayLike, bins: int = 10, rounds: int = 400) -> float:
    """The expected calibration error that honest probabilities stay below in 95 % of samples of this size.

    NaN without a case.
    """
    errors = chance_errors(probabilities, bins, rounds)
    return float(np.quantile(errors, 0.95)) if len(errors) else float("nan")


def chance_errors(probabilities: npt.ArrayLike, bins: int = 10, rounds: int = 400) -> Floats:
    """(rounds,) expected calibration errors that honest probabilities show by chance; empty without a case.

    Truth is drawn from the probabilities themselves (consistency resampling: Broecker and Smith, Weather and
    Forecasting 2007;22:651).
    """
    p = np.sort(np.asarray(probabilities, dtype=np.float64))
    if not len(p):
        return np.empty(0)
    starts, rng = _edges(p, bins)[:-1], np.random.default_rng(1)
    drawn = (rng.random(len(p)) < p for _ in range(rounds))
    return np.array([np.abs(np.add.reduceat(truth - p, starts)).sum() / len(p) for truth in drawn])


def reliability_error(table: tuple[Bin, ...]) -> float:
    """Expected calibration error over bins of equal mass; NaN without a bin."""
    total = sum(each.count for each in table)
    gaps = sum(each.count * abs(each.predicted - each.observed.value) for each in table)
    return gaps / total if total else float("nan")


def risk_coverage(certainty: npt.ArrayLike, wrong: npt.ArrayLike) -> tuple[Floats, Floats]:
    """(coverage, risk) as ever fewer of the least certain are refused: both (n,), from the most certain case on.

    Risk is the share of wrong answers among those that are kept. Equally certain cases share their errors evenly, so
    that their order does not matter. The mean risk is the area under the curve (Geifman and El-Yaniv,
    arXiv:1705.08500).
    """
    c, w = np.asarray(certainty, dtype=np.float64), np.asarray(wrong, dtype=np.float64)
    _, place, count = np.unique(-c, return_inverse=True, return_counts=True)
    shared = np.bincount(place, weights=w, minlength=len(count)) / count
    kept = np.arange(1, len(c) + 1)
    return kept / max(1, len(c)), np.cumsum(np.repeat(shared, count)) / kept
