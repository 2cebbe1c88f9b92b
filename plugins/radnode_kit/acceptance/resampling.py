"""Intervals by the bootstrap over patients, for many figures at once: every figure sees the same draws.

A draw is a row of weights, how often each case was drawn; figures are functions of many such rows, so that thousands of
draws cost a few matrix operations and differences between figures are paired.

Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile interval); patients are
drawn, not cases, as the cases of one patient are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from radnode_kit.calibration import Floats
from radnode_kit.metrics import Truth

Rows = npt.NDArray[np.int64]
#: Weights (r, n) of r draws -> the figure (r,) in each of them; NaN where a draw does not tell.
Measure = Callable[[Floats], Floats]

_CELLS = 4_000_000  # weights in memory at a time


class Resamples:
    """Draws of patients with replacement.

    Args:
        patients: (n,), patient of each case; all cases of a patient are drawn together.
        rounds: number of draws.
        seed: the same seed gives the same draws.
    """

    def __init__(self, patients: npt.NDArray[np.str_], rounds: int = 2000, seed: int = 1):
        names, self._member = np.unique(patients, return_inverse=True)
        self._patients, self._rounds, self._seed = len(names), rounds, seed

    def interval(self, measure: Measure, level: float = 0.95) -> tuple[float, float]:
        """The percentile interval of a figure; NaN when no draw tells."""
        if not self._patients:
            return float("nan"), float("nan")
        values = np.concatenate([measure(weights) for weights in self._draws()])
        values = values[np.isfinite(values)]
        if not len(values):
            return float("nan"), float("nan")
        tail = (1.0 - level) / 2.0
        low, high = np.quantile(values, [tail, 1.0 - tail])
        return float(low), float(high)

    def _draws(self) -> Iterator[Floats]:
        rng = np.random.default_rng(self._seed)
        patients = self._patients
        step = max(1, _CELLS // len(self._member))
        for start in range(0, self._rounds, step):
            rounds = min(step, self._rounds - start)
            drawn = rng.integers(0, patients, (rounds, patients)) + patients * np.arange(rounds)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=rounds * patients).reshape(rounds, patients)
            yield counts[:, self._member].astype(np.float64)


def whole(measure: Measure, cases: int) -> float:
    """The figure of the data as they are."""
    return float(measure(np.ones((1, cases)))[0])


def mean_of(values: npt.ArrayLike, rows: Rows) -> Measure:
    """The mean of `values` (one for each of `rows`) over the drawn cases: shares, Brier score, accuracy."""
    numbers = np.asarray(values, dtype=np.float64)

    def measure(weights: Floats) -> Floats:
        chosen = weights[:, rows]
        return _ratio(chosen @ numbers, chosen.sum(axis=1))

    return measure


def area_of(values: npt.ArrayLike, truth: Truth, rows: Rows) -> Measure:
    """AUROC of `values` and `truth`, one for each of `rows`."""
    split = _by_level(np.asarray(values, dtype=np.float64), truth, rows)

    def measure(weights: Floats) -> Floats:
        diseased, healthy = split(weights)
        below = np.cumsum(healthy, axis=1) - healthy / 2.0
        return _ratio((diseased * below).sum(axis=1), diseased.sum(axis=1) * healthy.sum(axis=1))

    return measure


def precision_of(values: npt.ArrayLike, truth: Truth, rows: Rows) -> Measure:
    """Average precision of `values` and `truth`, one for each of `rows`."""
    split = _by_level(-np.asarray(values, dtype=np.float64), truth, rows)

    def measure(weights: Floats) -> Floats:
        diseased, healthy = split(weights)
        hits, alarms = np.cumsum(diseased, axis=1), np.cumsum(healthy, axis=1)
        precision = np.divide(hits, hits + alarms, out=np.zeros_like(hits), where=hits + alarms > 0)
        return _ratio((diseased * precision).sum(axis=1), diseased.sum(axis=1))

    return measure


def mean_measure(measures: Sequence[Measure]) -> Measure:
    """The mean of several figures in each draw, without those that a draw does not tell."""

    def measure(weights: Floats) -> Floats:
        values = np.stack([each(weights) for each in measures])
        known = np.isfinite(values)
        return _ratio(np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))

    return measure


def difference(one: Measure, other: Measure) -> Measure:
    """How much higher the one figure is than the other in the same draw."""
    return lambda weights: one(weights) - other(weights)


def _by_level(values: Floats, truth: Truth, rows: Rows) -> Callable[[Floats], tuple[Floats, Floats]]:
    """Splits weights (r, n) into those of the diseased and of the healthy, summed for each value, ascending."""
    order = np.argsort(values, kind="stable")
    _, starts = np.unique(values[order], return_index=True)
    sick, chosen = truth[order].astype(np.float64), rows[order]

    def split(weights: Floats) -> tuple[Floats, Floats]:
        drawn = weights[:, chosen]
        diseased = np.add.reduceat(drawn * sick, starts, axis=1)
        return diseased, np.add.reduceat(drawn, starts, axis=1) - diseased

    return split


def _ratio(upper: Floats, lower: Floats) -> Floats:
    return np.asarray(np.divide(upper, lower, out=np.full(len(upper), np.nan), where=lower > 0))
