from __future__ import annotations

import numpy as np
import pytest

from radnode_kit.metrics import auroc, bootstrap, calibration_error, macro_auroc, wilson
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
    assert calibration_error([0.0, 1.0, 1.0], [False, True, True]) == 0.0
    assert calibration_error([1.0, 1.0], [False, True]) == pytest.approx(0.5)


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
