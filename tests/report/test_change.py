"""What became of a finding since a prior study, as the report, the page and the account say it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from node.account import account_bytes, account_from
from node.comparison import Comparison
from node.explain.caption import caption
from node.report.account import account_of
from node.report.identity import instance_uid, tracking_uid
from node.report.page import words as page
from node.study import Analysis, Explanation
from node.worker.summary import changes
from tests.peers.archive import validate
from tests.report import walk
from tests.report.material import (
    STUDY,
    analysis,
    assessed,
    built,
    by_uid,
    comparison,
    header,
    manifest,
    read_back,
    spec,
)

DIFFERENCE = "111049"


def told(probability: float = 0.87, then: float = 0.12, **changes: Any) -> Analysis:
    claims = manifest(repeatability=0.2, **changes.pop("manifest", {}))
    return analysis(header(), probability=probability, comparison=comparison(then), manifest=claims, **changes)


def report(found: Analysis) -> Dataset:
    return read_back(built(found, by_uid(header()), (), (), kinds=("sr",))[0][1])


@pytest.mark.parametrize(
    ("then", "now", "code", "words"),
    [
        (0.12, 0.87, ("7147002", "New"), "New since the study of 2025-03-01: absent at 12 % then, 87 % now, +75"),
        (0.87, 0.12, ("723506003", "Resolved"), "Resolved since the study of 2025-03-01: present at 87 % then"),
        (0.55, 0.95, ("35105006", "Increased"), "+40 percentage points"),
        (0.95, 0.55, ("1250004", "Decreased"), "-40 percentage points"),
        (0.85, 0.87, ("260388006", "No status change"), "within the model's repeatability of 20 percentage points"),
    ],
)
def test_the_change_is_coded_and_told(then: float, now: float, code: tuple[str, str], words: str) -> None:
    ds = report(told(now, then))
    (group,) = walk.groups(ds)
    (item,) = walk.named(group, DIFFERENCE)
    value = item.ConceptCodeSequence[0]
    assert (value.CodeValue, value.CodeMeaning, value.CodingSchemeDesignator) == (*code, "SCT")
    below = {one.ConceptNameCodeSequence[0].CodeValue: one for one in item.ContentSequence}
    assert {one.RelationshipType for one in item.ContentSequence} == {"INFERRED FROM"}
    assert below["111012"].MeasuredValueSequence[0].NumericValue == pytest.approx(100 * then)
    assert (below["111060"].Date, below["110180"].UID) == ("20250301", f"{STUDY}.77")
    assert any(words in text for text in walk.texts(group, "121106"))
    assert words in walk.texts(ds, "121111")[0]


def test_the_images_of_the_prior_are_evidence_of_another_procedure() -> None:
    ds = report(told())
    (study,) = ds.PertinentOtherEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert (study.StudyInstanceUID, series.SeriesInstanceUID) == (f"{STUDY}.77", f"{STUDY}.77.1")
    assert [one.ReferencedSOPInstanceUID for one in series.ReferencedSOPSequence] == [f"{STUDY}.77.1.1"]
    (current,) = ds.CurrentRequestedProcedureEvidenceSequence
    assert current.StudyInstanceUID == STUDY


def test_what_is_not_comparable_is_told_in_words_alone() -> None:
    ds = report(told(abstained="not a chest film"))
    assert walk.named(ds, DIFFERENCE) == []
    assert "Compared with the study of 2025-03-01, assessed by the same model." in walk.texts(ds, "121106")
    other = told(manifest={"findings": (spec("effusion"),)})
    (group,) = walk.groups(report(other))
    assert walk.named(group, DIFFERENCE) == []
    reason = "Not comparable with the study of 2025-03-01: the prior has no answer on this finding."
    assert reason in walk.texts(group, "121106")


def test_why_nothing_is_compared_stands_in_the_report() -> None:
    why = Comparison(None, "the prior of 2025-03-01 did not come in time")
    ds = report(analysis(header(), comparison=why))
    sentence = "No comparison: the prior of 2025-03-01 did not come in time."
    assert sentence in walk.texts(ds, "121106")
    assert sentence in walk.texts(ds, "121111")[0]
    assert "PertinentOtherEvidenceSequence" not in ds


def test_who_wants_no_comparison_gets_the_report_of_before() -> None:
    ds = report(analysis(header()))
    assert walk.named(ds, DIFFERENCE) == []
    assert "omparison" not in walk.texts(ds, "121111")[0]


def test_the_finding_keeps_its_tracking_uid_from_study_to_study() -> None:
    now = told(patient_key="patient")
    then = analysis(header(), study_instance_uid=f"{STUDY}.77", patient_key="patient")
    assert tracking_uid(now, "opacity") == tracking_uid(then, "opacity")
    (group,) = walk.groups(report(now))
    (item,) = walk.named(group, "112040")
    assert tracking_uid(then, "opacity") == item.UID


def test_the_same_prior_gives_the_same_objects_and_another_one_others() -> None:
    assert instance_uid(told(), "sr") == instance_uid(told(), "sr")
    uids = {instance_uid(one, "sr") for one in (told(), told(then=0.13), analysis(header()))}
    assert len(uids) == 3


def test_the_account_says_it_in_figures() -> None:
    account = account_of(told(), ())
    (finding,) = account.series[0].findings
    assert (finding.change, finding.prior_probability, finding.probability) == ("new", 0.12, 0.87)
    assert (account.prior_study_instance_uid, account.prior_study_date) == (f"{STUDY}.77", "20250301")
    assert account.comparison == "Compared with the study of 2025-03-01, assessed by the same model."


def test_the_picture_says_the_same() -> None:
    found = told()
    (item,) = found.analysed
    words = caption(found, item, item.prediction.findings[0], item.image_set.images[0])
    assert any(note.startswith("New since the study of 2025-03-01: absent at 12 % then") for note in words.notes)


def test_the_page_names_what_has_resolved() -> None:
    found = told(0.08, 0.87)
    rows = page.told(found, by_uid(header()), Explanation())
    said = [f"{one.lead} {one.text}" for one in page.reasons(found, rows)]
    assert any("Resolved since the study of 2025-03-01" in text for text in said), said
    assert any("Compared with the study of 2025-03-01" in text for text in said), said


# More than one prior


def followed(*before: float, **changes: Any) -> Analysis:
    """As :func:`told`, and followed over earlier studies, the newest first."""
    earlier = tuple(
        assessed(one, study=f"{STUDY}.{number}", day=f"{2025 - number}0110") for number, one in enumerate(before, 1)
    )
    return replace(told(**changes), comparison=replace(comparison(), earlier=earlier))


COURSE = "Over time: 44 % on 2023-01-10, 30 % on 2024-01-10, 12 % on 2025-03-01, 87 % now."


def test_the_report_tells_the_probability_of_each_study_and_the_change_against_the_newest(tmp_path: Path) -> None:
    ds = report(followed(0.3, 0.44))
    (group,) = walk.groups(ds)
    (item,) = walk.named(group, DIFFERENCE)
    assert item.ConceptCodeSequence[0].CodeMeaning == "New"
    newest, *earlier = [one for one in item.ContentSequence if one.ValueType == "NUM"]
    assert newest.MeasuredValueSequence[0].NumericValue == 12
    told_of = [
        (one.MeasuredValueSequence[0].NumericValue, *(below.get("Date") or below.UID for below in one.ContentSequence))
        for one in earlier
    ]
    assert told_of == [(44, "20230110", f"{STUDY}.2"), (30, "20240110", f"{STUDY}.1")]
    assert any(COURSE in text for text in walk.texts(group, "121106"))
    assert (
        "the study of 2025-03-01, assessed by the same model; earlier ones: 2024-01-10, 2023-01-10."
        in (walk.texts(ds, "121111")[0])
    )
    studies = [one.StudyInstanceUID for one in ds.PertinentOtherEvidenceSequence]
    assert studies == [f"{STUDY}.77", f"{STUDY}.1", f"{STUDY}.2"]
    path = tmp_path / "followed.dcm"
    ds.save_as(path)
    assert validate(path) == []


def test_the_account_has_the_course_and_keeps_it() -> None:
    account = account_of(followed(0.3, 0.44), ())
    (finding,) = account.series[0].findings
    course = [(one.study_date, one.probability, one.outcome) for one in finding.course]
    assert course == [("20230110", 0.44, "absent"), ("20240110", 0.3, "absent"), ("20250301", 0.12, "absent")]
    assert (finding.change, finding.prior_probability) == ("new", 0.12)
    assert account_from(account_bytes(account)) == account
    assert changes(account)[0].endswith(": new, 44% (2023-01-10) -> 30% (2024-01-10) -> 12% (2025-03-01) -> 87%")


def test_page_and_picture_tell_the_course_even_of_what_is_absent() -> None:
    beside = {"findings": (spec("effusion"), spec())}  # effusion is the more probable one
    for found in (followed(0.3, 0.44), followed(0.3, 0.44, probability=0.2, manifest=beside)):
        rows = page.told(found, by_uid(header()), Explanation())
        said = " ".join(one.text for one in page.reasons(found, rows))
        assert said.count("Over time: 44 % on 2023-01-10, 30 % on 2024-01-10, 12 % on 2025-03-01") == 1
    made = followed(0.3, 0.44)
    (item,) = made.analysed
    picture = caption(made, item, item.prediction.findings[0], item.image_set.images[0])
    assert any(COURSE in note for note in picture.notes)


def test_a_study_without_an_answer_has_no_place_in_the_course() -> None:
    other = assessed(0.9, name="effusion", study=f"{STUDY}.3", day="20220110")
    made = followed(0.3)
    settled = made.comparison
    assert settled is not None
    made = replace(made, comparison=replace(settled, earlier=(*settled.earlier, other)))
    (finding,) = account_of(made, ()).series[0].findings
    assert [one.study_date for one in finding.course] == ["20240110", "20250301"]


# Views


def test_another_view_is_compared_with_a_caution_where_that_is_allowed() -> None:
    made = told()
    (item,) = made.analysed
    made = replace(made, analysed=(replace(item, image_set=replace(item.image_set, view="PA")),))
    prior = assessed(0.12, view="AP")
    strict = report(replace(made, comparison=Comparison(prior)))
    assert walk.named(strict, DIFFERENCE) == []
    assert any("of the prior it shows another view (AP, not PA)" in text for text in walk.texts(strict, "121106"))
    allowed = replace(made, comparison=Comparison(prior, views=(("PA", "AP"),)))
    (group,) = walk.groups(report(allowed))
    assert len(walk.named(group, DIFFERENCE)) == 1
    caution = "the prior shows AP and this study PA, and the view alone may move the probability."
    assert any(caution in text for text in walk.texts(group, "121106"))
    (item,) = allowed.analysed
    picture = caption(allowed, item, item.prediction.findings[0], item.image_set.images[0])
    assert any(caution in note for note in picture.notes)
