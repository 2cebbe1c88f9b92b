"""Two models on the same studies: figures that can be worked out by hand."""

from __future__ import annotations

import pytest

from node.agreement import Answered, agreements, answers_of, kappa
from node.report import account_of
from tests.report.material import analysis, header


def answers(*pairs: tuple[str, float]) -> dict[str, dict[tuple[str, str], Answered]]:
    """Studies 0, 1, ... with one answer each."""
    return {str(number): {("opacity", ""): Answered(*pair)} for number, pair in enumerate(pairs)}


def test_figures_of_two_models() -> None:
    first = answers(("present", 0.9), ("present", 0.6), ("absent", 0.1), ("absent", 0.2))
    second = answers(("present", 0.8), ("absent", 0.3), ("absent", 0.2), ("present", 0.9), ("absent", 0.0))
    (one,) = agreements(first, second)
    assert (one.finding, one.studies, one.same) == ("opacity", 4, 2)
    assert one.kappa == pytest.approx(0.0), "half agree, and half is what chance gives"
    assert one.mean_difference == pytest.approx((-0.1 - 0.3 + 0.1 + 0.7) / 4)
    assert one.largest_difference == pytest.approx(0.7)
    assert one.disagreeing == ("3", "1")


def test_kappa_of_known_tables() -> None:
    # Cohen's kappa of 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: (0.7 - 0.5) / (1 - 0.5)
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert kappa(pairs) == pytest.approx(0.4)
    assert kappa([("y", "y"), ("n", "n")]) == 1.0
    assert kappa([("y", "n"), ("n", "y")]) == -1.0
    assert kappa([("y", "y")]) is None
    assert kappa([]) is None


def test_only_what_both_answered_counts() -> None:
    first, second = answers(("present", 0.9)), answers()
    assert agreements(first, second) == []
    second = {"0": {("effusion", ""): Answered("present", 0.9)}}
    assert agreements(first, second) == []


def test_the_series_that_speaks_most_for_a_finding_is_its_answer() -> None:
    account = account_of(analysis(header()), [])
    (found,) = answers_of(account).items()
    assert found == (("opacity", ""), Answered("present", pytest.approx(account.series[0].findings[0].probability)))
