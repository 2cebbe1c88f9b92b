from __future__ import annotations

import numpy as np
import pytest

from radnode_kit.metrics import (
    Z,
    auroc,
    auroc_interval,
    average_precision,
    bootstrap,
    chance_error,
    delong_variance,
    macro_auroc,
    newcombe,
    precision_recall,
    reliability,
    reliability_error,
    risk_coverage,
    roc,
    wilson,
)
from radnode_kit.operating_point import choose_threshold, sensitivity_specificity


def test_auroc_counts_ties_half() -> None:
    assert auroc([0.1, 0.4, 0.4, 0.9], [False, False, True, True]) == pytest.approx(0.875)
    assert auroc([1, 2, 3], [True, False, False]) == 0.0


def test_auroc_of_one_kind_alone_is_not_a_number() -> None:
    assert np.isnan(auroc([1.0, 2.0], [True, True]))


def test_auroc_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    values, truth = rng.normal(size=200).round(1), rng.random(200) < 0.3
    assert auroc(values, truth) == pytest.approx(metrics.roc_auc_score(truth, values))


def test_macro_auroc_is_one_for_perfect_classes() -> None:
    assert macro_auroc(np.eye(3), np.arange(3)) == 1.0


def test_wilson_is_the_published_interval() -> None:
    # Newcombe 1998, table I: 81 of 263.
    interval = wilson(81, 263)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)


def test_wilson_stays_within_bounds() -> None:
    assert wilson(0, 10).low == 0.0
    assert wilson(10, 10).high == 1.0
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


def test_bootstrap_draws_whole_patients() -> None:
    groups = np.array(["a"] * 50 + ["b"] * 50)
    values = np.array([0.0] * 50 + [1.0] * 50)
    interval = bootstrap(lambda rows: float(values[rows].mean()), groups, rounds=200)
    assert (interval.low, interval.value, interval.high) == (0.0, 0.5, 1.0)


def test_calibration_error_is_zero_for_honest_certainty() -> None:
    assert reliability_error(reliability([0.0, 1.0, 1.0], [False, True, True])) == 0.0
    assert reliability_error(reliability([1.0, 1.0], [False, True])) == pytest.approx(0.5)


def test_youden_lies_between_healthy_and_diseased() -> None:
    probability = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    truth = probability > 0.5
    threshold = choose_threshold(probability, truth, np.array(["x"] * 6), "youden")
    assert 0.3 < threshold < 0.7


def test_every_source_has_the_same_say() -> None:
    many = np.concatenate([np.full(500, 0.2), np.full(500, 0.4)])
    few = np.array([0.5, 0.6, 0.8, 0.9])
    truth = np.concatenate([many > 0.3, few > 0.7])
    sources = np.array(["many"] * 1000 + ["few"] * 4)
    threshold = choose_threshold(np.concatenate([many, few]), truth, sources, "youden")
    assert 0.2 < threshold <= 0.4 or 0.6 < threshold <= 0.8


def test_majority_is_one_half() -> None:
    assert choose_threshold(np.array([0.9]), np.array([True]), np.array(["x"]), "majority") == 0.5


def test_sensitivity_and_specificity_count_the_threshold_as_present() -> None:
    probability, truth = np.array([0.5, 0.4, 0.5, 0.1]), np.array([True, True, False, False])
    sensitivity, specificity = sensitivity_specificity(probability, truth, 0.5)
    assert (sensitivity.value, specificity.value) == (0.5, 0.5)


