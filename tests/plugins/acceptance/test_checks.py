"""What counts as a broken promise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from node.plugin import Interval
from radnode_kit.acceptance.checks import Check, Verdict, accepted, checks_of
from radnode_kit.acceptance.finding import FindingFigures
from tests.plugins.acceptance.test_figures import figures, scored, spec


def measured(right_positives: float = 1.0, right_negatives: float = 1.0, count: int = 200) -> FindingFigures:
    """Half of the cases diseased; the shares that are called right; probabilities as honest as those shares."""
    half = count // 2
    truth = np.repeat([1.0, 0.0], half)
    called = np.concatenate([np.arange(half) < right_positives * half, np.arange(half) >= right_negatives * half])
    ppv = truth[called].mean() if called.any() else 0.5
    rest = truth[~called].mean() if not called.all() else 0.5
    return figures(scored(np.where(called, max(ppv, 0.5), min(rest, 0.49)), truth), spec())


def check(rows: tuple[Check, ...], what: str) -> Check:
    return next(row for row in rows if row.what.startswith(what))


def checked(
    found: FindingFigures, answered: int = 200, abstained: int = 0, residual: float = 1e-6
) -> tuple[Check, ...]:
    return checks_of((found,), answered, abstained, residual, 0.1)


def test_figures_as_stated_are_accepted() -> None:
    rows = checked(measured(0.9, 0.9))
    assert {row.verdict for row in rows} == {Verdict.MET}
    assert accepted(rows)


@pytest.mark.parametrize(("right", "broken"), [((0.7, 0.95), "sensitivity"), ((0.95, 0.7), "specificity")])
def test_a_figure_wholly_below_what_is_stated_breaks_the_promise(right: tuple[float, float], broken: str) -> None:
    rows = checked(measured(*right))
    assert [row.what for row in rows if row.verdict is Verdict.NOT_MET] == [broken]
    assert not accepted(rows)
    assert check(rows, broken).promised == "0.900 or more"
    assert check(rows, broken).found.startswith("0.700 (0.6")


def test_a_lower_figure_that_chance_explains_is_accepted() -> None:
    rows = checked(measured(0.85, 0.9))
    assert check(rows, "sensitivity").verdict is Verdict.MET


def test_a_better_figure_is_accepted_and_remarked() -> None:
    assert "above the stated" in check(checked(measured(1.0, 0.9)), "sensitivity").remark


def test_few_cases_are_remarked() -> None:
    rows = checked(measured(1.0, 1.0, count=4))
    assert check(rows, "sensitivity").remark == "only 2 cases: agreement proves little"
    assert accepted(rows)


def test_a_kind_that_is_missing_is_not_tested() -> None:
    found = figures(scored([0.9, 0.8], [1, 1]))
    assert check(checked(found), "specificity").verdict is Verdict.NOT_TESTED


def test_a_calibration_that_is_off_breaks_the_promise() -> None:
    truth = np.tile([1.0, 0.0], 200)
    sure = figures(scored(np.where(truth == 1, 0.55, 0.45), truth))  # always right and never sure
    assert sure.calibration.ece == pytest.approx(0.45)
    assert check(checked(sure), "calibration").verdict is Verdict.NOT_MET


def test_a_calibration_error_that_chance_explains_is_not_tested() -> None:
    found = measured(0.9, 0.9, count=20)
    noisy = replace(found, calibration=replace(found.calibration, ece=0.15, ece_by_chance=0.2))
    row = check(checked(noisy), "calibration")
    assert row.verdict is Verdict.NOT_TESTED
    assert "20 cases chance alone may reach 0.200" in row.remark


def test_more_errors_than_the_stated_rate_break_the_promise() -> None:
    truth = np.repeat([1.0, 0.0], 100)
    p = np.where(truth == 1, 0.9, 0.1)
    p[:30] = 0.2
    found = figures(scored(p, truth), spec(band=(0.4, 0.6), error_rate=0.1))
    assert check(checked(found), "diseased called absent").verdict is Verdict.NOT_MET
    assert check(checked(found), "healthy called present").verdict is Verdict.MET


@pytest.mark.parametrize(("abstained", "verdict"), [(22, Verdict.MET), (23, Verdict.NOT_MET)])
def test_abstentions_have_a_limit(abstained: int, verdict: Verdict) -> None:
    row = check(checked(measured(0.9, 0.9), 200, abstained), "abstentions")
    assert row.verdict is verdict
    assert f"({abstained} of {200 + abstained})" in row.found


@pytest.mark.parametrize(
    ("residual", "verdict"), [(9e-5, Verdict.MET), (2e-4, Verdict.NOT_MET), (math.nan, Verdict.NOT_TESTED)]
)
def test_evidence_has_to_add_up(residual: float, verdict: Verdict) -> None:
    assert check(checked(measured(0.9, 0.9), residual=residual), "evidence").verdict is verdict


def test_a_plugin_that_answers_nothing_is_not_accepted() -> None:
    rows = checked(figures(scored([], [])), answered=0)
    assert check(rows, "cases answered").verdict is Verdict.NOT_MET
    assert not accepted(rows)


def test_where_nothing_of_a_finding_was_tested_nothing_is_accepted() -> None:
    rows = checked(figures(scored([0.5], [math.nan])), answered=1)
    assert not any(row.verdict is Verdict.NOT_MET for row in rows)
    assert not accepted(rows)


def test_a_figure_that_was_never_stated_is_not_tested() -> None:
    found = measured(0.9, 0.9)
    nothing = Interval(0.0, 0.0, 1.0)
    silent = replace(found, operation=replace(found.operation, stated_sensitivity=nothing, stated_specificity=nothing))
    rows = checked(silent)
    for what in ("sensitivity", "specificity"):
        row = check(rows, what)
        assert (row.promised, row.verdict) == ("not measured", Verdict.NOT_TESTED)
        assert row.found.startswith("0.900 (0.8"), "what this site found is still worth reading"
        assert row.remark == "the manifest states no figure to compare with"


def test_a_stated_nought_with_an_interval_is_a_promise() -> None:
    found = measured(0.9, 0.9)
    low = replace(found, operation=replace(found.operation, stated_sensitivity=Interval(0.0, 0.0, 0.1)))
    assert check(checked(low), "sensitivity").verdict is Verdict.MET
