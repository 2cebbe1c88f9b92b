"""Who goes first: classes, waiting, and turns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node.priority import Priority, Turn, rank, turns

HOUR = 3600.0
NOON = 1_800_000_000.0
STAT, HIGH, ROUTINE, LOW = Priority


def test_the_example_of_the_docstring() -> None:
    ranks = {
        LOW: rank(LOW, NOON, HOUR),
        ROUTINE: rank(ROUTINE, NOON + 1.5 * HOUR, HOUR),
        HIGH: rank(HIGH, NOON + 2.25 * HOUR, HOUR),
    }
    assert {one: (at - NOON) / HOUR for one, at in ranks.items()} == {LOW: 3, ROUTINE: 3.5, HIGH: 3.25}


@given(st.sampled_from([HIGH, ROUTINE, LOW]), st.floats(0, 4e9), st.floats(0, 4e9), st.floats(0, 7 * 86400))
def test_stat_comes_before_everything_however_long_that_has_waited(
    other: Priority, began: float, stat_began: float, ageing: float
) -> None:
    assert rank(STAT, stat_began, ageing) < 0 <= rank(other, began, ageing)


def test_after_so_long_an_analysis_stands_where_the_next_class_comes_in() -> None:
    assert rank(ROUTINE, NOON, HOUR) == rank(HIGH, NOON + HOUR, HOUR)
    assert rank(LOW, NOON, HOUR) == rank(HIGH, NOON + 2 * HOUR, HOUR)


def test_without_ageing_no_wait_is_long_enough() -> None:
    assert rank(HIGH, NOON + 365 * 86400, 0) < rank(ROUTINE, NOON, 0) < rank(LOW, NOON - 86400, 0)


def test_each_second_turn_begins_with_what_has_waited_so_long_that_it_would_be_stat() -> None:
    usual, fair = (list(turns(NOON, ("nights",), aged_first=aged)) for aged in (False, True))
    assert usual == [Turn(most=0, shut=("nights",)), Turn(shut=("nights",))]
    assert fair == [Turn(0, NOON, ("nights",)), *usual]
