from __future__ import annotations

import numpy as np
import pytest

from radnode_kit.calibration import Floats
from radnode_kit.join import join_slices, smooth

HEALTHY, LESION = [0.02, 0.98], [0.95, 0.05]


def series(length: int, *lesion: int) -> Floats:
    return np.array([LESION if index in lesion else HEALTHY for index in range(length)])


def test_one_slice_is_its_own_series() -> None:
    joined, order = join_slices(series(1, 0), reference=1)
    assert joined == pytest.approx(LESION)
    assert order.tolist() == [0]


def test_a_lesion_of_a_few_neighbouring_slices_is_found() -> None:
    joined, order = join_slices(series(40, 20, 21, 22, 23), reference=1)
    assert joined[0] > 0.7
    assert set(order[:2]) <= {20, 21, 22, 23}


def test_one_odd_slice_alone_does_not_decide() -> None:
    joined, _ = join_slices(series(40, 7), reference=1)
    assert joined[0] < 0.5


def test_a_healthy_series_stays_healthy_however_long() -> None:
    assert join_slices(series(300), reference=1)[0][0] == pytest.approx(0.02)


def test_joined_probabilities_sum_to_one() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(4), size=33)
    assert join_slices(rows, reference=3)[0].sum() == pytest.approx(1.0)


def test_smoothing_keeps_constants_and_short_series() -> None:
    assert smooth(np.full((5, 2), 0.5)) == pytest.approx(0.5)
    assert smooth(series(2, 0)).tolist() == series(2, 0).tolist()
