from __future__ import annotations

import pytest

from radnode_kit.sequence.header import remark

ENHANCED = {"probability": 0.97, "present": True, "absent": False}
PLAIN = {"probability": 0.04, "present": False, "absent": True}
UNCLEAR = {"probability": 0.5, "present": False, "absent": False}


def test_an_agent_that_the_pixels_do_not_show_is_remarked() -> None:
    assert remark("OMNIPAQUE 350", **PLAIN) == (
        "the header names a contrast agent (OMNIPAQUE 350), the pixels look unenhanced with probability 0.96"
    )


@pytest.mark.parametrize(("agent", "words"), [(None, "lacks the attribute"), ("", "leaves Contrast/Bolus Agent empty")])
def test_enhancement_that_the_header_does_not_tell_is_remarked(agent: str | None, words: str) -> None:
    said = remark(agent, **ENHANCED)
    assert words in said
    assert said.endswith("the pixels look enhanced with probability 0.97")


@pytest.mark.parametrize("agent", ["None", "no contrast", " WITHOUT "])
def test_a_header_that_denies_contrast_is_no_agent(agent: str) -> None:
    assert "no contrast agent was given" in remark(agent, **ENHANCED)
    assert remark(agent, **PLAIN) == ""


@pytest.mark.parametrize("agent", ["APPLIED", "ISOVUE", "&"])
def test_agreement_needs_no_words(agent: str) -> None:
    assert remark(agent, **ENHANCED) == ""
    assert remark(None, **PLAIN) == ""
    assert remark("", **PLAIN) == ""


@pytest.mark.parametrize("agent", [None, "", "ISOVUE", "NONE", "ORAL"])
def test_pixels_that_do_not_tell_contradict_nothing(agent: str | None) -> None:
    assert remark(agent, **UNCLEAR) == ""


@pytest.mark.parametrize("agent", ["ORAL", "Barium"])
def test_an_agent_in_the_bowel_says_nothing_of_the_vessels(agent: str) -> None:
    assert remark(agent, **PLAIN) == ""
    assert remark(agent, **ENHANCED) == ""


def test_long_and_ragged_text_is_cut_and_smoothed() -> None:
    said = remark("REDI  CAT\n&" + "X" * 200, **PLAIN)
    assert "(REDI CAT &XXX" in said
    assert len(said) < 160


def test_characters_that_are_not_seen_do_not_pass() -> None:
    assert remark("IOM\x1b[31mERON", **PLAIN).isprintable()
