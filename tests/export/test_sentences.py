"""What stands in words beside every result."""

from __future__ import annotations

from dataclasses import replace

from node.export.answers import answers
from node.export.exported import Standing
from node.export.sentences import NOT_VERIFIED, RESEARCH, WITHDRAWN, caveats, of_analysis, of_answer
from tests.export.material import ALGORITHM, abstained, account, exported_analysis, nothing_assessed


def test_a_result_says_that_nobody_has_verified_it() -> None:
    assert caveats(exported_analysis()) == (NOT_VERIFIED, RESEARCH)
    cleared = exported_analysis(algorithm=replace(ALGORITHM, research_only=False))
    assert caveats(cleared) == (NOT_VERIFIED,)


def test_a_withdrawn_result_says_so_first_and_why() -> None:
    told = of_analysis(exported_analysis(standing=Standing.WITHDRAWN, reason="the wrong patient"))
    assert told[0] == WITHDRAWN
    assert "the wrong patient" in told


def test_what_has_no_result_says_why_and_no_more() -> None:
    assert of_analysis(exported_analysis(standing=Standing.MISSING, reason="the plugin raised")) == (
        "the plugin raised",
    )


def test_remarks_gaps_and_images_that_were_not_assessed_are_told() -> None:
    assert "It contradicts itself." in of_analysis(exported_analysis())
    told = " ".join(of_analysis(exported_analysis(nothing_assessed(), complete=False)))
    assert "was not assessed: the codestream is cut off." in told
    assert "Not all images of the study could be assessed." in told


def test_an_answer_is_told_with_its_operating_point_and_its_reasons() -> None:
    opacity, _, nodule = answers(account())
    point, *reasons = of_answer(opacity)
    assert point == (
        "Operating point 50 %: sensitivity 95 % (95 % CI 92 % to 97 %), specificity 88 % (95 % CI 84 % to 91 %),"
        " measured on 300 films kept aside."
    )
    assert opacity.finding is not None
    assert tuple(reasons) == opacity.finding.reasons
    assert of_answer(nodule)[0] == (
        "Operating point 50 %: sensitivity not measured, specificity not measured; it comes from a paper's threshold."
    )


def test_what_was_not_assessed_is_never_called_undetermined() -> None:
    (told,) = of_answer(answers(abstained())[0])
    assert told == "Not assessed: the image is too dark"
