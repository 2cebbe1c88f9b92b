"""A finding now against the same finding then."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.claims import Outcome
from node.comparison import (
    Answer,
    Aspect,
    Assessment,
    Change,
    Compared,
    Comparison,
    SeriesAssessment,
    checked_views,
    compare,
    comparison_from,
    comparison_text,
    misfit,
)

PA = Aspect.of("THORAX", "", "PA")
REPEATABILITY = 0.2
#: (answer then, the same read the other way round)
SWAPPED = {
    Change.NEW: Change.RESOLVED,
    Change.RESOLVED: Change.NEW,
    Change.INCREASED: Change.DECREASED,
    Change.DECREASED: Change.INCREASED,
    Change.UNCHANGED: Change.UNCHANGED,
    Change.NOT_COMPARABLE: Change.NOT_COMPARABLE,
}


def outcome(probability: float) -> Outcome:
    """By an operating point of 50 % with a band from 40 % to 60 %."""
    if 0.4 <= probability < 0.6:
        return Outcome.UNDETERMINED
    return Outcome.PRESENT if probability >= 0.5 else Outcome.ABSENT


def told(*probabilities: float, aspect: Aspect = PA, abstained: str = "") -> Assessment:
    """An assessment with one series for each probability of one finding."""
    series = tuple(
        SeriesAssessment(
            f"1.2.{number}",
            aspect,
            (("1.2.840.10008.5.1.4.1.1.1.1", f"1.2.{number}.1"),),
            () if abstained else (Answer("opacity", str(outcome(one)), one, 0.0),),
            abstained,
        )
        for number, one in enumerate(probabilities)
    )
    return Assessment("1.2", "20250301", "101500", "", "", "chest", "1.0", "digest", series)


def compared(
    then: float, now: float, repeatability: float | None = REPEATABILITY, aspect: Aspect = PA, abstained: str = ""
) -> Compared:
    prior = told(then, abstained=abstained)
    return compare(prior, "opacity", aspect, (outcome(now), now), repeatability)


@pytest.mark.parametrize(
    ("then", "now", "change"),
    [
        (0.1, 0.9, Change.NEW),
        (0.9, 0.1, Change.RESOLVED),
        (0.65, 0.95, Change.INCREASED),
        (0.95, 0.65, Change.DECREASED),
        (0.8, 0.95, Change.UNCHANGED),
        (0.1, 0.39, Change.UNCHANGED),
        (0.5, 0.9, Change.NOT_COMPARABLE),
        (0.9, 0.5, Change.NOT_COMPARABLE),
    ],
)
def test_what_becomes_of_a_finding(then: float, now: float, change: Change) -> None:
    found = compared(then, now)
    assert found.change is change
    assert found.then is not None
    assert found.then.probability == then
    assert found.difference == pytest.approx(now - then)


@given(st.floats(0, 1), st.floats(0, 1), st.none() | st.floats(0, 1))
def test_read_backwards_what_was_new_has_resolved(then: float, now: float, repeatability: float | None) -> None:
    forwards, backwards = compared(then, now, repeatability), compared(now, then, repeatability)
    assert backwards.change is SWAPPED[forwards.change]
    assert forwards.difference == -(backwards.difference or 0)


@given(st.floats(0, 1), st.none() | st.floats(0, 1))
def test_equal_images_are_unchanged(probability: float, repeatability: float | None) -> None:
    found = compared(probability, probability, repeatability)
    is_answer = outcome(probability) is not Outcome.UNDETERMINED
    assert found.change is (Change.UNCHANGED if is_answer else Change.NOT_COMPARABLE)


@given(st.floats(0.6, 1), st.floats(0.6, 1), st.floats(0, 1), st.floats(0, 0.5))
def test_a_coarser_model_never_sees_more_changes(then: float, now: float, fine: float, more: float) -> None:
    if compared(then, now, fine).change is Change.UNCHANGED:
        assert compared(then, now, fine + more).change is Change.UNCHANGED


def test_without_a_repeatability_a_difference_says_nothing() -> None:
    found = compared(0.65, 0.99, None)
    assert (found.change, found.reason) == (
        Change.NOT_COMPARABLE,
        "the plugin states no repeatability, so that the difference says nothing",
    )
    assert compared(0.1, 0.9, None).change is Change.NEW


def test_a_change_of_side_of_the_threshold_within_the_repeatability_says_so() -> None:
    prior = told(0.3)
    found = compare(prior, "opacity", PA, (Outcome.PRESENT, 0.61), 0.4)
    assert found.change is Change.NEW
    assert "within the model's repeatability of 40 percentage points" in found.reason


def test_abstentions_are_kept_as_not_comparable() -> None:
    then = compared(0.9, 0.9, abstained="not a chest film.")
    assert (then.change, then.then) == (Change.NOT_COMPARABLE, None)
    assert then.reason == "the model gave no answer on the prior: not a chest film"
    now = compare(told(0.9), "opacity", PA, None, REPEATABILITY)
    assert (now.change, now.difference) == (Change.NOT_COMPARABLE, None)
    assert now.reason == "the model gives no answer now"


@pytest.mark.parametrize(
    ("aspect", "reason"),
    [
        (Aspect.of("CHEST", "L", "PA"), "of the prior it shows another side"),
        (Aspect.of("KNEE", "", "PA"), "of the prior it shows another body part (CHEST, not KNEE)"),
        (Aspect.of("CHEST", "", "AP"), "of the prior it shows another view (PA, not AP)"),
    ],
)
def test_only_like_is_compared_with_like(aspect: Aspect, reason: str) -> None:
    found = compared(0.1, 0.9, aspect=aspect)
    assert (found.change, found.reason) == (Change.NOT_COMPARABLE, reason)
    assert misfit(told(0.1), told(0.9, aspect=aspect)) == reason.removeprefix("of the prior ")


def test_a_part_or_view_that_nobody_tells_may_be_any() -> None:
    assert compared(0.1, 0.9, aspect=Aspect()).change is Change.NEW
    assert misfit(told(0.1), told(0.9, aspect=Aspect())) == ""


def test_of_several_films_then_the_most_probable_counts() -> None:
    found = compare(told(0.1, 0.9, 0.2), "opacity", PA, (Outcome.PRESENT, 0.9), REPEATABILITY)
    assert found.change is Change.UNCHANGED


def test_a_finding_that_was_not_claimed_then_is_not_comparable() -> None:
    found = compare(told(0.1), "nodule", PA, (Outcome.PRESENT, 0.9), REPEATABILITY)
    assert (found.change, found.reason) == (Change.NOT_COMPARABLE, "the prior has no answer on this finding")


def test_a_comparison_survives_as_text() -> None:
    views = (("PA", "AP"),)
    for one in (
        Comparison(told(0.1, 0.2)),
        Comparison(None, "there is no earlier study of this patient"),
        Comparison(told(0.1), "", (told(0.3), told(0.4)), views),
    ):
        again = comparison_from(comparison_text(one))
        assert again == one
        assert again.digest == one.digest
    later = replace(told(0.1), study_date="20250302")
    assert Comparison(told(0.1)).digest != Comparison(later).digest


def test_what_an_earlier_version_has_settled_keeps_its_digest_and_so_its_report_its_uids() -> None:
    text = comparison_text(Comparison(told(0.1)))
    assert set(json.loads(text)) == {"prior", "reason"}
    digest = "5bd940aeb2870a9dc975abd2e3902b9100e01af4670ab899983f99023b2932f7"
    assert Comparison(None, "there is no earlier study of this patient").digest == digest


def test_views_that_may_be_compared_are_with_a_caution_and_the_same_view_comes_first() -> None:
    ap, views = Aspect.of("CHEST", "", "AP"), (("PA", "AP"),)
    both = replace(told(0.9), series=(*told(0.9).series, *told(0.2, aspect=ap).series))
    found = compare(both, "opacity", ap, (Outcome.PRESENT, 0.9), REPEATABILITY, views)
    assert (found.change, found.reason) == (Change.NEW, "")
    assert found.then is not None
    assert found.then.probability == 0.2
    found = compare(told(0.9), "opacity", ap, (Outcome.PRESENT, 0.9), REPEATABILITY, views)
    assert (found.change, found.reason) == (
        Change.UNCHANGED,
        "the prior shows PA and this study AP, and the view alone may move the probability",
    )


@pytest.mark.parametrize("wrong", [(("PA",),), (("PA", "PA"),), (("PA", " "),), ((),)])
def test_a_group_of_views_that_allows_nothing_is_refused(wrong: tuple[tuple[str, ...], ...]) -> None:
    with pytest.raises(ValueError, match="two at least are wanted"):
        checked_views(wrong)
    assert checked_views((("pa", " ap "),)) == (("PA", "AP"),)


def test_who_shares_an_id_is_told_apart_by_what_both_headers_say() -> None:
    one = replace(told(0.1), born="a", sex="b")
    assert one.is_of_another_person(replace(one, born="", sex="")) == ""
    assert one.is_of_another_person(replace(one, born="x")) == "another birth date"
    assert one.is_of_another_person(replace(one, born="x", sex="y")) == "another birth date and another sex"
