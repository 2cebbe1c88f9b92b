"""What the page says, and that neither an abstention nor a film without findings can be misread."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.plugin import Prediction
from node.report.page.block import SHADE, Bar
from node.report.page.head import person_name
from node.report.page.words import NOTHING_ELSE
from node.study import Explanation
from tests.report.material import (
    analysis,
    banded,
    header,
    manifest,
    not_assessed,
    picture,
    spec,
    unmeasured,
)
from tests.report.sheet import (
    FOURTEEN,
    all_at,
    film,
    marks_of,
    talkative,
    text_of,
)


def test_it_says_whose_it_is_as_the_source_does() -> None:
    said = text_of(marks_of(*film()))
    for fact in ("Doe, Jane", "P-1", "1960-01-02", "F", "2025-06-14", "A-77", "Thorax", "Chest radiograph: opacity"):
        assert fact in said.replace("  ", " ")


def test_what_the_source_does_not_tell_is_said_to_be_missing() -> None:
    ds = header(PatientName=None, PatientBirthDate=None, AccessionNumber="")
    said = text_of(marks_of(analysis(ds), ds))
    assert "not stated" in said
    assert "None" not in said


def test_a_finding_is_told_with_all_its_figures() -> None:
    ds = header()
    said = text_of(marks_of(analysis(ds, manifest=manifest(findings=(banded(),))), ds))
    assert "Present: Opacity of the lung (87 %)" in said
    assert "Opacity of the lung present 87 % 50 % 30-70 % 95% (92%-97%) 88% (84%-91%)" in said


def test_figures_that_nobody_measured_are_no_figures() -> None:
    ds = header()
    said = text_of(marks_of(analysis(ds, manifest=manifest(findings=(unmeasured(),))), ds))
    assert said.count("not measured") == 2
    assert "0%" not in said


def test_an_undetermined_finding_is_neither_present_nor_absent() -> None:
    ds = header()
    said = text_of(marks_of(analysis(ds, probability=0.47, manifest=manifest(findings=(banded(),))), ds))
    assert "Undetermined: Opacity of the lung (47 %)" in said
    assert "Undetermined, though assessed: 47 % lies between the two limits 30 % and 70 %" in said
    assert "Nothing found" not in said
    assert "Present:" not in said


def test_the_reasons_of_what_is_present_are_told() -> None:
    told, ds = film()
    said = text_of(marks_of(talkative(told), ds))
    assert "The upper right region of the image" in said
    assert "Remark." in said
    assert "Nearest training cases" in said.replace("  ", " ")


def test_a_film_without_findings_says_nothing_found_and_how_little_that_means() -> None:
    ds = header()
    told = analysis(ds, probability=0.1, manifest=manifest(findings=(spec(), spec("nodule"))))
    said = text_of(marks_of(told, ds))
    assert "Nothing found: each of the 2 findings is absent" in said
    assert NOTHING_ELSE in said
    assert "Opacity of the lung, the most probable." in said  # of equals the first, which is the one pictured
    assert "NOT ASSESSED" not in said


def test_a_single_absent_finding_is_named() -> None:
    ds = header()
    assert "Nothing found: Opacity of the lung is absent" in text_of(marks_of(analysis(ds, probability=0.1), ds))


def test_an_abstention_can_not_be_taken_for_a_normal_result() -> None:
    ds = header()
    told = analysis(ds, abstained="the image is unlike those the model knows", manifest=manifest(findings=FOURTEEN[:3]))
    marks = marks_of(told, ds, explanation=Explanation(pictures=(picture(ds, ""),)))
    said = text_of(marks)
    assert "NOT ASSESSED: the model gives no answer" in said
    assert "The image is unlike those the model knows. This is not a normal result" in said
    assert said.count("not assessed -") == 3
    assert "absent" not in said
    assert "Nothing found" not in said
    assert [mark for mark in marks if isinstance(mark, Bar) and mark.grey == SHADE]  # on grey, within a heavy frame


def test_a_study_of_which_no_image_could_be_read_is_not_assessed() -> None:
    ds = header()
    said = text_of(marks_of(analysis(not_assessed=(not_assessed(ds),), expected=3), ds, explanation=Explanation()))
    assert "NOT ASSESSED: the model gives no answer" in said
    assert "No image could be assessed: pixel data cannot be decoded." in said
    assert "1 image not assessed. Pixel data cannot be decoded." in said
    assert "2 of 3 expected images had not arrived when the analysis" in said


def test_a_series_on_which_the_model_abstained_is_told_beside_one_with_an_answer() -> None:
    sources = [header(series=number, SeriesNumber=number) for number in (4, 7)]
    told = analysis(*sources)
    first, second = told.analysed
    told = replace(told, analysed=(first, replace(second, prediction=Prediction(abstained="it is a lateral film"))))
    said = text_of(marks_of(told, *sources))
    assert "Present: Opacity of the lung, series 4 (87 %)" in said
    assert "NOT ASSESSED: 1 of 2, see below" in said
    assert "Opacity of the lung, series 7. It is a lateral film." in said


def test_where_nothing_was_found_in_one_series_and_another_has_no_answer_the_headline_says_both() -> None:
    sources = [header(series=number) for number in (1, 2)]
    told = analysis(*sources, probability=0.1)
    first, second = told.analysed
    told = replace(told, analysed=(first, replace(second, prediction=Prediction(abstained="it is a lateral film"))))
    said = text_of(marks_of(told, *sources))
    assert "Nothing found in what was assessed: 1 of 2 findings are absent" in said
    assert "NOT ASSESSED: 1 of 2, see below" in said


def test_a_partial_study_is_called_incomplete_in_the_headline() -> None:
    seen, unseen = header(), header(image=2)
    told = analysis(seen, not_assessed=(not_assessed(unseen),) * 2, expected=5)
    said = text_of(marks_of(told, seen, unseen))
    assert "INCOMPLETE: not all images of the study were assessed" in said
    assert "2 images not assessed. Pixel data cannot be decoded." in said
    assert "2 of 5 expected images had not arrived" in said


def test_of_many_findings_the_headline_counts_and_names_them() -> None:
    told, ds = film(findings=FOURTEEN[:5])
    said = text_of(marks_of(all_at(told, 0.9), ds))
    assert "Present: 5 of 5 findings" in said
    assert "Finding 0 of the lung (90 %), Finding 1 of the lung (90 %)" in said


def test_the_model_its_purpose_and_its_limits_are_told() -> None:
    told, ds = film()
    said = text_of(marks_of(told, ds))
    for fact in (
        "chest-radiograph, version 1.2.0, by radnode authors.",
        "Research on chest films.",
        "300 films kept aside.",
        "Apache-2.0.",
        told.manifest.digest,
        "\N{BULLET} Only frontal films",
        "\N{BULLET} Evidence maps show",
    ):
        assert fact in said


def test_a_manifest_without_limits_is_said_to_name_none() -> None:
    assert "The manifest of the plugin names none" in text_of(marks_of(*film(limits=())))


def test_the_foot_says_that_no_person_has_verified_it_where_and_when() -> None:
    said = text_of(marks_of(*film()))
    assert "This result was made by a computer program. No person has verified it." in said
    assert "Research use, not for diagnosis." in said
    assert "on NODE1 / RADNODE, 2025-06-15 15:06:40 UTC" in said
    assert said.endswith("Page 1 of 1")


def test_the_time_is_told_in_the_time_zone_of_the_source() -> None:
    ds = header(TimezoneOffsetFromUTC="+0200")
    assert "2025-06-15 17:06:40 +0200" in text_of(marks_of(analysis(ds), ds))


def test_a_later_revision_says_so() -> None:
    ds = header()
    assert ", revision 3" in text_of(marks_of(analysis(ds, revision=3), ds))
    assert "revision" not in text_of(marks_of(analysis(ds), ds))


def test_a_result_that_is_not_for_research_does_not_say_that_it_is() -> None:
    said = text_of(marks_of(*film(research_only=False, intended_use="Points out films.")))
    assert "esearch" not in said
    assert "No person has verified it." in said


def test_reasons_that_do_not_fit_are_cut_and_stand_in_the_structured_report() -> None:
    told, ds = film(findings=FOURTEEN)
    said = text_of(marks_of(talkative(all_at(told, 0.9)), ds))
    assert "... see the Structured Report" in said
    for number in range(14):
        assert f"Finding {number} of the lung." in said


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Doe^Jane", "Doe, Jane"),
        ("Adams^John Robert Quincy^^Rev.^B.A. M.Div.", "Adams, John Robert Quincy Rev. B.A. M.Div."),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou (山田 太郎, やまだ たろう)"),
        ("=山田^太郎", "山田 太郎"),
        ("Doe^Jane=Doe^Jane", "Doe, Jane"),
        ("王^小东", "王 小东"),
        ("Doe", "Doe"),
        ("^Jane", "Jane"),
        ("", ""),
        ("==", ""),
        ("a^b^c^d^e^f^g", "a, b c d e f g"),
    ],
)
def test_a_persons_name_is_written_as_a_person_reads_it(value: str, shown: str) -> None:
    assert person_name(value) == shown


def named(name: str) -> str:
    ds = header(SpecificCharacterSet="ISO_IR 192", PatientName=name)
    return text_of(marks_of(analysis(ds), ds))


def test_a_japanese_name_is_shown_in_latin_and_its_characters_with_a_warning() -> None:
    said = named("Yamada^Tarou=山田^太郎=やまだ^たろう")
    assert "Yamada, Tarou (山田 太郎, やまだ たろう)" in said
    assert "drawn by the viewer's own typeface and may be missing" in said
    assert "Patient's Name (0010,0010)" in said


def test_a_russian_name_is_transliterated_and_the_page_says_so() -> None:
    said = named("Жуков^Алексей")
    assert "Zhukov, Aleksei" in said
    assert "some letters are transliterated one by one" in said


def test_an_arabic_name_is_named_by_its_script_and_the_page_says_where_it_stands() -> None:
    said = named("قباني^لنزار")
    assert "[Arabic script]" in said
    assert "in brackets stands the script of letters that this page cannot show" in said
    assert "Patient's Name (0010,0010)" in said


def test_a_name_that_is_cut_is_said_to_be_cut() -> None:
    said = named("Wolfeschlegelsteinhausenbergerdorff" * 8)
    assert "what ends in dots is cut short" in said


def test_a_name_that_is_shown_whole_needs_no_note() -> None:
    assert "(0010,0010)" not in named("Müller^Jürgen")
