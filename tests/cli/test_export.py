"""`radnode export-result`: the four formats, to the screen and to a file, and who is named in them."""

from __future__ import annotations

import csv
import io
import json
import os
import stat

import hl7
import pytest
from fhir.resources.R4B.bundle import Bundle
from typer.testing import CliRunner, Result

from node.cli.app import app
from node.cli.export import Format
from node.errors import PermanentError
from node.export import FORMATS
from tests.export.conftest import Ward, made, ward
from tests.peers.hospital import CANARY

__all__ = ["made", "ward"]  # fixtures

SECRETS = (CANARY, "19601230", "1960-12-30", "A1-1", "20260102", "2026-01-02")


def run(ward: Ward, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["export-result", *arguments, "-c", str(ward.config)])


def exported(ward: Ward, form: str, *more: str) -> str:
    done = run(ward, ward.answered, "--format", form, *more)
    assert done.exit_code == 0, done.output
    return done.stdout_bytes.decode()


def test_every_format_of_the_room_can_be_asked_for() -> None:
    assert {form.value for form in Format} == set(FORMATS)


def test_fhir_is_a_bundle_with_the_patient_when_asked_for(ward: Ward) -> None:
    bundle = Bundle.model_validate_json(exported(ward, "fhir", "--phi"))
    kinds = [entry.resource.get_resource_type() for entry in bundle.entry]
    assert kinds == ["Patient", "ImagingStudy", "Device", "DiagnosticReport", "Observation"]
    assert bundle.entry[0].resource.name[0].family == CANARY


def test_hl7_keeps_its_carriage_returns(ward: Ward) -> None:
    text = exported(ward, "hl7", "--phi")
    assert text.count("\r") == len(hl7.parse(text))
    assert "\n" not in text
    assert str(hl7.parse(text).segment("PID")[3]).startswith(f"{CANARY}1^")


def test_json_and_csv_say_what_the_plugin_said(ward: Ward) -> None:
    (analysis,) = json.loads(exported(ward, "json"))["analyses"]
    (finding,) = analysis["account"]["series"][0]["findings"]
    (row,) = csv.DictReader(io.StringIO(exported(ward, "csv"), newline=""))
    assert finding["outcome"] == row["outcome"] == "undetermined"
    assert float(row["probability"]) == finding["probability"]
    assert finding["code"] == {"value": "1", "scheme": "99TEST", "meaning": "Bright"}


@pytest.mark.parametrize("form", list(FORMATS))
def test_no_patient_is_named_unless_asked_for(ward: Ward, form: str) -> None:
    plain, named = exported(ward, form), exported(ward, form, "--phi")
    for secret in SECRETS:
        assert secret not in plain
    assert CANARY in named


@pytest.mark.parametrize("form", list(FORMATS))
def test_the_same_export_is_the_same_bytes(ward: Ward, form: str) -> None:
    assert exported(ward, form, "--phi") == exported(ward, form, "--phi")


def test_a_file_is_for_its_owner_and_holds_what_the_screen_shows(ward: Ward) -> None:
    out = ward.folder / "result.hl7"
    done = run(ward, ward.answered, "--format", "hl7", "--phi", "--out", str(out))
    assert done.stdout == f"wrote {out}\n"
    assert out.read_bytes().decode() == exported(ward, "hl7", "--phi")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_a_file_is_written_over_whole(ward: Ward) -> None:
    out = ward.folder / "result.csv"
    out.write_text("x" * 100_000)
    run(ward, ward.answered, "--format", "csv", "--out", str(out))
    assert out.read_bytes().decode() == exported(ward, "csv")


def test_a_file_that_cannot_be_written_is_named(ward: Ward) -> None:
    done = run(ward, ward.answered, "--format", "csv", "--out", str(ward.folder / "no" / "result.csv"))
    assert done.exit_code == os.EX_CANTCREAT
    assert "cannot write" in done.stderr


def test_a_study_is_found_by_the_end_of_its_uid(ward: Ward) -> None:
    done = run(ward, ward.answered[-8:], "--format", "json")
    assert json.loads(done.stdout)["study_instance_uid"] == ward.answered


def test_what_another_plugin_failed_on_is_told_beside_the_result(ward: Ward) -> None:
    done = run(ward, ward.half, "--format", "csv")
    assert done.exit_code == 0
    assert [row["outcome"] for row in csv.DictReader(io.StringIO(done.stdout))] == ["no result", "undetermined"]
    assert done.stderr.startswith("failing: missing. the analysis is FAILED.")


def test_what_was_withdrawn_is_told(ward: Ward) -> None:
    ward.set_state(ward.answered, "WITHDRAWN", "withdrawn by the operator: incorrect")
    done = run(ward, ward.answered, "--format", "json")
    assert json.loads(done.stdout)["analyses"][0]["standing"] == "withdrawn"
    assert done.stderr == "talkative: withdrawn. withdrawn by the operator: incorrect\n"


@pytest.mark.parametrize(
    ("state", "message"), [("QUEUED", "talkative: the analysis is QUEUED"), ("HELD", "talkative: the analysis is HELD")]
)
def test_a_study_without_a_result_is_refused_and_says_why(ward: Ward, state: str, message: str) -> None:
    ward.set_state(ward.answered, state)
    done = run(ward, ward.answered, "--format", "fhir")
    assert isinstance(done.exception, PermanentError)
    assert "there is no result to export" in str(done.exception)
    assert message in str(done.exception)
    assert done.stdout == ""


def test_a_format_that_does_not_exist_is_refused(ward: Ward) -> None:
    assert run(ward, ward.answered, "--format", "xml").exit_code == 2
    assert run(ward, ward.answered).exit_code == 2
