"""Who must not be named was not here on a day that is named either; what became of a finding is told all the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from node.export import bundle_text, csv_text, record_text
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


def test_no_day_of_an_earlier_prior_leaves_and_its_probability_does() -> None:
    earlier = replace(comparison(), earlier=(assessed(0.3, study="1.2.77", day="20240110"),))
    told = study(exported_analysis(account_of(analysis(header(), comparison=earlier), [])))
    days = (*DAYS, "2024-01-10", "20240110")
    assert all(day in record_text(told) for day in days)
    withheld = record_text(unidentified(told))
    assert [day for day in days if day in withheld] == []
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


def test_the_change_has_columns_of_its_own() -> None:
    head, line = csv_text(COMPARED).splitlines()
    assert head.endswith(",change,prior_probability,prior_study_instance_uid,prior_study_date")
    assert line.endswith(".77,20250301")
    assert ",new,0.12," in line
