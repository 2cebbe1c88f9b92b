"""The figures of a finding, against hand counts and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from node.plugin import Code, FindingSpec, Interval, OperatingPoint
from radnode_kit.acceptance.classes import NONE, classes
from radnode_kit.acceptance.figures import Column, Scored, area, column_of, points
from radnode_kit.acceptance.finding import FindingFigures, finding_figures
from radnode_kit.acceptance.resampling import Resamples
from radnode_kit.acceptance.subgroups import hybrid, subgroups
from radnode_kit.acceptance.traits import NAMES, UNKNOWN
from radnode_kit.metrics import wilson


def spec(threshold: float = 0.5, band: tuple[float, float] | None = None, error_rate: float = 0.0) -> FindingSpec:
    stated = Interval(0.9, 0.8, 1.0)
    point = OperatingPoint(threshold, stated, stated, "held back", band, error_rate)
    return FindingSpec("red", "Red", Code("1", "99TEST", "Red"), point)


def scored(
    p: list[float] | np.ndarray, truth: list[float] | np.ndarray, patients: list[str] | None = None, **traits: list[str]
) -> Scored:
    groups = tuple({name: traits.get(name, [UNKNOWN] * len(p))[i] for name in NAMES} for i in range(len(p)))
    names = np.array(patients or [f"p{i}" for i in range(len(p))], dtype=np.str_)
    return Scored(_table(p), _table(truth), names, groups)


def _table(values: list[float] | np.ndarray) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    return array if array.ndim == 2 else array[:, None]


def figures(data: Scored, of: FindingSpec | None = None, abstained: list[float] | None = None) -> FindingFigures:
    return finding_figures(data, 0, of or spec(), abstained or [], Resamples(data.patients, 300))


def column(data: Scored) -> Column:
    return column_of(data, 0, Resamples(data.patients, 300))


P = [0.95, 0.8, 0.55, 0.3, 0.6, 0.45, 0.2, 0.1]
TRUTH = [1, 1, 1, 1, 0, 0, 0, 0]


def test_the_operating_point_is_counted() -> None:
    operation = figures(scored(P, TRUTH)).operation
    assert (operation.sensitivity.hits, operation.sensitivity.total) == (3, 4)
    assert (operation.specificity.hits, operation.specificity.total) == (3, 4)
    assert (operation.ppv.hits, operation.ppv.total) == (3, 4)
    assert (operation.npv.hits, operation.npv.total) == (3, 4)
    assert (operation.sensitivity.low, operation.sensitivity.high) == (wilson(3, 4).low, wilson(3, 4).high)


def test_separation_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    truth = (rng.random(150) < 0.3).astype(float)
    p = np.clip(rng.normal(0.4 + 0.2 * truth, 0.2), 0, 1)
    found = figures(scored(p, truth))
    assert found.discrimination.auroc.value == pytest.approx(metrics.roc_auc_score(truth, p))
    assert found.discrimination.average_precision.value == pytest.approx(metrics.average_precision_score(truth, p))
    assert found.calibration.brier.value == pytest.approx(metrics.brier_score_loss(truth, p))
    assert found.discrimination.prevalence.hits == truth.sum()
    for each in (found.discrimination.auroc, found.discrimination.average_precision, found.calibration.brier):
        assert each.low < each.value < each.high


def test_delong_serves_single_cases_and_the_bootstrap_patients_with_several() -> None:
    single = area(column(scored(P, TRUTH)))
    several = figures(scored(P, TRUTH, patients=list("aabbccdd")))
    assert single.method == "DeLong"
    assert several.discrimination.auroc.method == "bootstrap over patients"
    assert several.discrimination.auroc_delong.method == "DeLong"
    assert several.discrimination.auroc.value == single.value
    assert (several.cases, several.positives, several.patients) == (8, 4, 4)


def test_a_finding_without_overlap_says_that_its_interval_is_newcombes() -> None:
    assert area(column(scored([0.9, 0.8, 0.1, 0.2], [1, 1, 0, 0], patients=list("aabb")))).method == "Newcombe"


def test_unknown_labels_are_left_out() -> None:
    found = figures(scored([*P, 0.9], [*TRUTH, math.nan]))
    assert found.cases == 8


def test_the_band_and_its_errors_are_counted() -> None:
    certainty = figures(scored(P, TRUTH), spec(band=(0.4, 0.58), error_rate=0.1)).certainty
    assert (certainty.undetermined.hits, certainty.undetermined.total) == (2, 8)  # 0.55 and 0.45
    assert (certainty.missed.hits, certainty.missed.total) == (1, 4)  # 0.3
    assert (certainty.false_alarms.hits, certainty.false_alarms.total) == (1, 4)  # 0.6
    assert (certainty.wrong_outside.hits, certainty.wrong_outside.total) == (2, 6)
    assert certainty.stated_error_rate == 0.1


def test_the_edges_of_the_band_are_those_of_the_report() -> None:
    certainty = figures(scored([0.4, 0.6], [1, 1]), spec(band=(0.4, 0.6))).certainty
    assert certainty.undetermined.hits == 1  # low <= p < high


def test_without_a_band_every_case_is_determined() -> None:
    certainty = figures(scored(P, TRUTH)).certainty
    assert certainty.undetermined.hits == 0
    assert (certainty.wrong_outside.hits, certainty.wrong_outside.total) == (2, 8)


def test_risk_falls_from_the_error_rate_as_cases_near_the_threshold_are_refused() -> None:
    certainty = figures(scored(P, TRUTH)).certainty
    assert certainty.risk_coverage[-1] == (1.0, pytest.approx(2 / 8))
    assert certainty.risk_coverage[0][1] == 0.0
    assert certainty.aurc == pytest.approx(np.mean([risk for _, risk in certainty.risk_coverage]))


def test_abstentions_are_counted_by_their_truth() -> None:
    found = figures(scored(P, TRUTH), abstained=[1.0, 1.0, 0.0, math.nan])
    assert (found.abstained_positives, found.abstained_negatives) == (2, 1)


def test_no_case_gives_figures_that_are_none() -> None:
    found = figures(scored([], []))
    assert found.cases == 0
    assert math.isnan(found.discrimination.auroc.value)
    assert math.isnan(found.calibration.ece)
    assert found.discrimination.roc == found.certainty.risk_coverage == ()


def test_long_curves_are_thinned_with_both_ends() -> None:
    line = np.linspace(0, 1, 5000)
    thin = points(line, line)
    assert len(thin) <= 400
    assert (thin[0], thin[-1]) == ((0.0, 0.0), (1.0, 1.0))


# Subgroups


def two_wards(worse: float) -> Scored:
    """Two hundred cases of each of two wards, the share `worse` of one ward's diseased being missed."""
    rng = np.random.default_rng(1)
    truth = np.tile([1.0, 0.0], 200)
    ward = ["a"] * 200 + ["b"] * 200
    p = np.where(truth == 1, 0.9, 0.1) + rng.normal(0, 0.02, 400)
    missed = (truth == 1) & (np.array(ward) == "b") & (rng.random(400) < worse)
    return scored(np.where(missed, 0.2, p), truth, source=ward)


