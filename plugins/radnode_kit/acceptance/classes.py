"""The figures of a plugin whose findings exclude each other: every case has exactly one class, or none of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radnode_kit.acceptance.figures import BOOTSTRAP, Estimate, Points, Scored, points
from radnode_kit.acceptance.resampling import Measure, Resamples, area_of, mean_measure, mean_of, whole
from radnode_kit.calibration import Floats
from radnode_kit.metrics import risk_coverage

NONE = "none of them"
_NEVER = 1e-6


@dataclass(frozen=True)
class Classes:
    """Over the n cases whose every label is known.

    Attributes:
        names: of the classes.
        cases: n.
        accuracy: share whose most probable class is the true one.
        macro_auroc: mean over the classes of the AUROC of each against the rest.
        confusion: rows are the true classes, columns the most probable ones.
        risk_coverage: (coverage, risk); the certainty is the probability of the most probable class.
        aurc: mean risk over all coverages.
    """

    names: tuple[str, ...]
    cases: int
    accuracy: Estimate
    macro_auroc: Estimate
    confusion: tuple[tuple[int, ...], ...]
    risk_coverage: Points
    aurc: float


def classes(scored: Scored, names: tuple[str, ...], resamples: Resamples) -> Classes | None:
    """See :class:`Classes`; None when no case has all its labels."""
    rows = np.flatnonzero(~np.isnan(scored.truth).any(axis=1))
    if not len(rows):
        return None
    truth, values = _with_none(scored.truth[rows]), _with_none(scored.probabilities[rows])
    if not truth[:, -1].any() and values[:, -1].max() < _NEVER:  # a plugin without a class for nothing
        truth, values = truth[:, :-1], values[:, :-1]
    else:
        names = (*names, NONE)
    true, called = truth.argmax(axis=1), values.argmax(axis=1)
    confusion = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(confusion, (true, called), 1)
    areas = [area_of(values[:, index], true == index, rows) for index in range(len(names))]
    coverage, risk = risk_coverage(values.max(axis=1), true != called)
    return Classes(
        names=names,
        cases=len(rows),
        accuracy=_estimate(mean_of(true == called, rows), resamples, len(scored.truth)),
        macro_auroc=_estimate(mean_measure(areas), resamples, len(scored.truth)),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        risk_coverage=points(coverage, risk),
        aurc=float(risk.mean()),
    )


def _with_none(values: Floats) -> Floats:
    """With one more column for what is left to one."""
    return np.concatenate([values, np.clip(1.0 - values.sum(axis=1, keepdims=True), 0.0, 1.0)], axis=1)


def _estimate(measure: Measure, resamples: Resamples, cases: int) -> Estimate:
    low, high = resamples.interval(measure)
    return Estimate(whole(measure, cases), low, high, BOOTSTRAP)
