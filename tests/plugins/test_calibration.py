from __future__ import annotations

import numpy as np
import pytest

from radnode_kit.calibration import Calibration, fit_platt, fit_temperature, sigmoid, softmax


def test_sigmoid_does_not_overflow() -> None:
    assert sigmoid([-1e9, 0.0, 1e9]) == pytest.approx([0.0, 0.5, 1.0])


def test_softmax_rows_sum_to_one_and_ignore_a_shift() -> None:
    z = np.array([[1.0, 2.0, 3.0], [1000.0, 0.0, -1000.0]])
    assert softmax(z).sum(axis=1) == pytest.approx([1.0, 1.0])
    assert softmax(z) == pytest.approx(softmax(z + 50))


def test_platt_finds_the_line_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(0, 3, 20000)
    truth = rng.random(20000) < sigmoid(0.5 * z - 1.0)
    slope, intercept = fit_platt(z, truth)
    assert slope == pytest.approx(0.5, abs=0.05)
    assert intercept == pytest.approx(-1.0, abs=0.08)


def test_platt_survives_a_perfect_separation() -> None:
    slope, intercept = fit_platt([-2.0, -1.0, 1.0, 2.0], [False, False, True, True])
    assert 0 < slope < 20
    assert abs(intercept) < 5


def test_heavier_samples_pull_harder() -> None:
    z, truth = np.array([-1.0, -0.5, 0.4, 1.0, -0.2]), np.array([False, False, True, True, True])
    assert fit_platt(z, truth, np.ones(5)) == pytest.approx(fit_platt(z, truth))
    healthy_heavy, diseased_heavy = (fit_platt(z, truth, np.where(truth, a, b))[1] for a, b in ((1, 9), (9, 1)))
    assert healthy_heavy < diseased_heavy


def test_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(0, 1.5, (5000, 4))
    truth = np.array([rng.choice(4, p=row) for row in softmax(z)])
    assert fit_temperature(z * 4.0, truth) == pytest.approx(0.25, rel=0.1)


def test_calibration_goes_through_its_table() -> None:
    calibration = Calibration("platt", [0.5, 2.0], [0.1, -0.3])
    again = Calibration(**calibration.table())  # type: ignore[arg-type]
    assert again([[1.0, 2.0]]) == pytest.approx(calibration([[1.0, 2.0]]))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="allowed are"):
        Calibration("magic", [1.0])