def overlapping(diseased: int = 30, healthy: int = 45, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Values with ties, and truth."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(1.0, 1.0, diseased), rng.normal(0.0, 1.0, healthy)]).round(1)
    return values, np.arange(diseased + healthy) < diseased


def direct_variance(values: np.ndarray, truth: np.ndarray) -> float:
    """DeLong's variance pair by pair, as in the paper of 1988."""
    pairs = [[float(x > y) + 0.5 * float(x == y) for y in values[~truth]] for x in values[truth]]
    of_diseased, of_healthy = np.mean(pairs, axis=1), np.mean(pairs, axis=0)
    return float(np.var(of_diseased, ddof=1) / len(of_diseased) + np.var(of_healthy, ddof=1) / len(of_healthy))


@pytest.mark.parametrize("seed", range(4))
def test_delong_by_ranks_is_delong_pair_by_pair(seed: int) -> None:
    values, truth = overlapping(seed=seed)
    assert delong_variance(values, truth) == pytest.approx(direct_variance(values, truth), rel=1e-12)


def test_delong_by_hand() -> None:
    # Pairs 2>1, 2<3, 4>1, 4>3: the diseased exceed 1/2 and 2/2 of the healthy, the healthy are below 2/2 and 1/2.
    values, truth = np.array([2.0, 4.0, 1.0, 3.0]), np.array([True, True, False, False])
    assert delong_variance(values, truth) == pytest.approx(0.125 / 2 + 0.125 / 2)
    interval, method = auroc_interval(values, truth)
    assert method == "DeLong"
    assert interval.value == 0.75
    assert (interval.low, interval.high) == (pytest.approx(0.75 - Z * np.sqrt(0.125)), 1.0)


def test_delong_covers_the_true_area_about_as_often_as_it_says() -> None:
    area = 0.7602  # of two normal distributions one standard deviation apart: Phi(1 / sqrt(2))
    hits = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        values = np.concatenate([rng.normal(1, 1, 40), rng.normal(0, 1, 40)])
        interval, _ = auroc_interval(values, np.arange(80) < 40)
        hits += interval.low <= area <= interval.high
    assert 0.90 <= hits / 300 <= 0.99


def test_kinds_that_do_not_overlap_still_get_an_interval_with_a_width() -> None:
    interval, method = auroc_interval([0.1, 0.2, 0.8, 0.9], [False, False, True, True])
    assert method == "Newcombe"
    assert interval.value == interval.high == 1.0
    assert 0.2 < interval.low < 0.6
    many, _ = auroc_interval(np.arange(200), np.arange(200) >= 100)
    assert 0.95 < many.low < 1.0


def test_newcombe_ends_where_the_score_equation_holds() -> None:
    area, m, n = 0.8, 12, 18
    half = (m + n) / 2 - 1
    for theta in (newcombe(area, m, n).low, newcombe(area, m, n).high):
        spread = 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        assert (area - theta) ** 2 == pytest.approx(Z**2 * theta * (1 - theta) * spread / (m * n), rel=1e-6)


def test_newcombe_is_symmetric() -> None:
    low, high = newcombe(0.3, 10, 20), newcombe(0.7, 20, 10)
    assert (low.low, low.high) == (pytest.approx(1 - high.high), pytest.approx(1 - high.low))


def test_a_single_diseased_case_gets_a_wide_interval() -> None:
    interval, method = auroc_interval([0.9, 0.1, 0.2, 0.95], [True, False, False, False])
    assert method == "Newcombe"
    assert interval.high - interval.low > 0.5


def test_an_area_of_one_kind_alone_has_no_interval() -> None:
    interval, _ = auroc_interval([1.0, 2.0], [True, True])
    assert np.isnan([interval.value, interval.low, interval.high]).all()


def test_average_precision_by_hand() -> None:
    # Hits at ranks 1 and 3: precision 1 and 2/3, each for half of the recall.
    assert average_precision([0.9, 0.8, 0.7, 0.1], [True, False, True, False]) == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_ties_share_one_step_of_precision() -> None:
    assert average_precision([0.5, 0.5, 0.5, 0.5], [True, False, False, False]) == 0.25


def test_average_precision_without_a_diseased_case_is_not_a_number() -> None:
    assert np.isnan(average_precision([0.5], [False]))
    assert all(len(part) == 0 for part in precision_recall([0.5], [False]))


@pytest.mark.parametrize("seed", range(3))
def test_curves_agree_with_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    values, truth = overlapping(seed=seed)
    assert average_precision(values, truth) == pytest.approx(metrics.average_precision_score(truth, values))
    across, up = roc(values, truth)
    assert np.trapezoid(up, across) == pytest.approx(metrics.roc_auc_score(truth, values))
    theirs = metrics.roc_curve(truth, values, drop_intermediate=False)
    np.testing.assert_allclose(across, theirs[0])
    np.testing.assert_allclose(up, theirs[1])


def test_bins_hold_about_equally_many_cases() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(1003) ** 3
    table = reliability(p, rng.random(1003) < p)
    assert len(table) == 10
    assert {each.count for each in table} <= {100, 101}
    assert [each.predicted for each in table] == sorted(each.predicted for each in table)


def test_equal_probabilities_stay_in_one_bin() -> None:
    table = reliability([0.2] * 70 + [0.9] * 30, [False] * 70 + [True] * 30)
    assert [(each.count, each.predicted, each.observed.value) for each in table] == [
        (70, pytest.approx(0.2), 0.0),
        (30, pytest.approx(0.9), 1.0),
    ]
    assert reliability_error(table) == pytest.approx(0.7 * 0.2 + 0.3 * 0.1)


def test_no_case_has_no_bin() -> None:
    assert reliability([], []) == ()
    assert np.isnan(reliability_error(()))
    assert np.isnan(chance_error([]))


def test_honest_probabilities_stay_below_what_chance_explains() -> None:
    rng = np.random.default_rng(5)
    p = rng.random(300)
    above = [reliability_error(reliability(p, rng.random(300) < p)) > chance_error(p) for _ in range(60)]
    assert sum(above) <= 8  # one in twenty is expected
    assert reliability_error(reliability(p, rng.random(300) < p**3)) > chance_error(p)


def test_chance_explains_less_with_more_cases() -> None:
    p = np.random.default_rng(0).random(4000)
    assert chance_error(p) < chance_error(p[:400]) < chance_error(p[:40])


def test_refusing_the_uncertain_lowers_the_risk() -> None:
    coverage, risk = risk_coverage([4.0, 3.0, 2.0, 1.0], [False, False, True, True])
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(risk, [0.0, 0.0, 1 / 3, 0.5])


def test_equally_certain_cases_share_their_errors() -> None:
    for wrong in ([True, False], [False, True]):
        np.testing.assert_allclose(risk_coverage([1.0, 1.0], wrong)[1], [0.5, 0.5])


def test_wilson_widens_with_the_level() -> None:
    assert wilson(5, 10, 2.5).low < wilson(5, 10).low