def test_a_ward_where_cases_are_missed_is_flagged() -> None:
    rows, gaps = subgroups(column(two_wards(0.4)), two_wards(0.4).groups, 0.5)
    assert [(row.trait, row.name, row.cases, row.positives) for row in rows] == [
        ("source", "a", 200, 100),
        ("source", "b", 200, 100),
    ]
    (sensitivity,) = [gap for gap in gaps if gap.figure == "sensitivity"]
    assert (sensitivity.best, sensitivity.worst) == ("a", "b")
    assert sensitivity.flagged
    assert 0.25 < sensitivity.gap.low < sensitivity.gap.value < sensitivity.gap.high < 0.6
    (specificity,) = [gap for gap in gaps if gap.figure == "specificity"]
    assert not specificity.flagged


def test_wards_alike_are_not_flagged() -> None:
    _, gaps = subgroups(column(two_wards(0.0)), two_wards(0.0).groups, 0.5)
    assert [gap.figure for gap in gaps] == ["auroc", "sensitivity", "specificity"]
    assert not any(gap.flagged for gap in gaps)


def test_a_trait_of_one_value_divides_nothing() -> None:
    assert subgroups(column(scored(P, TRUTH, sex=["F"] * 8)), scored(P, TRUTH, sex=["F"] * 8).groups, 0.5) == ((), ())


