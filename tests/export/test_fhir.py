"""The FHIR Bundle: read by the models of FHIR R4B, whose resources used here are those of R4."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given
from hypothesis import strategies as st

from node.export import ExportedStudy, Identity, bundle_text
from node.export.fhir_types import system, urn
from node.plugin import Code
from tests.export.material import (
    ALGORITHM,
    IDENTITY,
    KEY,
    SECRETS,
    STUDIES,
    STUDY,
    abstained,
    account,
    exported_analysis,
    study,
)

#: FHIR's `string` and `code`, as their definitions have them.
STRING, CODE = re.compile(r"[ \r\n\t\S]+", re.ASCII), re.compile(r"[^\s]+( [^\s]+)*")


def bundle(of: ExportedStudy) -> Any:
    return json.loads(bundle_text(of))


def resources(of: ExportedStudy, kind: str) -> list[Any]:
    found = [entry["resource"] for entry in bundle(of)["entry"]]
    return [one for one in found if one["resourceType"] == kind]


def only(of: ExportedStudy, kind: str) -> Any:
    (found,) = resources(of, kind)
    return found


def values(table: Any, key: str) -> Iterator[Any]:
    """Every value of a key, at any depth."""
    if isinstance(table, dict):
        if key in table:
            yield table[key]
        for one in table.values():
            yield from values(one, key)
    elif isinstance(table, list):
        for one in table:
            yield from values(one, key)


def codes(concept: Any) -> list[tuple[str, str]]:
    return [(one["system"], one["code"]) for one in concept["coding"]]


def component(observation: Any, code: str) -> Any:
    (found,) = [one for one in observation["component"] if codes(one["code"])[0][1] == code]
    return found


# What FHIR wants


@pytest.mark.parametrize("name", STUDIES)
def test_a_bundle_is_what_fhir_says_it_is(name: str) -> None:
    text = bundle_text(STUDIES[name])
    read = Bundle.model_validate_json(text)
    again = json.loads(read.model_dump_json(), parse_float=Decimal)
    assert again == json.loads(text, parse_float=Decimal), "nothing was left aside in reading"


@pytest.mark.parametrize("name", STUDIES)
def test_every_reference_leads_to_a_resource_of_the_bundle_of_that_type(name: str) -> None:
    told = bundle(STUDIES[name])
    kinds = {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in told["entry"]}
    assert len(kinds) == len(told["entry"]), "each fullUrl is there once (bdl-7)"
    for reference in values(told, "reference"):
        assert reference in kinds
    for one in (*values(told, "subject"), *values(told, "device"), *values(told, "result")):
        for reference in one if isinstance(one, list) else [one]:
            assert "identifier" in reference or kinds[reference["reference"]] == reference["type"]


@pytest.mark.parametrize("name", STUDIES)
def test_an_observation_has_a_value_or_a_reason_why_it_has_none(name: str) -> None:
    for one in resources(STUDIES[name], "Observation"):
        for part in (one, *one.get("component", ())):
            has_value = bool({"valueCodeableConcept", "valueQuantity", "valueRange"} & set(part))
            assert has_value != ("dataAbsentReason" in part), "obs-6"
        inner = [codes(part["code"]) for part in one.get("component", ())]
        assert "coding" not in one["code"] or codes(one["code"]) not in inner, "obs-7"


@pytest.mark.parametrize("name", STUDIES)
def test_every_full_url_is_that_of_its_resource(name: str) -> None:
    for entry in bundle(STUDIES[name])["entry"]:
        assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"


texts = st.text(max_size=40)


@given(name=texts, number=texts, words=texts, code=texts.filter(str.strip))
def test_whatever_strangers_write_the_bundle_is_right(name: str, number: str, words: str, code: str) -> None:
    told = account()
    (series,) = told.series
    claims = (replace(told.claims[0], label=words, code=Code(code, "99X", words)), *told.claims[1:])
    findings = (replace(series.findings[0], reasons=(words,)), *series.findings[1:])
    told = replace(told, claims=claims, title=words, series=(replace(series, findings=findings, remarks=(words,)),))
    algorithm = replace(ALGORITHM, title=words, manufacturer=name, version=number)
    identity = Identity(name, number, words, number, number, number, number, number, number, number, words, name)
    made = study(exported_analysis(told, algorithm=algorithm), identity=identity)
    text = bundle_text(made)
    text.encode()
    Bundle.model_validate_json(text)
    for one in values(json.loads(text), "text"):
        assert not isinstance(one, str) or (STRING.fullmatch(one) and one.strip())
    for one in values(json.loads(text), "code"):
        assert not isinstance(one, str) or CODE.fullmatch(one)


# What it says


def test_a_finding_is_present_with_its_figures() -> None:
    opacity, effusion, nodule = resources(study(), "Observation")
    assert codes(opacity["code"]) == [("http://snomed.info/sct", "125147008")]
    assert codes(opacity["valueCodeableConcept"]) == [("http://snomed.info/sct", "52101004")]
    assert codes(effusion["valueCodeableConcept"]) == [("http://snomed.info/sct", "272519000")]
    assert [one["interpretation"][0]["coding"][0]["code"] for one in (opacity, effusion)] == ["POS", "NEG"]
    for code, value in (("111012", 87.0), ("111088", 95.0), ("111090", 88.0), ("threshold", 50.0)):
        quantity = component(opacity, code)["valueQuantity"]
        assert (quantity["value"], quantity["system"], quantity["code"]) == (value, "http://unitsofmeasure.org", "%")
    limits = component(opacity, "undetermined")["valueRange"]
    assert (limits["low"]["value"], limits["high"]["value"]) == (30.0, 70.0)
    assert codes(opacity["bodySite"]) == [("http://snomed.info/sct", "39607008")]
    assert "bodySite" not in nodule


def test_a_probability_of_nought_is_a_figure() -> None:
    told = account()
    (series,) = told.series
    nought = replace(series.findings[0], probability=0.0)
    made = exported_analysis(replace(told, series=(replace(series, findings=(nought, *series.findings[1:])),)))
    assert component(resources(study(made), "Observation")[0], "111012")["valueQuantity"]["value"] == 0


def test_what_nobody_measured_has_no_figure() -> None:
    nodule = resources(study(), "Observation")[2]
    for code in ("111088", "111090"):
        part = component(nodule, code)
        assert "valueQuantity" not in part
        assert codes(part["dataAbsentReason"])[0][1] == "unknown"


def test_an_undetermined_finding_has_a_value_and_an_abstention_has_none() -> None:
    told = account()
    (series,) = told.series
    between = replace(series.findings[0], outcome="undetermined", probability=0.5)
    unsure = exported_analysis(replace(told, series=(replace(series, findings=(between, *series.findings[1:])),)))
    first = resources(study(unsure), "Observation")[0]
    assert codes(first["valueCodeableConcept"])[0][1] == "373068000"
    assert first["interpretation"][0]["coding"][0]["code"] == "IND"
    for one in resources(study(exported_analysis(abstained())), "Observation"):
        assert codes(one["dataAbsentReason"])[0][1] == "not-performed"
        assert "valueCodeableConcept" not in one
        assert "component" not in one
        assert "Not assessed: the image is too dark" in [note["text"] for note in one["note"]]


def test_reasons_stand_in_the_notes_and_nobody_has_verified_anything() -> None:
    for one in resources(study(), "Observation"):
        assert one["status"] == "preliminary"
        assert "No person has verified it." in one["note"][0]["text"]
    notes = [note["text"] for note in resources(study(), "Observation")[0]["note"]]
    assert any("upper right region" in text for text in notes)
    assert any("Nearest training cases" in text for text in notes)
    assert "No person has verified it." in only(study(), "DiagnosticReport")["conclusion"]


def test_the_side_of_a_paired_organ_is_told() -> None:
    told = account()
    (series,) = told.series
    left = replace(series.findings[0], laterality="L")
    made = exported_analysis(replace(told, series=(replace(series, findings=(left, *series.findings[1:])),)))
    assert resources(study(made), "Observation")[0]["bodySite"]["text"] == "Lung, left"


def test_the_report_is_that_of_the_imaging_study_and_of_its_findings() -> None:
    report = only(study(), "DiagnosticReport")
    assert report["status"] == "preliminary"
    assert codes(report["code"]) == [("http://loinc.org", "18748-4")]
    assert report["identifier"] == [{"system": "urn:dicom:uid", "value": "urn:oid:2.25.777"}]
    assert report["basedOn"][0]["identifier"]["value"] == "A-77"
    ids = [f"urn:uuid:{one['id']}" for one in resources(study(), "Observation")]
    assert [one["reference"] for one in report["result"]] == ids
    assert report["conclusion"].startswith("Opacity of the lung: present. Effusion of the lung: absent.")


def test_the_imaging_study_names_study_series_and_instances_by_their_uids() -> None:
    imaging = only(study(), "ImagingStudy")
    assert imaging["identifier"][0] == {"system": "urn:dicom:uid", "value": f"urn:oid:{STUDY}"}
    assert [one["uid"] for one in imaging["series"]] == [f"{STUDY}.1", "2.25.9"]
    assert imaging["series"][1]["instance"][0] == {
        "uid": "2.25.777",
        "sopClass": {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2.840.10008.5.1.4.1.1.88.34"},
    }
    assert (imaging["numberOfSeries"], imaging["numberOfInstances"]) == (2, 2)
    assert imaging["started"] == "2025-06-14T10:11:12+02:00"


def test_the_device_is_the_algorithm_with_its_weights() -> None:
    device = only(study(), "Device")
    assert device["identifier"] == [{"system": "urn:dicom:uid", "value": "urn:oid:2.25.123456"}]
    assert (device["serialNumber"], device["version"]) == ("ab" * 32, [{"value": "1.2.0"}])
    for one in resources(study(), "Observation"):
        assert one["device"]["reference"] == f"urn:uuid:{device['id']}"


def test_the_patient_has_every_representation_of_the_name() -> None:
    patient = only(study(), "Patient")
    assert [(name["family"], name["given"]) for name in patient["name"]] == [
        ("Doe", ["Jane", "Q"]),
        ("土井", ["ジェーン"]),
        ("どい", ["じぇーん"]),
    ]
    assert [name["extension"][0]["valueCode"] for name in patient["name"]] == ["ABC", "IDE", "SYL"]
    assert (patient["name"][0]["prefix"], patient["name"][0]["suffix"]) == (["Dr"], ["III"])
    assert (patient["gender"], patient["birthDate"]) == ("female", "1960-01-02")
    assert (patient["identifier"][0]["value"], patient["identifier"][0]["assigner"]) == ("P-1", {"display": "HOSPITAL"})


@pytest.mark.parametrize(("sex", "gender"), [("M", "male"), ("F", "female"), ("O", "other"), ("", None), ("X", None)])
def test_a_sex_that_the_standard_does_not_know_is_left_out(sex: str, gender: str | None) -> None:
    assert only(study(identity=replace(IDENTITY, patient_sex=sex)), "Patient").get("gender") == gender


def test_under_a_pseudonym_there_is_no_patient_and_nothing_of_one() -> None:
    told = study(identity=None)
    assert resources(told, "Patient") == []
    for subject in values(bundle(told), "subject"):
        assert subject["identifier"]["value"] == KEY
        assert "reference" not in subject
    for secret in SECRETS:
        assert secret not in bundle_text(told)


def test_what_was_withdrawn_was_entered_in_error() -> None:
    told = STUDIES["withdrawn"]
    assert only(told, "DiagnosticReport")["status"] == "entered-in-error"
    assert {one["status"] for one in resources(told, "Observation")} == {"entered-in-error"}
    assert only(told, "DiagnosticReport")["conclusion"].count("withdrawn") == 1


@pytest.mark.parametrize(("name", "status"), [("one failed", "cancelled"), ("one awaited", "registered")])
def test_an_analysis_without_a_result_has_a_report_that_says_so(name: str, status: str) -> None:
    _, without = resources(STUDIES[name], "DiagnosticReport")
    assert without["status"] == status
    assert "result" not in without
    assert "verified" not in without.get("conclusion", "")


def test_a_code_of_a_private_scheme_has_a_name_of_its_own() -> None:
    assert system("99A").startswith("urn:uuid:")
    assert system("99A") != system("99B")


# Which is which


def test_the_same_study_gives_the_same_bytes_in_another_process() -> None:
    code = (
        "import sys; from tests.export.material import STUDIES; from node.export import FORMATS\n"
        "for write in FORMATS.values():\n    for one in STUDIES.values():\n"
        "        sys.stdout.buffer.write(write(one).encode())"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert told[0]


def test_a_later_answer_takes_the_place_of_an_earlier_one() -> None:
    first, later = study(), study(exported_analysis(abstained(), revision=2), revision=2)
    for kind in ("Observation", "DiagnosticReport", "ImagingStudy", "Patient"):
        assert [one["id"] for one in resources(first, kind)] == [one["id"] for one in resources(later, kind)]


def test_another_study_of_the_patient_shares_nothing_but_the_patient_and_the_device() -> None:
    ids = {one["id"] for kind in ("Observation", "DiagnosticReport") for one in resources(study(), kind)}
    other = study(study_instance_uid="1.2.3")
    assert not ids & {one["id"] for kind in ("Observation", "DiagnosticReport") for one in resources(other, kind)}
    assert only(other, "Patient")["id"] == only(study(), "Patient")["id"]


def test_names_follow_from_their_facts_and_from_the_order_of_them() -> None:
    assert urn("a", "bc") == urn("a", "bc")
    assert len({urn("a", "bc"), urn("ab", "c"), urn("bc", "a"), urn("abc")}) == 4
