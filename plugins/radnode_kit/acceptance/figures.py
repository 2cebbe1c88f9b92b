"""The figures of one finding, over the cases that the plugin answered and whose label is known.

Intervals are 95 %: DeLong for the AUROC (Newcombe where nothing overlaps), or the bootstrap over patients when one has
several cases; Wilson for shares; the bootstrap over patients for everything else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from node.plugin import FindingSpec, Interval, OperatingPoint
from radnode_kit.acceptance.resampling import Measure, Resamples, Rows, area_of, mean_of, precision_of, whole
from radnode_kit.calibration import Floats
from radnode_kit.metrics import (
    DELONG,
    Bin,
    Truth,
    auroc_interval,
    chance_error,
    precision_recall,
    reliability,
    reliability_error,
    risk_coverage,
    roc,
    wilson,
)

BOOTSTRAP = "bootstrap over patients"
_MOST_POINTS = 400
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval, and how that was found."""

    value: float
    low: float
    high: float
    method: str


@dataclass(frozen=True)
class Share:
    """`hits` of `total` with Wilson's interval; value NaN and interval 0..1 when there is nothing to count."""

    value: float
    low: float
    high: float
    hits: int
    total: int


@dataclass(frozen=True)
class Scored:
    """The answered cases.

    Attributes:
        probabilities: (n, k), of each finding.
        truth: (n, k), 1, 0 or NaN.
        patients: (n,).
        groups: (n,) of {trait: subgroup}, see :mod:`.traits`.
    """

    probabilities: Floats
    truth: Floats
    patients: npt.NDArray[np.str_]
    groups: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class Column:
    """One finding of the answered cases with a known label: m of them.

    Attributes:
        values: (m,) probabilities.
        truth: (m,).
        rows: (m,) their places among all answered cases.
        patients: (m,) whose they are.
        resamples: draws over all answered cases.
    """

    values: Floats
    truth: Truth
    rows: Rows
    patients: npt.NDArray[np.str_]
    resamples: Resamples

    def part(self, chosen: Truth) -> Column:
        """Some of its cases."""
        some = (self.values[chosen], self.truth[chosen], self.rows[chosen], self.patients[chosen])
        return Column(*some, self.resamples)

    @property
    def repeats(self) -> bool:
        """Whether a patient has several cases."""
        return len(np.unique(self.patients)) < len(self.rows)

    @property
    def area(self) -> Measure:
        """AUROC in each draw."""
        return area_of(self.values, self.truth, self.rows)

    def estimate(self, measure: Measure) -> Estimate:
        """A figure with its bootstrap interval."""
        low, high = self.resamples.interval(measure)
        return Estimate(self.whole(measure), low, high, BOOTSTRAP)

    def whole(self, measure: Measure) -> float:
        """A figure of the cases as they are."""
        return whole(measure, int(self.rows.max(initial=0)) + 1)


@dataclass(frozen=True)
class Discrimination:
    """How well the probabilities separate the diseased from the healthy; `auroc_delong` beside a bootstrap `auroc`."""

    auroc: Estimate
    auroc_delong: Estimate
    average_precision: Estimate
    prevalence: Share
    roc: Points
    precision_recall: Points


@dataclass(frozen=True)
class Operation:
    """What the manifest's threshold does on these cases, and what the manifest says of it."""

    threshold: float
    sensitivity: Share
    specificity: Share
    ppv: Share
    npv: Share
    stated_sensitivity: Interval
    stated_specificity: Interval
    stated_source: str

    @property
    def is_stated(self) -> bool:
        """Whether the manifest knows both figures, so that they are a point of the ROC plot."""
        return self.stated_sensitivity.known and self.stated_specificity.known


@dataclass(frozen=True)
class Calibration:
    """Whether a probability means what it says.

    Attributes:
        ece: expected calibration error over `bins`, which hold about equally many cases.
        ece_by_chance: what honest probabilities stay below in 95 % of samples of this size.
        brier: mean squared difference of probability and truth.
        bins: of the reliability diagram.
    """

    ece: float
    ece_by_chance: float
    brier: Estimate
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Certainty:
    """What refusing the uncertain would gain.

    Attributes:
        undetermined_band: of the manifest; None: every probability is an answer.
        undetermined: share of the cases inside the band.
        missed: diseased that are called absent, of all the diseased.
        false_alarms: healthy that are called present, of all the healthy.
        wrong_outside: wrong answers among those outside the band.
        stated_error_rate: what the manifest promises for `missed` and `false_alarms`; 0: nothing.
        risk_coverage: (coverage, risk); the certainty is the distance from the threshold in logits.
        aurc: mean risk over all coverages.
    """

    undetermined_band: tuple[float, float] | None
    undetermined: Share
    missed: Share
    false_alarms: Share
    wrong_outside: Share
    stated_error_rate: float
    risk_coverage: Points
    aurc: float


