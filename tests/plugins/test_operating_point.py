from __future__ import annotations

import numpy as np
import pytest

from radnode_kit.operating_point import choose_threshold, conformal_limits, sensitivity_specificity, settled


def scores(overlap: float, count: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    truth = np.arange(count) % 2 == 0
    return np.clip(0.5 + np.where(truth, 0.2, -0.2) + overlap * rng.normal(size=count), 0, 1), truth


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
def test_new_cases_outside_the_band_are_wrong_no_more_often_than_stated(rate: float) -> None:
    misses, alarms = [], []
    for seed in range(40):
        values, truth = scores(0.3, seed=seed)
        low, high = conformal_limits(values, truth, np.full(len(truth), "a"), rate)
        fresh, known = scores(0.3, count=400, seed=1000 + seed)
        misses.append((fresh[known] < low).mean())
        alarms.append((fresh[~known] >= high).mean())
    assert np.mean(misses) <= rate + 0.005
    assert np.mean(alarms) <= rate + 0.005


def test_the_stated_rate_holds_in_the_harder_source_too() -> None:
    easy, truth = scores(0.05)
    hard, _ = scores(0.4, seed=1)
    both, sources = np.concatenate([easy, hard]), np.repeat(["a", "b"], len(truth))
    low, high = conformal_limits(both, np.tile(truth, 2), sources, 0.1)
    assert (hard[truth] < low).mean() <= 0.1
    assert (hard[~truth] >= high).mean() <= 0.1


def test_too_few_cases_leave_everything_undetermined() -> None:
    values, truth = np.array([0.9, 0.1]), np.array([True, False])
    assert conformal_limits(values, truth, np.array(["a", "a"]), 0.1) == (0.0, 1.0)


def test_classes_that_lie_apart_need_no_band_and_the_point_lies_between_the_limits() -> None:
    values, truth = scores(0.02)
    limits = conformal_limits(values, truth, np.full(len(truth), "a"), 0.1)
    threshold, band = settled(0.9, limits)
    assert band is None
    assert limits[1] - 1e-3 <= threshold <= limits[0] + 1e-3


def test_a_band_holds_its_operating_point() -> None:
    assert settled(0.2, (0.3, 0.6)) == (0.2, (0.2, 0.6))
    assert settled(0.4, (0.3, 0.6)) == (0.4, (0.3, 0.6))


def test_the_threshold_lies_where_both_errors_are_small() -> None:
    values, truth = scores(0.1)
    threshold = choose_threshold(values, truth, np.full(len(truth), "a"), "youden")
    sensitivity, specificity = sensitivity_specificity(values, truth, threshold)
    assert 0.4 < threshold < 0.6
    assert sensitivity.low < sensitivity.value < 1
    assert specificity.value > 0.9


def test_half_stays_half_for_exclusive_findings_and_the_band_reaches_to_the_limit() -> None:
    assert settled(0.5, (0.2, 0.1), movable=False) == (0.5, (0.2, 0.5))
    assert settled(0.5, (0.9, 0.8), movable=False) == (0.5, (0.5, 0.8))
    assert settled(0.5, (0.8, 0.2), movable=False) == (0.5, None)
