"""Which pictures and regions an analysis gets, and what they say."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from node.explain import explanation, regions_and_pictures
from node.explain.caption import caption
from node.plugin import Finding, Interval, OperatingPoint
from node.study import NotAssessed
from tests.explain.material import analysis, evidence, image, manifest, spec


def test_a_present_finding_gets_a_picture_and_a_region() -> None:
    found, pictures = regions_and_pictures(analysis())
    assert [place.finding for place in found] == ["opacity"]
    assert [picture.finding for picture in pictures] == ["opacity"]


def test_below_its_operating_point_a_finding_gets_no_region_but_a_picture() -> None:
    found, pictures = regions_and_pictures(analysis(probabilities=(0.49,)))
    assert found == ()
    assert len(pictures) == 1


def test_an_overlay_shows_the_evidence_larger_and_alone() -> None:
    (beside,), (alone,) = (regions_and_pictures(analysis(), overlay=overlay)[1] for overlay in (False, True))
    coloured = [int((np.ptp(made.pixels.astype(int), axis=-1) > 60).sum()) for made in (beside, alone)]
    assert coloured[1] > 1.1 * coloured[0]
    assert alone.description == beside.description


def test_at_its_operating_point_a_finding_is_present() -> None:
    found, _ = regions_and_pictures(analysis(probabilities=(0.5,)))
    assert len(found) == 1


def test_each_present_finding_gets_its_own_picture() -> None:
    told = manifest(spec("opacity"), spec("effusion"), spec("nodule"))
    found, pictures = regions_and_pictures(analysis(told=told, probabilities=(0.9, 0.1, 0.8)))
    assert [picture.finding for picture in pictures] == ["opacity", "nodule"]
    assert {place.finding for place in found} == {"opacity", "nodule"}


def test_when_none_is_present_the_most_probable_finding_is_shown() -> None:
    told = manifest(spec("opacity"), spec("effusion"))
    _, pictures = regions_and_pictures(analysis(told=told, probabilities=(0.1, 0.3)))
    assert [picture.finding for picture in pictures] == ["effusion"]


def test_a_finding_that_does_not_localise_gets_no_region() -> None:
    found, pictures = regions_and_pictures(analysis(told=manifest(spec(localises=False))))
    assert found == ()
    assert len(pictures) == 1


def test_a_series_gets_a_stack_in_the_order_of_space_and_regions_on_the_key_image() -> None:
    slices = tuple(image(number=number, position=5.0 * number) for number in (1, 2, 3, 4, 5))
    found, pictures = regions_and_pictures(analysis(slices))
    assert [picture.sop_instance_uid for picture in pictures] == [one.sop_instance_uid for one in slices]
    assert {place.sop_instance_uid for place in found} == {"1.2.3.3"}
    assert len({picture.pixels.shape for picture in pictures}) == 1


def test_only_images_with_a_map_are_drawn() -> None:
    slices = tuple(image(number=number) for number in (1, 2, 3))
    _, pictures = regions_and_pictures(analysis(slices, maps=(evidence(slices[1]),)))
    assert [picture.sop_instance_uid for picture in pictures] == ["1.2.3.2"]


def test_of_a_long_series_the_images_around_the_key_image_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explanation, "MOST_PICTURES", 4)
    slices = tuple(image(20, 20, number=number) for number in range(1, 12))
    _, pictures = regions_and_pictures(analysis(slices))
    assert [picture.sop_instance_uid for picture in pictures] == [f"1.2.3.{number}" for number in (4, 5, 6, 7)]


def test_the_contours_say_how_much_they_hold() -> None:
    found, _ = regions_and_pictures(analysis())
    told = analysis()
    (item,) = told.analysed
    said = caption(told, item, item.prediction.findings[0], item.image_set.images[0], held=found[0].share)
    assert any(re.fullmatch(r"The contours hold the strongest 5\d % of the evidence.*", note) for note in said.notes)


def test_in_a_series_the_contours_say_on_which_image_they_are() -> None:
    slices = tuple(image(number=number) for number in (1, 2, 3))
    told = analysis(slices)
    (item,) = told.analysed
    said = caption(told, item, item.prediction.findings[0], slices[0], held=0.5)
    assert said.notes[0] == "The contours on image 2 hold the strongest 50 % of the evidence for the finding."


def test_weak_evidence_looks_weak() -> None:
    picture = image(pixels=np.zeros((100, 100), np.float32))
    weak = evidence(picture, np.full((5, 5), 0.001, np.float32))
    _, (made,) = regions_and_pictures(analysis((picture,), probabilities=(0.1,), maps=(weak,)))
    assert np.median(made.pixels[150:500, 480:860]) < 40


def test_a_model_without_maps_still_gets_a_picture() -> None:
    found, pictures = regions_and_pictures(analysis(maps=()))
    assert found == ()
    assert [picture.finding for picture in pictures] == [""]


def test_an_abstention_gets_one_picture_that_says_so() -> None:
    found, (picture,) = regions_and_pictures(analysis(abstained="unlike the images the model knows"))
    assert found == ()
    assert picture.finding == ""
    assert "Not assessed" in picture.description
    assert "unlike the images the model knows" in picture.description


def test_with_nothing_analysed_there_is_nothing_to_draw() -> None:
    assert regions_and_pictures(replace(analysis(), analysed=())) == ((), ())


def test_a_frame_of_a_multi_frame_image_is_named() -> None:
    frames = tuple(image(number=1, frame=frame) for frame in (1, 2, 3))
    found, pictures = regions_and_pictures(analysis(frames))
    assert [picture.frame for picture in pictures] == [1, 2, 3]
    assert {place.frame for place in found} == {2}


def test_explaining_twice_gives_the_same_pictures() -> None:
    (first,), (second,) = regions_and_pictures(analysis())[1], regions_and_pictures(analysis())[1]
    np.testing.assert_array_equal(first.pixels, second.pixels)


def words(probability: float = 0.87, **changes: object) -> str:
    told = analysis(probabilities=(probability,), **changes)
    (item,) = told.analysed
    said = caption(told, item, item.prediction.findings[0], item.image_set.images[0])
    return "\n".join([said.title, said.facts, said.shown, *said.notes, said.warning])


def test_the_words_name_finding_probability_operating_point_and_model() -> None:
    said = words()
    assert "Opacity: present, 87 %" in said
    assert "operating point of 50 % (sensitivity 95 %, specificity 88 %)" in said
    assert "Class activation: evidence for opacity" in said
    assert "Model chest, version 1.0" in said
    assert "measured on films kept aside" in said


def test_figures_that_nobody_measured_are_called_so() -> None:
    nothing = Interval(0.0, 0.0, 1.0)
    point = OperatingPoint(0.5, nothing, nothing, "a paper's threshold")
    said = words(told=manifest(spec(operating_point=point)))
    assert "operating point of 50 % (sensitivity and specificity not measured)" in said
    assert "Source of the operating point: a paper's threshold." in said
    assert "measured on" not in said


def test_only_what_was_measured_is_said_to_be() -> None:
    point = OperatingPoint(0.5, Interval(0.95, 0.9, 0.98), Interval(0.0, 0.0, 1.0), "films kept aside")
    said = words(told=manifest(spec(operating_point=point)))
    assert "(sensitivity 95 %, specificity not measured)" in said
    assert "\nSensitivity measured on films kept aside." in said


def test_the_words_say_that_no_person_has_verified_it() -> None:
    assert words().endswith("AI, not verified by a person. Research use, not for diagnosis.")


def test_a_released_plugin_is_not_called_research() -> None:
    assert words(told=manifest(research_only=False)).endswith("AI, not verified by a person.")


@pytest.mark.parametrize(("probability", "said"), [(0.004, "< 1 %"), (0.996, "> 99 %"), (0.0, "0 %"), (1.0, "100 %")])
def test_a_probability_is_never_rounded_to_certainty(probability: float, said: str) -> None:
    assert f", {said}\n" in words(probability)


def test_what_could_not_be_assessed_is_told() -> None:
    gone = NotAssessed("1.2.3.9", "1.2", "1.2.9", "the codestream is cut off")
    assert "1 image of this study could not be assessed: the codestream is cut off." in words(not_assessed=(gone,))


def test_a_table_lists_all_findings_when_there_are_several() -> None:
    told = manifest(spec("opacity"), spec("effusion"))
    made = analysis(told=told, probabilities=(0.9, 0.2))
    (item,) = made.analysed
    said = caption(made, item, Finding("opacity", 1.0, 0.9), item.image_set.images[0])
    assert said.rows == (("Opacity", "90 %", "50 %", "present"), ("Effusion", "20 %", "50 %", "absent"))


_INTERVAL = Interval(0.9, 0.8, 0.95)
#: Undetermined from 40 % to below 62 %.
BAND = OperatingPoint(0.5, _INTERVAL, _INTERVAL, "films kept aside", (0.4, 0.62), 0.1)


def test_an_undetermined_finding_is_pictured_after_the_present_ones_and_never_outlined() -> None:
    told = manifest(spec("opacity", operating_point=BAND), spec("effusion"), spec("nodule"))
    found, pictures = regions_and_pictures(analysis(told=told, probabilities=(0.5, 0.1, 0.9)))
    assert [picture.finding for picture in pictures] == ["nodule", "opacity"]
    assert {place.finding for place in found} == {"nodule"}


def test_of_many_undetermined_findings_the_most_probable_are_pictured() -> None:
    names = ("a", "b", "c", "d", "e")
    told = manifest(*(spec(name, operating_point=BAND) for name in names))
    _, pictures = regions_and_pictures(analysis(told=told, probabilities=(0.5, 0.41, 0.6, 0.42, 0.55)))
    assert [picture.finding for picture in pictures] == ["a", "c", "e"]
    assert explanation.MOST_UNDETERMINED == 3


def test_the_words_of_an_undetermined_finding_name_limits_and_error_rate() -> None:
    said = words(0.47, told=manifest(spec(operating_point=BAND)))
    assert "Opacity: undetermined, 47 %" in said
    assert "between the limits 40 % and 62 % around the operating point of 50 %" in said
    assert "set so that beyond them at most 10 % of each kind is called wrongly" in said
    assert "Not assessed" not in said


@pytest.mark.parametrize(("probability", "side"), [(0.62, "at or above"), (0.39, "below")])
def test_beyond_the_limits_the_words_are_those_of_any_decided_finding(probability: float, side: str) -> None:
    said = words(probability, told=manifest(spec(operating_point=BAND)))
    assert f"{side} the operating point of 50 %" in said
    assert "Undetermined" not in said


def test_the_table_shows_the_limits_beside_the_threshold() -> None:
    told = manifest(spec("opacity", operating_point=BAND), spec("effusion"))
    made = analysis(told=told, probabilities=(0.5, 0.2))
    (item,) = made.analysed
    said = caption(made, item, item.prediction.findings[0], item.image_set.images[0])
    assert said.rows == (
        ("Opacity", "50 %", "50 % (40-62)", "undetermined"),
        ("Effusion", "20 %", "50 %", "absent"),
    )


def test_the_words_say_what_stands_behind_the_answer_the_same_on_every_image() -> None:
    slices = tuple(image(number=number) for number in (1, 2, 3))
    key = slices[1].sop_instance_uid
    finding = Finding("opacity", 1.0, 0.9, key, 1, agreement=(2, 3))
    told = analysis(slices, findings=(finding,), remarks=("The header contradicts the pixels.",))
    (item,) = told.analysed
    notes = [caption(told, item, finding, one).notes for one in slices]
    for said in notes:
        assert "2 of 3 images reach the operating point on their own." in said
        assert "The header contradicts the pixels." in said
        assert any(note.startswith("On image 2 of 3: The ") for note in said)
    assert len({len(said) for said in notes}) == 1
    assert len({picture.pixels.shape for picture in regions_and_pictures(told)[1]}) == 1, "one stack, one size"


def test_what_the_model_remarks_is_said_also_where_it_does_not_answer() -> None:
    told = analysis(abstained="too dark", remarks=("The film is inverted.",))
    (item,) = told.analysed
    assert "The film is inverted." in explanation.caption_without_answer(told, item, item.image_set.images[0]).notes