def test_small_and_unknown_subgroups_are_shown_and_not_compared() -> None:
    data = two_wards(0.0)
    groups = tuple(
        {**g, "source": UNKNOWN if i < 100 else "few" if i < 104 else "c"} for i, g in enumerate(data.groups)
    )
    rows, gaps = subgroups(column(data), groups, 0.5)
    assert [row.name for row in rows] == ["c", "few", UNKNOWN]
    assert gaps == ()


def test_the_rarest_of_many_subgroups_are_put_together() -> None:
    data = two_wards(0.0)
    groups = tuple({**g, "maker": f"m{min(i % 25, 20)}"} for i, g in enumerate(data.groups))
    rows, _ = subgroups(column(data), groups, 0.5)
    makers = [row.name for row in rows if row.trait == "maker"]
    assert len(makers) == 13
    assert makers[-1] == "others"


def test_ages_stand_in_order() -> None:
    ages = ["under 18", "80 and over", "18 to 39", "40 to 59"] * 2
    rows, _ = subgroups(column(scored(P, TRUTH, age=ages)), scored(P, TRUTH, age=ages).groups, 0.5)
    assert [row.name for row in rows] == ["under 18", "18 to 39", "40 to 59", "80 and over"]


def test_the_level_is_raised_for_the_number_of_pairs() -> None:
    data = two_wards(0.0)
    groups = tuple({**g, "source": "abc"[i % 3]} for i, g in enumerate(data.groups))
    _, gaps = subgroups(column(data), groups, 0.5)
    assert {gap.gap.method for gap in gaps} == {"bootstrap over patients, 98.33%"}


def test_hybrid_is_the_published_interval() -> None:
    # Newcombe 1998 (II), table II, method 10: 56/70 against 48/80.
    low, high = hybrid((56, 70), (48, 80), 0.95)
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


# Classes


def test_classes_are_counted_with_what_is_none_of_them() -> None:
    p = [[0.8, 0.1], [0.2, 0.7], [0.1, 0.2], [0.1, 0.6]]
    truth = [[1, 0], [0, 1], [0, 0], [1, 0]]
    data = scored(np.array(p), np.array(truth))
    found = classes(data, ("red", "green"), Resamples(data.patients, 200))
    assert found is not None
    assert found.names == ("red", "green", NONE)
    assert found.confusion == ((1, 1, 0), (0, 1, 0), (0, 0, 1))
    assert found.accuracy.value == 0.75
    assert found.risk_coverage[-1] == (1.0, 0.25)


def test_macro_auroc_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 120)
    p = rng.dirichlet([1, 1, 1], 120) * 0.6 + np.eye(3)[true] * 0.4
    data = scored(p[:, :2], np.eye(3)[true][:, :2])
    found = classes(data, ("a", "b"), Resamples(data.patients, 200))
    assert found is not None
    assert found.macro_auroc.value == pytest.approx(metrics.roc_auc_score(true, p, multi_class="ovr"))
    assert found.macro_auroc.low < found.macro_auroc.value < found.macro_auroc.high


def test_a_plugin_whose_findings_sum_to_one_has_no_further_class() -> None:
    data = scored(np.array([[0.8, 0.2], [0.3, 0.7]]), np.array([[1, 0], [0, 1]]))
    found = classes(data, ("red", "green"), Resamples(data.patients, 50))
    assert found is not None
    assert found.names == ("red", "green")


def test_cases_without_all_their_labels_are_in_no_class() -> None:
    data = scored(np.array([[0.8, 0.2]]), np.array([[1, math.nan]]))
    assert classes(data, ("red", "green"), Resamples(data.patients, 50)) is None
