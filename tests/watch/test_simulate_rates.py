"""False alarms of late results and of subgroups are as rare as they are said to be, and a change is noticed."""

from __future__ import annotations

import numpy as np
import pytest

from node.config import WatchSettings
from node.watch.simulate import Site
from node.watch.simulate_rates import (
    false_rows,
    late_year,
    noticed_in_a_subgroup,
    noticed_late,
    patients,
    results,
    subgroup_year,
)

SETTINGS = WatchSettings()


@pytest.mark.parametrize("at_a_time", [1, 5])
def test_results_are_late_as_often_and_as_many_at_a_time_as_was_asked_for(at_a_time: int) -> None:
    late = results(200_000, 0.05, at_a_time, np.random.default_rng(1))
    runs = np.count_nonzero(late[1:] & ~late[:-1])
    assert late.mean() == pytest.approx(0.05, rel=0.1)
    assert late.sum() / runs == pytest.approx(at_a_time, rel=0.1)


def test_patients_are_as_their_shares_say() -> None:
    found = patients(5000, 0.2, np.random.default_rng(1))
    assert (found.group("sex") == "F").mean() == pytest.approx(0.5, abs=0.03)
    assert np.nanmean(found.present["finding"]) == pytest.approx(0.2, abs=0.03)
    np.testing.assert_array_equal(np.isnan(found.present["finding"]), found.abstained)


def test_years_without_a_change_have_hardly_an_alarm() -> None:
    generator = np.random.default_rng(1)
    assert sum(late_year(SETTINGS, 1, Site(), generator) for _ in range(10)) <= 6
    assert sum(subgroup_year(SETTINGS, 0.1, Site(), generator) for _ in range(2)) <= 1


def test_a_change_is_noticed_and_none_is_not() -> None:
    generator = np.random.default_rng(1)
    assert noticed_late(SETTINGS, 0.1, 1, generator) > 0.95
    assert noticed_late(SETTINGS, 0.2, 10, generator) > 0.8
    assert noticed_late(SETTINGS, 0.01, 3, generator) < 0.02
    assert noticed_in_a_subgroup(SETTINGS, (0.1, 0.5), 5, generator) == 1
    assert noticed_in_a_subgroup(SETTINGS, (0.1, 0.1), 5, generator) == 0


@pytest.mark.slow
def test_the_table_has_a_row_for_each_case() -> None:
    assert len(list(false_rows(SETTINGS, 1))) == 10
