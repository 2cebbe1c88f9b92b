"""What is kept of an analysis: its answers, the day of the study, and no word of whom it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.comparison import Assessment, assessment_from, assessment_text
from node.ledger import AnalysisRow, Ledger
from node.worker.assessment import assessment
from tests.ledger.material import routed
from tests.peers import Hospital
from tests.peers.hospital import CANARY
from tests.report import material


@pytest.fixture
def row(tmp_path: Path) -> AnalysisRow:
    ledger = Ledger(tmp_path / "ledger.db")
    (found,) = routed(ledger)
    ledger.close()
    return found


def kept(row: AnalysisRow, path: Path | None, key: str = "patient", **changes: Any) -> Assessment:
    made = material.analysis(material.header(), **changes)
    answered = [(one.image_set, one.prediction) for one in made.analysed]
    told = assessment(row, made.manifest, answered, key, path)
    assert assessment_from(assessment_text(told)) == told
    return told


def test_the_answers_and_the_day_are_kept_and_nobody_is_named(row: AnalysisRow, hospital: Hospital) -> None:
    told = kept(row, hospital.film(1))
    (series,) = told.series
    assert (told.study_instance_uid, told.study_date, told.study_time) == ("1.2", "20260102", "101112")
    assert [(one.finding, one.outcome, one.probability) for one in series.findings] == [("opacity", "present", 0.87)]
    assert series.instances == ((str(material.header().SOPClassUID), f"{material.STUDY}.1.1"),)
    text = assessment_text(told)
    assert [word for word in (CANARY, "19601230", '"F"') if word in text] == []


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_birth_date_and_sex_are_told_apart_by_digests_of_each_patients_own(
    row: AnalysisRow, hospital: Hospital
) -> None:
    told = kept(row, hospital.film(1))
    assert kept(row, hospital.film(1, 2, PatientBirthDate="1960.12.30")).born == told.born
    assert kept(row, hospital.film(1, 3, PatientBirthDate="19701230")).born != told.born
    assert kept(row, hospital.film(1, 4, PatientSex="M")).sex != told.sex
    assert kept(row, hospital.film(1), key="another").born != told.born
    bare = kept(row, hospital.film(1, 5, PatientBirthDate="", PatientSex=""))
    assert (bare.born, bare.sex) == ("", "")


@pytest.mark.parametrize("day", ["", "20260231", "2026.01.02", "next week"])
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_what_is_no_day_is_none(row: AnalysisRow, hospital: Hospital, day: str) -> None:
    assert kept(row, hospital.film(1, StudyDate=day)).study_date == ""


def test_a_file_that_cannot_be_read_says_nothing(row: AnalysisRow, tmp_path: Path) -> None:
    junk = tmp_path / "junk.dcm"
    junk.write_bytes(b"\x00" * 7)
    for path in (junk, tmp_path / "gone.dcm", None):
        told = kept(row, path)
        assert (told.study_date, told.born, told.sex) == ("", "", "")


def test_an_abstention_keeps_its_reason(row: AnalysisRow) -> None:
    (series,) = kept(row, None, abstained="not a chest film").series
    assert (series.findings, series.abstained) == ((), "not a chest film")
    assert len(series.instances) == 1