def column_of(scored: Scored, index: int, resamples: Resamples) -> Column:
    """The cases whose label for a finding is known."""
    rows = np.flatnonzero(~np.isnan(scored.truth[:, index]))
    values, truth = scored.probabilities[rows, index], scored.truth[rows, index] > 0.5
    return Column(values, truth, rows, scored.patients[rows], resamples)


def discrimination(column: Column) -> Discrimination:
    """See :class:`Discrimination`."""
    _, precision, recall = precision_recall(column.values, column.truth)
    return Discrimination(
        auroc=area(column),
        auroc_delong=_by_ranks(column),
        average_precision=column.estimate(precision_of(column.values, column.truth, column.rows)),
        prevalence=share(column.truth),
        roc=points(*roc(column.values, column.truth)),
        precision_recall=points(recall, precision),
    )


def area(column: Column) -> Estimate:
    """AUROC; DeLong's interval where each patient has one case, else by the bootstrap (unless nothing overlaps)."""
    by_ranks = _by_ranks(column)
    return column.estimate(column.area) if column.repeats and by_ranks.method == DELONG else by_ranks


def _by_ranks(column: Column) -> Estimate:
    found, method = auroc_interval(column.values, column.truth)
    return Estimate(found.value, found.low, found.high, method)


def operation(column: Column, point: OperatingPoint) -> Operation:
    """See :class:`Operation`."""
    present = column.values >= point.threshold
    return Operation(
        threshold=point.threshold,
        sensitivity=share(present[column.truth]),
        specificity=share(~present[~column.truth]),
        ppv=share(column.truth[present]),
        npv=share(~column.truth[~present]),
        stated_sensitivity=point.sensitivity,
        stated_specificity=point.specificity,
        stated_source=point.source,
    )


def calibration(column: Column) -> Calibration:
    """See :class:`Calibration`."""
    bins = reliability(column.values, column.truth)
    squares = (column.values - column.truth) ** 2
    error, chance = reliability_error(bins), chance_error(column.values)
    return Calibration(error, chance, column.estimate(mean_of(squares, column.rows)), bins)


def certainty(column: Column, spec: FindingSpec) -> Certainty:
    """See :class:`Certainty`."""
    point, values, truth = spec.operating_point, column.values, column.truth
    low, high = point.undetermined or (point.threshold, point.threshold)
    inside = (values >= low) & (values < high)
    wrong = (values >= point.threshold) != truth
    curve = risk_coverage(np.abs(_logit(values) - _logit(np.array([point.threshold]))), wrong)
    return Certainty(
        undetermined_band=point.undetermined,
        undetermined=share(inside),
        missed=share(values[truth] < low),
        false_alarms=share(values[~truth] >= high),
        wrong_outside=share(wrong[~inside]),
        stated_error_rate=point.error_rate,
        risk_coverage=points(*curve),
        aurc=float(curve[1].mean()) if len(truth) else math.nan,
    )


def _logit(probabilities: Floats) -> Floats:
    p = np.clip(probabilities, 1e-12, 1.0 - 1e-12)
    return np.asarray(np.log(p) - np.log1p(-p))


def share(hits: Truth) -> Share:
    """How many of the cases."""
    counted, total = int(hits.sum()), len(hits)
    interval = wilson(counted, total)
    return Share(counted / total if total else math.nan, interval.low, interval.high, counted, total)


def points(across: Floats, up: Floats) -> Points:
    """A curve with few enough points to draw: all of them, or four hundred and both ends."""
    chosen = np.unique(np.linspace(0, len(across) - 1, min(len(across), _MOST_POINTS)).astype(int))
    return tuple((float(x), float(y)) for x, y in zip(across[chosen], up[chosen], strict=True))
