"""Every claimed finding is told of on every series, answered or not."""

from __future__ import annotations

from dataclasses import replace

from node.export.answers import answers
from tests.export.material import STUDY, abstained, account, nothing_assessed, of_an_earlier_version


def test_each_claimed_finding_has_its_answer_in_the_order_of_the_manifest() -> None:
    told = answers(account())
    assert [one.claim.finding for one in told] == ["opacity", "effusion", "nodule"]
    assert all(one.finding is not None and one.reason == "" for one in told)


def test_an_abstention_leaves_every_claim_unanswered_with_its_reason() -> None:
    told = answers(abstained("the image is too dark"))
    assert [(one.claim.finding, one.finding, one.reason) for one in told] == [
        (name, None, "the image is too dark") for name in ("opacity", "effusion", "nodule")
    ]


def test_a_finding_that_the_model_left_out_says_so() -> None:
    told = account()
    (series,) = told.series
    _, missing, _ = answers(replace(told, series=(replace(series, findings=series.findings[::2]),)))
    assert missing.reason == "The model gave no answer for this finding"


def test_a_study_of_which_nothing_could_be_decoded_has_answers_too() -> None:
    told = answers(nothing_assessed())
    assert len(told) == 3
    assert {one.reason for one in told} == {"No image could be assessed: the codestream is cut off"}
    assert answers(replace(nothing_assessed(), not_assessed=()))[0].reason.endswith("no image was received")


def test_answers_on_several_series_and_twice_on_one_are_told_apart() -> None:
    told = account()
    (series,) = told.series
    both = replace(told, series=(series, series, replace(series, series_instance_uid=f"{STUDY}.2")))
    assert len({one.key for one in answers(both)}) == 9


def test_an_answer_keeps_its_key_when_the_answer_changes() -> None:
    assert [one.key for one in answers(account())] == [one.key for one in answers(abstained())]


def test_an_account_without_claims_claims_what_it_answered() -> None:
    assert [one.claim.finding for one in answers(of_an_earlier_version())] == ["opacity", "effusion", "nodule"]


def test_an_old_abstention_speaks_for_the_whole_model() -> None:
    (only,) = answers(replace(abstained(), claims=()))
    assert (only.claim.label, only.claim.code, only.reason) == (
        "Chest radiograph: opacity",
        None,
        "the image is too dark",
    )
