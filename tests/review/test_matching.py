"""Which answer a reader's words are about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.claims import Outcome
from node.errors import PermanentError
from node.review import match
from node.reviews import Answer, Judgement, Review, Statement

CODE = ("233604007", "SCT")
FIRST = Answer(1, "chest", "1.0", "pneumonia", "", "2.25.9", CODE, Outcome.PRESENT, 0.9, frozenset({"2.25.100"}))
LATER = replace(FIRST, analysis_id=2, outcome=Outcome.ABSENT, results=frozenset({"2.25.200"}))
EFFUSION = replace(FIRST, finding="effusion", tracking_uid="2.25.8", code=("60046008", "SCT"))
ACCEPTS = Statement(judgement=Judgement.ACCEPTED, finding="pneumonia")


def matched(statement: Statement, *answers: Answer) -> Review:
    return match(statement, answers, "reader", "posted")


def refusal(statement: Statement, *answers: Answer) -> str:
    with pytest.raises(PermanentError) as caught:
        match(statement, answers, "reader", "posted")
    return str(caught.value)


def test_a_finding_is_known_by_its_name() -> None:
    review = matched(ACCEPTS, EFFUSION, FIRST)
    assert (review.answer, review.judgement, review.reader, review.origin) == (
        FIRST,
        Judgement.ACCEPTED,
        "reader",
        "posted",
    )


def test_of_several_revisions_the_newest_is_meant() -> None:
    assert matched(ACCEPTS, LATER, FIRST).answer == LATER


def test_a_reference_to_a_result_says_which_revision_is_meant() -> None:
    assert matched(replace(ACCEPTS, references=frozenset({"2.25.100"})), FIRST, LATER).answer == FIRST


def test_a_reference_to_something_else_changes_nothing() -> None:
    assert matched(replace(ACCEPTS, references=frozenset({"1.2.3"})), FIRST, LATER).answer == LATER


def test_a_tracking_uid_names_the_finding() -> None:
    said = Statement(judgement=Judgement.REJECTED, tracking_uid="2.25.8", code=CODE)
    assert matched(said, FIRST, EFFUSION).answer == EFFUSION


def test_a_code_alone_names_nobody_but_with_a_reference_it_does() -> None:
    said = Statement(judgement=Judgement.ACCEPTED, code=CODE)
    assert "has no such finding" in refusal(said, FIRST)
    assert matched(replace(said, references=frozenset({"2.25.100"})), FIRST).answer == FIRST


def test_the_right_outcome_accepts_or_corrects() -> None:
    said = Statement(outcome=Outcome.PRESENT, finding="pneumonia")
    assert matched(said, FIRST).judgement is Judgement.ACCEPTED
    review = matched(said, LATER)
    assert (review.judgement, review.stated, review.truth) == (Judgement.CORRECTED, Outcome.PRESENT, Outcome.PRESENT)


def test_two_plugins_with_one_finding_must_be_told_apart() -> None:
    other = replace(FIRST, plugin="other")
    text = refusal(ACCEPTS, FIRST, other)
    assert text == "it does not say which answer it is about: chest pneumonia, other pneumonia [pneumonia]"
    assert matched(replace(ACCEPTS, plugin="other"), FIRST, other).answer == other


def test_two_sides_must_be_told_apart() -> None:
    left, right = replace(FIRST, laterality="L"), replace(FIRST, laterality="R")
    assert "pneumonia L, chest pneumonia R" in refusal(ACCEPTS, left, right)
    assert matched(replace(ACCEPTS, laterality="R"), left, right).answer == right


def test_what_the_study_has_is_named_to_who_asks_for_something_else() -> None:
    text = refusal(replace(ACCEPTS, finding="fracture"), FIRST, EFFUSION)
    assert text == "the study has no such finding; it has chest: effusion, chest: pneumonia [fracture]"
    assert "files were purged" in refusal(ACCEPTS)
