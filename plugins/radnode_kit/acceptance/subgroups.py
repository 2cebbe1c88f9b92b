"""The figures of one finding in subgroups, and how far the best of them is from the worst."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from radnode_kit.acceptance.figures import BOOTSTRAP, Column, Estimate, Share, area, share
from radnode_kit.acceptance.resampling import Measure, difference, mean_of
from radnode_kit.acceptance.traits import NAMES, UNKNOWN
from radnode_kit.metrics import wilson

FIGURES = ("auroc", "sensitivity", "specificity")
#: Cases of a kind that a subgroup needs before it is compared with others.
MIN_CASES = 10
_MOST_GROUPS = 12
_OTHERS = "others"


@dataclass(frozen=True)
class Subgroup:
    """One subgroup, e.g. ``sex`` ``F``; `auroc` has value NaN when a kind is missing."""

    trait: str
    name: str
    cases: int
    positives: int
    auroc: Estimate
    sensitivity: Share
    specificity: Share


@dataclass(frozen=True)
class Gap:
    """How much better a figure is in the best subgroup than in the worst.

    Attributes:
        trait: what divides them.
        figure: one of :data:`FIGURES`.
        best: name of the best subgroup.
        worst: name of the worst.
        gap: difference with its bootstrap interval over patients; for shares widened to that by Wilson's intervals of
            the two, since the bootstrap sees no chance in a subgroup without an error (Newcombe, Statistics in Medicine
            1998;17:873, method 10). Best and worst are picked among k subgroups, so the level is raised to
            1 - 0.05 / (number of pairs) (Bonferroni).
        flagged: the interval excludes 0.
    """

    trait: str
    figure: str
    best: str
    worst: str
    gap: Estimate
    flagged: bool


def subgroups(
    column: Column, groups: tuple[dict[str, str], ...], threshold: float
) -> tuple[tuple[Subgroup, ...], tuple[Gap, ...]]:
    """Figures and gaps by every trait that divides the cases of a finding. Args: groups: of all answered cases."""
    rows: list[Subgroup] = []
    gaps: list[Gap] = []
    for trait in NAMES:
        names = _names([groups[row][trait] for row in column.rows])
        parts = {name: column.part(names == name) for name in _ordered(names)}
        if len(parts) < 2:
            continue
        rows += [_subgroup(trait, name, part, threshold) for name, part in parts.items()]
        known = {name: part for name, part in parts.items() if name not in (UNKNOWN, _OTHERS)}
        gaps += [gap for figure in FIGURES if (gap := _gap(trait, figure, known, threshold))]
    return tuple(rows), tuple(gaps)


def _names(values: list[str]) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """With the rarest put together when there are too many."""
    common = {name for name, _ in Counter(values).most_common(_MOST_GROUPS)}
    return np.array([value if value in common else _OTHERS for value in values], dtype=np.str_)


def _ordered(names: np.ndarray[tuple[int], np.dtype[np.str_]]) -> list[str]:
    """By the alphabet (ages by age), what is unknown last."""
    return sorted({str(name) for name in names}, key=lambda name: (name in (UNKNOWN, _OTHERS), _age(name), name))


def _age(name: str) -> int:
    return -1 if name.startswith("under ") else 0


def _subgroup(trait: str, name: str, part: Column, threshold: float) -> Subgroup:
    present, truth = part.values >= threshold, part.truth
    sensitivity, specificity = share(present[truth]), share(~present[~truth])
    return Subgroup(trait, name, len(truth), int(truth.sum()), area(part), sensitivity, specificity)


@dataclass(frozen=True)
class _Figure:
    """`kinds`: of which a subgroup must have enough; `measure`: in each draw, for a threshold."""

    kinds: tuple[bool, ...]
    measure: Callable[[Column, float], Measure]


def _rate(kind: bool) -> Callable[[Column, float], Measure]:
    """Share of a kind that is called what it is."""

    def measure(part: Column, threshold: float) -> Measure:
        of_kind = part.truth == kind
        right = (part.values[of_kind] >= threshold) == kind
        return mean_of(right, part.rows[of_kind])

    return measure


_FIGURES = {
    "auroc": _Figure((True, False), lambda part, threshold: part.area),
    "sensitivity": _Figure((True,), _rate(True)),
    "specificity": _Figure((False,), _rate(False)),
}


def _gap(trait: str, name: str, parts: dict[str, Column], threshold: float) -> Gap | None:
    figure = _FIGURES[name]
    fit = {
        group: part
        for group, part in parts.items()
        if all(int((part.truth == kind).sum()) >= MIN_CASES for kind in figure.kinds)
    }
    if len(fit) < 2:
        return None
    values = {group: part.whole(figure.measure(part, threshold)) for group, part in fit.items()}
    best, worst = max(values, key=values.__getitem__), min(values, key=values.__getitem__)
    apart = difference(figure.measure(fit[best], threshold), figure.measure(fit[worst], threshold))
    level = 1.0 - 0.05 / math.comb(len(fit), 2)
    gap, (low, high) = values[best] - values[worst], fit[best].resamples.interval(apart, level)
    if len(figure.kinds) == 1:
        counts = [_counts(fit[group], figure.kinds[0], threshold) for group in (best, worst)]
        below, above = hybrid(counts[0], counts[1], level)
        low, high = min(low, below), max(high, above)
    method = f"{BOOTSTRAP}, {level:.2%}"
    return Gap(trait, name, best, worst, Estimate(gap, low, high, method), low > 0.0)


def _counts(part: Column, kind: bool, threshold: float) -> tuple[int, int]:
    """How many of a kind are called what they are, of how many."""
    right = (part.values[part.truth == kind] >= threshold) == kind
    return int(right.sum()), len(right)


def hybrid(one: tuple[int, int], other: tuple[int, int], level: float) -> tuple[float, float]:
    """The interval of the difference of two shares (hits, total) from Wilson's interval of each."""
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    a, b = wilson(*one, z), wilson(*other, z)
    gap = a.value - b.value
    below = math.hypot(a.value - a.low, b.high - b.value)
    return gap - below, gap + math.hypot(a.high - a.value, b.value - b.low)
