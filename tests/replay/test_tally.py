"""How far two models are apart: pure numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.agreement import kappa
from node.replay import Comparison, FindingPair, Shift, tally

STUDY = Comparison("1.2", 1, "chest 1.0", "chest 2.0")


def pair(before: float | None, after: float | None, finding: str = "bright") -> FindingPair:
    """Read against an operating point of one half."""
    outcomes = ["abstained" if p is None else "present" if p >= 0.5 else "absent" for p in (before, after)]
    above = [p is not None and p >= 0.5 for p in (before, after)]
    return FindingPair("1.2.3", finding, before, after, outcomes[0], outcomes[1], above[0], above[1])


def test_the_example_of_the_docstring() -> None:
    yes, no = "present", "absent"
    told = [(yes, yes)] * 20 + [(yes, no)] * 5 + [(no, yes)] * 10 + [(no, no)] * 15
    assert kappa(told) == pytest.approx(0.4)


def test_kappa_is_one_for_equals_below_zero_for_opposites_and_undefined_where_all_say_the_same() -> None:
    assert kappa([("a", "a"), ("b", "b")]) == 1
    assert kappa([("a", "b"), ("b", "a")]) == -1
    assert kappa([("a", "a"), ("a", "a")]) is None
    assert kappa([]) is None


def test_shifts_crossings_and_outcomes_are_counted_by_finding() -> None:
    moved = replace(STUDY, pairs=(pair(0.2, 0.4), pair(0.9, 0.9, "dark")))
    crossed = replace(STUDY, pairs=(pair(0.6, 0.3), pair(0.8, None, "dark")))
    same = replace(STUDY, is_identical=True, pairs=(pair(0.1, 0.1),))
    failed = replace(STUDY, error="purged")
    found = tally([moved, crossed, same, failed])
    assert (found.studies, found.identical, found.failed) == (3, 1, 1)
    bright, dark = found.findings
    assert bright == Shift("bright", 3, pytest.approx(-0.1 / 3), pytest.approx(-0.3), 1, 1, pytest.approx(0.0))
    assert (dark.series, dark.mean, dark.largest, dark.crossed, dark.changed) == (2, 0, 0, 0, 1)


def test_of_nothing_nothing_is_said() -> None:
    assert tally([]).findings == ()
    (only,) = tally([replace(STUDY, pairs=(pair(None, None),))]).findings
    assert (only.mean, only.largest, only.kappa) == (None, None, None)
