"""Facts in the words that report, picture and command line share."""

from __future__ import annotations

import pytest

from node import words
from node.plugin import Finding, Interval, Neighbour
from tests.report.material import banded, spec


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0 %"), (0.004, "< 1 %"), (0.5, "50 %"), (0.996, "> 99 %"), (1.0, "100 %")],
)
def test_a_share_is_never_rounded_to_certainty(value: float, said: str) -> None:
    assert words.per_cent(value) == said


@pytest.mark.parametrize(("value", "said"), [(0.5, "50 %"), (0.625, "62.5 %"), (0.0004, "0.04 %"), (1.0, "100 %")])
def test_a_limit_keeps_its_digits(value: float, said: str) -> None:
    assert words.limit(value) == said


def test_an_undetermined_finding_says_why_and_that_it_was_assessed() -> None:
    assert words.undetermined(Finding("opacity", 0.1, 0.472), banded().operating_point) == (
        "Undetermined, though assessed: 47.2 % lies between the two limits 30 % and 70 %, set so that "
        "beyond them at most 10 % of each kind is called wrongly."
    )


@pytest.mark.parametrize("probability", [0.1, 0.7, 0.9])
def test_a_decided_finding_says_nothing_of_limits(probability: float) -> None:
    assert words.undetermined(Finding("opacity", 0.1, probability), banded().operating_point) == ""
    assert words.undetermined(Finding("opacity", 0.1, probability), spec().operating_point) == ""


@pytest.mark.parametrize(
    ("agreement", "said"),
    [
        (None, ""),
        ((0, 5), "0 of 5 images reach the operating point on their own."),
        ((1, 5), "1 of 5 images reaches the operating point on its own."),
        ((17, 300), "17 of 300 images reach the operating point on their own."),
    ],
)
def test_the_images_that_speak_for_a_finding_are_counted(agreement: tuple[int, int] | None, said: str) -> None:
    assert words.agreement(Finding("opacity", 1.0, 0.9, agreement=agreement)) == said


def test_the_nearest_training_cases_are_named_with_similarity_and_label() -> None:
    cases = [
        Neighbour("opacity", "cxr_nih/00001280_004", 0.934, present=True),
        Neighbour("opacity", "cxr_nih/00000013_001", 0.9, present=False),
        Neighbour("opacity", "cxr_nih/00000099_000", -0.05, present=True),
    ]
    assert words.neighbours(cases) == (
        "Nearest training cases: cxr_nih/00001280_004 (present, similarity 0.93), cxr_nih/00000013_001 (absent, "
        "similarity 0.90), cxr_nih/00000099_000 (present, similarity -0.05); 2 of 3 carry the finding."
    )
    assert words.neighbours([]) == ""


@pytest.mark.parametrize(
    ("sensitivity", "specificity", "said"),
    [
        (0.87, 0.93, "sensitivity 87 %, specificity 93 %"),
        (0.0, 1.0, "sensitivity 0 %, specificity 100 %"),
        (None, 0.93, "sensitivity not measured, specificity 93 %"),
        (0.87, None, "sensitivity 87 %, specificity not measured"),
        (None, None, "sensitivity and specificity not measured"),
    ],
)
def test_what_nobody_measured_is_no_share(sensitivity: float | None, specificity: float | None, said: str) -> None:
    assert words.accuracy(sensitivity, specificity) == said


@pytest.mark.parametrize(
    ("figure", "said"),
    [(Interval(0.9, 0.83, 0.95), "90% (83%-95%)"), (Interval(0.0, 0.0, 1.0), "not measured")],
)
def test_a_figure_is_told_with_its_interval(figure: Interval, said: str) -> None:
    assert words.with_interval(figure) == said
