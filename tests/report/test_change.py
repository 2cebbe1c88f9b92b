"""What became of a finding since a prior study, as the report, the page and the account say it."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from node.comparison import Comparison
from node.explain.caption import caption
from node.report.account import account_of
from node.report.identity import instance_uid, tracking_uid
from node.report.page import words as page
from node.study import Analysis, Explanation
from tests.report import walk
from tests.report.material import STUDY, analysis, built, by_uid, comparison, header, manifest, read_back, spec

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
