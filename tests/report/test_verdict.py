"""What is said of each claimed finding before it takes the shape of DICOM."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.errors import ReportError
from node.plugin import Finding, Neighbour, Outcome, Prediction
from node.report.summary import gaps, remarks, summary
from node.report.verdict import verdicts
from node.study import Analysis, NotAssessed
from tests.report.material import analysis, banded, contribution, header, manifest, not_assessed, region, spec


def answered(told: Analysis, prediction: Prediction) -> Analysis:
    """The analysis with another answer."""
    (item,) = told.analysed
    return replace(told, analysed=(replace(item, prediction=prediction),))


def test_every_claimed_finding_gets_a_verdict_in_the_manifest_s_order() -> None:
    told = manifest(findings=(spec("opacity"), spec("effusion"), spec("nodule")))
    found = verdicts(analysis(header(), manifest=told), [])
    assert [one.spec.name for one in found] == ["opacity", "effusion", "nodule"]
    assert [one.outcome for one in found] == [Outcome.PRESENT, Outcome.ABSENT, Outcome.ABSENT]


def test_a_finding_that_the_model_left_out_has_no_outcome() -> None:
    told = manifest(findings=(spec("opacity"), spec("effusion")))
    silent = answered(analysis(header(), manifest=told), Prediction((Finding("opacity", 1.0, 0.9),)))
    _, effusion = verdicts(silent, [])
    assert effusion.outcome is None
    assert effusion.reason == "The model gave no answer for this finding"


def test_an_abstention_outweighs_what_was_answered_all_the_same() -> None:
    torn = answered(analysis(header()), Prediction((Finding("opacity", 1.0, 0.9),), abstained="too dark"))
    (verdict,) = verdicts(torn, [region(header())])
    assert (verdict.outcome, verdict.reason, verdict.regions, verdict.reasons) == (None, "too dark", (), ())


def test_the_regions_of_a_finding_come_weightiest_first() -> None:
    source = header()
    (verdict,) = verdicts(analysis(source), [region(source, share=0.2), region(source, share=0.7)])
    assert [place.share for place in verdict.regions] == [0.7, 0.2]


def test_how_far_the_map_is_from_adding_up_is_kept() -> None:
    (verdict,) = verdicts(analysis(header()), [])
    assert verdict.residual == pytest.approx(0.0, abs=1e-6)


def test_without_a_map_nothing_is_said_about_adding_up() -> None:
    (verdict,) = verdicts(answered(analysis(header()), Prediction((Finding("opacity", 1.0, 0.9),))), [])
    assert verdict.residual is None


def test_the_key_image_is_the_one_that_the_model_names() -> None:
    sources = [header("MR", image=number) for number in (1, 2, 3)]
    told = analysis(*sources, manifest=manifest(level="series"))
    named = answered(told, Prediction((Finding("opacity", 1.0, 0.9, sources[2].SOPInstanceUID),)))
    unknown = answered(told, Prediction((Finding("opacity", 1.0, 0.9, "1.2.3"),)))
    assert verdicts(named, [])[0].image is told.analysed[0].image_set.images[2]
    assert verdicts(unknown, [])[0].image is told.analysed[0].image_set.images[1]


def test_with_nothing_decoded_each_reason_is_named_once() -> None:
    gone = tuple(not_assessed(header(image=number), "no pixel data") for number in (1, 2))
    (verdict,) = verdicts(analysis(not_assessed=gone), [])
    assert verdict.reason == "No image could be assessed: no pixel data"


def test_an_analysed_series_without_images_is_refused() -> None:
    told = analysis(header())
    (item,) = told.analysed
    hollow = replace(item, image_set=replace(item.image_set, images=()))
    with pytest.raises(ReportError, match="holds no image"):
        verdicts(replace(told, analysed=(hollow,)), [])


def _words(told: Analysis) -> str:
    return summary(told, verdicts(told, []))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (analysis(header(), probability=0.9), "present, calibrated probability 90 %"),
        (analysis(header(), probability=0.2), "absent, calibrated probability 20 %"),
        (analysis(header(), abstained="too dark."), "not assessed. too dark."),
        (analysis(header(), header(image=2)), "assessed 2 images."),
        (analysis(header(), expected=3), "2 expected image(s) had not arrived; this report is partial."),
        (analysis(not_assessed=(not_assessed(header()),)), "assessed 0 images."),
    ],
)
def test_the_summary_says_what_was_found(told: Analysis, said: str) -> None:
    assert said in _words(told)


@pytest.mark.parametrize("told", [analysis(header()), analysis(), analysis(header(), abstained="too dark")])
def test_the_summary_always_says_that_no_person_has_verified_it(told: Analysis) -> None:
    assert "No person has verified it." in _words(told)


def test_a_released_plugin_s_summary_does_not_speak_of_research() -> None:
    assert "Research" not in _words(analysis(header(), manifest=manifest(research_only=False)))


def test_a_complete_study_has_no_gaps() -> None:
    assert gaps(analysis(header(), expected=1)) == ()
    assert gaps(analysis(header(), header(image=2), expected=1)) == ()


def test_a_gap_names_the_instance_and_the_reason() -> None:
    gone = NotAssessed("1.2.3", "1.2", "1.2.9", "no pixel data")
    assert gaps(analysis(header(), not_assessed=(gone,), expected=2)) == (
        "Instance 1.2.3 was not assessed: no pixel data.",
    )


@pytest.mark.parametrize(
    ("probability", "outcome"),
    [(0.29, Outcome.ABSENT), (0.3, Outcome.UNDETERMINED), (0.69, Outcome.UNDETERMINED), (0.7, Outcome.PRESENT)],
)
def test_between_its_two_limits_a_finding_is_undetermined(probability: float, outcome: Outcome) -> None:
    told = analysis(header(), probability=probability, manifest=manifest(findings=(banded(),)))
    (verdict,) = verdicts(told, [])
    assert verdict.outcome is outcome
    assert any("Undetermined, though assessed" in reason for reason in verdict.reasons) == (
        outcome is Outcome.UNDETERMINED
    )


def test_the_summary_tells_undetermined_from_not_assessed() -> None:
    told = manifest(findings=(banded(),))
    undetermined = _words(analysis(header(), probability=0.5, manifest=told))
    assert "undetermined, calibrated probability 50 % between the limits 30 % and 70 %" in undetermined
    assert "not assessed" not in undetermined
    refused = _words(analysis(header(), abstained="too dark", manifest=told))
    assert "not assessed. too dark." in refused
    assert "undetermined" not in refused


def test_a_verdict_has_the_contribution_of_its_own_image_and_finding() -> None:
    source = header()
    told = analysis(source)
    strangers = [contribution(source, finding="nodule"), contribution(header(image=7))]
    (verdict,) = verdicts(told, [], [*strangers, contribution(source)])
    assert verdict.contribution == contribution(source)
    assert verdict.reasons == (contribution(source).sentence,)
    assert verdicts(told, [], strangers)[0].contribution is None


def test_a_verdict_has_the_training_cases_of_its_own_finding() -> None:
    cases = (Neighbour("opacity", "set/1", 0.93, present=True), Neighbour("effusion", "set/2", 0.9, present=False))
    told = analysis(header(), manifest=manifest(findings=(spec("opacity"), spec("effusion"))))
    (item,) = told.analysed
    opacity, effusion = verdicts(answered(told, replace(item.prediction, neighbours=cases)), [])
    assert (opacity.neighbours, effusion.neighbours) == (cases[:1], cases[1:])
    assert "Nearest training cases: set/1 (present, similarity 0.93); 1 of 1 carry the finding." in opacity.reasons


def test_of_many_findings_the_absent_ones_share_a_sentence_after_the_others() -> None:
    names = [f"finding {number}" for number in range(10)]
    told = analysis(header(), probability=0.9, manifest=manifest(findings=tuple(spec(name) for name in names)))
    words = _words(told)
    assert words.index("Finding 0 of the lung: present") < words.index("Absent, each below its operating point: ")
    assert words.count("absent, calibrated probability") == 0
    assert all(f"Finding {number} of the lung 10 %" in words for number in range(1, 10))


def test_remarks_stand_in_the_summary_and_name_their_series_where_there_are_several() -> None:
    remarked = Prediction((Finding("opacity", 1.0, 0.9),), remarks=("The header contradicts the pixels.",))
    one = answered(analysis(header()), remarked)
    assert remarks(one) == ("The header contradicts the pixels.",)
    assert "The header contradicts the pixels." in _words(one)
    both = replace(one, analysed=(*one.analysed, *analysis(header(series=2)).analysed))
    assert remarks(both) == (f"Series {header().SeriesInstanceUID}: The header contradicts the pixels.",)
