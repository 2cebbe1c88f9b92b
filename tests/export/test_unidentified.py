"""Who must not be named was not here on a day that is named either; what became of a finding is told all the same."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import Any

import pytest

from node.export import bundle_text, csv_text, message, record_text
from node.export.exported import ExportedStudy
from node.export.unidentified import unidentified
from node.report import account_of
from tests.export.material import SECRETS, compared, exported_analysis, study
from tests.report.material import analysis, assessed, comparison, header

COMPARED = study(exported_analysis(compared()))
DAYS = ("2025-03-01", "20250301")


@pytest.mark.parametrize("write", [record_text, csv_text, bundle_text])
def test_neither_patient_nor_day_of_the_prior_leaves(write: Any) -> None:
    assert any(day in write(COMPARED) for day in DAYS)
    withheld = write(unidentified(COMPARED))
    assert [secret for secret in (*SECRETS, *DAYS) if secret in withheld] == []
    assert "New since the study of an earlier day: absent at 12 % then, 87 % now" in withheld


EARLIER = replace(comparison(), earlier=(assessed(0.3, study="1.2.77", day="20240110"),))
FOLLOWED = study(exported_analysis(account_of(analysis(header(), comparison=EARLIER), [])))


@pytest.mark.parametrize("write", [record_text, csv_text, bundle_text])
def test_no_day_of_an_earlier_prior_leaves_and_its_probability_does(write: Any) -> None:
    days = (*DAYS, "2024-01-10", "20240110")
    assert any(day in write(FOLLOWED) for day in days[2:])
    assert [day for day in days if day in write(unidentified(FOLLOWED))] == []
    withheld = record_text(unidentified(FOLLOWED))
    (finding,) = json.loads(withheld)["analyses"][0]["account"]["series"][0]["findings"]
    assert [one["probability"] for one in finding["course"]] == [0.3, 0.12]


def test_a_study_without_a_prior_loses_its_identity_alone() -> None:
    plain = study()
    assert unidentified(plain) == study(identity=None)


def finding(of: ExportedStudy) -> dict[str, Any]:
    (entry,) = [
        one["resource"]
        for one in json.loads(bundle_text(of))["entry"]
        if one["resource"]["resourceType"] == "Observation"
    ]
    return {part["code"]["text"]: part for part in entry["component"]}


def test_the_change_is_coded_for_fhir() -> None:
    parts = finding(COMPARED)
    (coding,) = parts["Qualitative Difference"]["valueCodeableConcept"]["coding"]
    assert (coding["code"], coding["display"]) == ("7147002", "New")
    assert parts["Probability on the prior study"]["valueQuantity"]["value"] == 12


def test_every_prior_is_told_for_fhir_the_newest_as_ever() -> None:
    parts = finding(FOLLOWED)
    assert parts["Probability on the prior study"]["valueQuantity"]["value"] == 12
    earlier = parts["Probability on the study of 2024-01-10: absent"]
    assert earlier["valueQuantity"]["value"] == 30
    assert [one["code"] for one in earlier["code"]["coding"]] == ["earlier-probability"]
    withheld = finding(unidentified(FOLLOWED))
    assert withheld["Probability on an earlier study: absent"]["valueQuantity"]["value"] == 30


def test_every_prior_is_told_in_columns_oldest_first() -> None:
    (line,) = csv.DictReader(csv_text(FOLLOWED).splitlines())
    assert (line["priors"], line["priors_probability"], line["priors_outcome"]) == ("2", "0.3;0.12", "absent;absent")
    assert line["priors_study_date"] == "20240110;20250301"
    assert line["priors_study_instance_uid"].startswith("1.2.77;")
    assert (line["prior_probability"], line["prior_study_date"]) == ("0.12", "20250301"), "the newest has its columns"


def test_every_prior_is_told_in_a_message_the_newest_first() -> None:
    lines = [one.split("|") for one in message(FOLLOWED).split("\r") if "-probability^" in one]
    told = [(one[3].partition("^")[0], one[5], one[14]) for one in lines]
    assert told == [("prior-probability", "12", "20250301"), ("earlier-probability", "30", "20240110")]


def test_the_change_has_columns_of_its_own() -> None:
    head, line = csv_text(COMPARED).splitlines()
    assert ",change,prior_probability,prior_study_instance_uid,prior_study_date,priors," in head
    assert line.endswith(".77,20250301,,,,,"), "one prior alone was wanted"
    assert ",new,0.12," in line
