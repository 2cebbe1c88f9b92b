from __future__ import annotations

import numpy as np
import pytest

from radnode_kit.acceptance.resampling import (
    Resamples,
    area_of,
    difference,
    mean_measure,
    mean_of,
    precision_of,
    whole,
)
from radnode_kit.metrics import auroc, average_precision


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    truth = rng.random(80) < 0.4
    return (rng.normal(size=80) + truth).round(1), truth


def drawn(seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, 80)


def test_weights_are_repeats_of_cases(data: tuple[np.ndarray, np.ndarray]) -> None:
    values, truth = data
    rows, weights = np.arange(80), drawn()
    repeated = np.repeat(rows, weights)
    for measure, plain in ((area_of, auroc), (precision_of, average_precision)):
        found = measure(values, truth, rows)(weights[None].astype(float))[0]
        assert found == pytest.approx(plain(values[repeated], truth[repeated]))
    assert mean_of(values, rows)(weights[None].astype(float))[0] == pytest.approx(values[repeated].mean())


def test_the_whole_is_the_figure_of_the_data(data: tuple[np.ndarray, np.ndarray]) -> None:
    values, truth = data
    assert whole(area_of(values, truth, np.arange(80)), 80) == pytest.approx(auroc(values, truth))


def test_some_rows_are_weighed_by_their_places(data: tuple[np.ndarray, np.ndarray]) -> None:
    values, truth = data
    rows = np.flatnonzero(np.arange(80) % 2)
    weights = drawn()
    repeated = np.repeat(rows, weights[rows])
    found = area_of(values[rows], truth[rows], rows)(weights[None].astype(float))[0]
    assert found == pytest.approx(auroc(values[repeated], truth[repeated]))


def test_a_draw_without_a_kind_tells_nothing() -> None:
    weights = np.array([[1.0, 0.0], [1.0, 1.0]])
    found = area_of(np.array([0.1, 0.9]), np.array([False, True]), np.arange(2))(weights)
    assert np.isnan(found[0])
    assert found[1] == 1.0
    assert mean_measure([lambda w: found, lambda w: np.array([0.5, 0.5])])(weights) == pytest.approx([0.5, 0.75])


def test_all_cases_of_a_patient_are_drawn_together() -> None:
    patients = np.array(["a"] * 50 + ["b"] * 50)
    values = np.array([0.0] * 50 + [1.0] * 50)
    assert Resamples(patients, 400).interval(mean_of(values, np.arange(100))) == (0.0, 1.0)


def test_the_interval_of_a_mean_is_that_of_the_textbook() -> None:
    values = np.random.default_rng(0).normal(size=100)
    low, high = Resamples(np.arange(100).astype(str), 4000).interval(mean_of(values, np.arange(100)))
    half = 1.96 * values.std() / 10
    assert low == pytest.approx(values.mean() - half, abs=0.02)
    assert high == pytest.approx(values.mean() + half, abs=0.02)


def test_the_same_seed_gives_the_same_interval_in_one_piece_or_many(monkeypatch: pytest.MonkeyPatch) -> None:
    values, patients = np.arange(30.0), np.arange(30).astype(str)
    measure = mean_of(values, np.arange(30))
    once = Resamples(patients, 200).interval(measure)
    monkeypatch.setattr("radnode_kit.acceptance.resampling._CELLS", 90)
    assert Resamples(patients, 200).interval(measure) == once
    assert Resamples(patients, 200, seed=2).interval(measure) != once


def test_differences_are_of_the_same_draw() -> None:
    rows = np.arange(40)
    measure = mean_of(np.random.default_rng(0).random(40), rows)
    assert Resamples(rows.astype(str), 100).interval(difference(measure, measure)) == (0.0, 0.0)


def test_a_higher_level_is_wider() -> None:
    rows = np.arange(40)
    measure, resamples = mean_of(np.random.default_rng(0).random(40), rows), Resamples(rows.astype(str), 2000)
    low, high = resamples.interval(measure)
    lower, higher = resamples.interval(measure, 0.99)
    assert lower < low < high < higher


def test_no_case_has_no_interval() -> None:
    none = np.empty(0)
    low, high = Resamples(none.astype(str), 10).interval(mean_of(none, none.astype(int)))
    assert np.isnan([low, high]).all()
