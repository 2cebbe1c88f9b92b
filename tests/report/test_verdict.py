"""What is said of each claimed finding before it takes the shape of DICOM."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.errors import ReportError
from node.plugin import Finding, Prediction
from node.report.summary import gaps, summary
from node.report.verdict import verdicts
from node.study import Analysis, NotAssessed
from tests.report.material import analysis, header, manifest, not_assessed, region, spec


def answered(told: Analysis, prediction: Prediction) -> Analysis:
    """The analysis with another answer."""
    (item,) = told.analysed
    return replace(told, analysed=(replace(item, prediction=prediction),))


def test_every_claimed_finding_gets_a_verdict_in_the_manifest_s_order() -> None:
    told = manifest(findings=(spec("opacity"), spec("effusion"), spec("nodule")))
    found = verdicts(analysis(header(), manifest=told), [])
    assert [one.spec.name for one in found] == ["opacity", "effusion", "nodule"]
    assert [one.present for one in found] == [True, False, False]


def test_a_finding_that_the_model_left_out_is_undetermined() -> None:
    told = manifest(findings=(spec("opacity"), spec("effusion")))
    silent = answered(analysis(header(), manifest=told), Prediction((Finding("opacity", 1.0, 0.9),)))
    _, effusion = verdicts(silent, [])
    assert effusion.present is None
    assert effusion.reason == "The model gave no answer for this finding"


def test_an_abstention_outweighs_what_was_answered_all_the_same() -> None:
    torn = answered(analysis(header()), Prediction((Finding("opacity", 1.0, 0.9),), abstained="too dark"))
    (verdict,) = verdicts(torn, [region(header())])
    assert (verdict.present, verdict.reason, verdict.regions) == (None, "too dark", ())


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
        (analysis(header(), abstained="too dark."), "undetermined. too dark."),
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
