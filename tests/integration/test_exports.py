"""Real films go in by C-STORE; what is exported says what the delivered report says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

import hl7
import pydicom
import pytest
from fhir.resources.R4B.bundle import Bundle
from pydicom.dataset import Dataset

from tests.peers import Hospital, RunningNode, storescu
from tests.peers.hospital import CANARY
from tests.report import walk

pytestmark = pytest.mark.integration

FORMATS = ("fhir", "hl7", "json", "csv")


@dataclass
class Answered:
    """A node that has answered a real film, the film, and the report that it delivered."""

    node: RunningNode
    film: Dataset
    report: Dataset

    @property
    def uid(self) -> str:
        return str(self.film.StudyInstanceUID)

    def export(self, form: str, *more: str) -> str:
        """As bytes go through a pipe: subprocess would take a carriage return for the end of a line."""
        out = self.node.folder / f"out.{form}"
        done = self.node.run_cli("export-result", self.uid, "--format", form, "--out", str(out), *more)
        assert done.returncode == 0, done.stderr
        return out.read_bytes().decode()


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answered]:
    folder = tmp_path_factory.mktemp("exports")
    (path,) = Hospital(folder / "hospital").samples("2-adult-pneumonia")
    chest = {"name": "films", "plugin": "chest-radiograph", "accept_missing": True, "destinations": ["disk"]}
    node = RunningNode(
        folder / "node",
        plugins=["chest-radiograph"],
        destinations=[{"name": "disk", "kind": "folder", "path": folder / "disk"}],
        routes=[chest],
    )
    with node:
        assert storescu(node.port, [path]).exit_status == 0
        film = pydicom.dcmread(path)
        node.await_ended([str(film.StudyInstanceUID)], 150)
        delivered = [pydicom.dcmread(one) for one in (folder / "disk").rglob("*.dcm")]
        (report,) = [ds for ds in delivered if ds.Modality == "SR"]
        yield Answered(node, film, report)


@dataclass
class Said:
    """One finding as the report has it."""

    finding: str
    presence: str
    per_cent: float


def said(report: Dataset) -> list[Said]:
    return [
        Said(_code(group, "121071"), _code(group, "121052"), walk.number(group, "111012") or 0.0)
        for group in walk.groups(report)
    ]


def _code(group: Dataset, name: str) -> str:
    (item,) = walk.named(group, name)
    return str(item.ConceptCodeSequence[0].CodeValue)


def test_the_bundle_says_what_the_report_says(answered: Answered) -> None:
    bundle = Bundle.model_validate_json(answered.export("fhir", "--phi"))
    told = [entry.resource for entry in bundle.entry if entry.resource.get_resource_type() == "Observation"]
    found = said(answered.report)
    assert len(told) == len(found) > 0
    for observation, one in zip(told, found, strict=True):
        assert observation.code.coding[0].code == one.finding
        assert observation.valueCodeableConcept.coding[0].code == one.presence
        assert float(observation.component[0].valueQuantity.value) == pytest.approx(one.per_cent, abs=1e-3)
    patient = bundle.entry[0].resource
    assert patient.identifier[0].value == answered.film.PatientID
    (report,) = [one.resource for one in bundle.entry if one.resource.get_resource_type() == "DiagnosticReport"]
    assert report.identifier[0].value == f"urn:oid:{answered.report.SOPInstanceUID}"


def test_the_message_says_what_the_report_says(answered: Answered) -> None:
    message = hl7.parse(answered.export("hl7", "--phi"))
    found = said(answered.report)
    told = list(message.segments("OBX"))[1:]
    outcomes = [str(one[5][0][0]) for one in told if str(one[2]) == "CE"]
    probabilities = [float(str(one[5])) for one in told if str(one[2]) == "NM"]
    assert outcomes == [one.presence for one in found]
    assert probabilities == [pytest.approx(one.per_cent, abs=1e-3) for one in found]
    assert str(message.segment("PID")[3][0][0]) == answered.film.PatientID
    assert str(message.segment("OBR")[3]) == answered.film.AccessionNumber


def test_json_and_lines_say_what_the_report_says(answered: Answered) -> None:
    found = [one.per_cent for one in said(answered.report)]
    (analysis,) = json.loads(answered.export("json"))["analyses"]
    (series,) = analysis["account"]["series"]
    assert [100 * one["probability"] for one in series["findings"]] == [pytest.approx(one, abs=1e-3) for one in found]
    lines = csv.DictReader(io.StringIO(answered.export("csv"), newline=""))
    assert [100 * float(line["probability"]) for line in lines] == [pytest.approx(one, abs=1e-3) for one in found]


@pytest.mark.parametrize("form", FORMATS)
def test_nobody_is_named_unless_asked_for(answered: Answered, form: str) -> None:
    plain = answered.export(form)
    for secret in (CANARY, str(answered.film.AccessionNumber), str(answered.film.StudyDate)):
        assert secret not in plain
    assert CANARY in answered.export(form, "--phi")


def test_the_log_names_nobody_after_an_export(answered: Answered) -> None:
    answered.export("hl7", "--phi")
    assert CANARY not in answered.node.log()
