"""The CSV: one line for each finding, which no spreadsheet calculates."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.export import ExportedStudy, csv_text
from node.export.rows import COLUMNS, safe
from tests.export.material import IDENTITY, SECRETS, STUDIES, abstained, account, exported_analysis, study


def read(of: ExportedStudy) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_text(of), newline=""), strict=True))


@pytest.mark.parametrize("name", STUDIES)
def test_every_line_has_every_column_and_ends_as_rfc_4180_wants(name: str) -> None:
    text = csv_text(STUDIES[name])
    assert text.endswith("\r\n")
    assert text.count("\r\n") == text.count("\n") == len(read(STUDIES[name])) + 1
    assert all(tuple(row) == COLUMNS and None not in row.values() for row in read(STUDIES[name]))


def test_a_finding_stands_in_one_line_with_its_figures() -> None:
    opacity, effusion, nodule = read(study())
    assert (opacity["finding"], opacity["code"], opacity["code_scheme"]) == ("opacity", "125147008", "SCT")
    assert (opacity["site_code"], opacity["site_scheme"]) == ("39607008", "SCT")
    assert (opacity["outcome"], opacity["probability"], opacity["threshold"]) == ("present", "0.87", "0.5")
    assert (opacity["undetermined_low"], opacity["undetermined_high"]) == ("0.3", "0.7")
    assert (opacity["sensitivity"], opacity["sensitivity_low"], opacity["sensitivity_high"]) == ("0.95", "0.92", "0.97")
    assert (effusion["outcome"], effusion["undetermined_low"]) == ("absent", "")
    assert (nodule["sensitivity"], nodule["sensitivity_low"]) == ("", "")
    assert "No person has verified it." in opacity["notice"]
    assert "upper right region" in opacity["reasons"]
    assert (opacity["patient_name"], opacity["accession_number"]) == (IDENTITY.patient_name, "A-77")


def test_an_abstention_is_not_assessed_and_says_why() -> None:
    for row in read(study(exported_analysis(abstained()))):
        assert (row["outcome"], row["probability"]) == ("not assessed", "")
        assert row["reasons"] == "Not assessed: the image is too dark"


def test_an_analysis_without_a_result_has_its_line() -> None:
    *_, failed = read(STUDIES["one failed"])
    assert (failed["plugin"], failed["outcome"], failed["notice"]) == ("brain", "no result", "the plugin raised")


def test_what_was_withdrawn_has_no_outcome() -> None:
    rows = read(STUDIES["withdrawn"])
    assert {row["outcome"] for row in rows} == {"withdrawn"}
    assert all("must not be used" in row["notice"] for row in rows)


def test_under_a_pseudonym_nobody_is_named() -> None:
    text = csv_text(study(identity=None))
    for secret in SECRETS:
        assert secret not in text
    assert all(row["patient_id"] == "" and row["pseudonym"] for row in read(study(identity=None)))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1+1", "=cmd|'/c calc'!A0", "\u00a0=1"]
)
def test_a_formula_is_a_text(text: str) -> None:
    assert safe(text).startswith("'")


@pytest.mark.parametrize("text", ["", "a=b", "1.2.840", "Doe^Jane", "'=1"])
def test_what_is_no_formula_stays(text: str) -> None:
    assert safe(text) == text


def test_numbers_of_ours_stay_numbers() -> None:
    made = account()
    (series,) = made.series
    odd = replace(series.findings[0], probability=-0.0)
    told = study(exported_analysis(replace(made, series=(replace(series, findings=(odd, *series.findings[1:])),))))
    assert float(read(told)[0]["probability"]) == 0.0


@given(st.text(), st.text())
def test_whatever_strangers_write_there_is_one_line_for_each_finding(name: str, words: str) -> None:
    made = account()
    (series,) = made.series
    findings = (replace(series.findings[0], reasons=(words,)), *series.findings[1:])
    analysis = exported_analysis(replace(made, series=(replace(series, findings=findings),)))
    told = study(analysis, identity=replace(IDENTITY, patient_name=name))
    csv_text(told).encode()
    rows = read(told)
    assert len(rows) == 3
    assert len(csv_text(told).splitlines()) == 4
    assert not rows[0]["patient_name"].lstrip().startswith(("=", "+", "-", "@"))
