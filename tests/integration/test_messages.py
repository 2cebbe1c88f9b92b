"""The whole node, a real film, and those who read no DICOM: each is told once, also when it was away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hl7
import pydicom
import pytest

from node.kinds import MESSAGES
from tests.deliver.listeners import Hook, Mllp
from tests.peers import Hospital, RunningNode, folder_objects, storescu, until
from tests.peers.ports import free_port

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]
OUTCOME, PROBABILITY = "CE", "NM"


@pytest.fixture
def peers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def ris(port: int, **changes: Any) -> dict[str, Any]:
    return {"name": "ris", "kind": "hl7", "port": port, "receiving_application": "RIS", "timeout_seconds": 5, **changes}


def hook(port: int, name: str = "hook", **changes: Any) -> dict[str, Any]:
    return {"name": name, "kind": "webhook", "url": f"http://127.0.0.1:{port}/in", "timeout_seconds": 5, **changes}


def disk(folder: Path) -> dict[str, Any]:
    return {"name": "disk", "kind": "folder", "path": folder}


def route(*destinations: str, plugin: str = "brightness") -> dict[str, Any]:
    return {"name": "films", "plugin": plugin, "accept_missing": True, "destinations": list(destinations)}


def observations(message: hl7.Message, kind: str) -> list[hl7.Segment]:
    return [one for one in message.segments("OBX") if str(one(2)) == kind]


def nothing_waits(node: RunningNode, study: str) -> bool:
    return all(one.state == "DONE" for one in node.ledger.deliveries.of_study(study))


@pytest.mark.slow
def test_a_film_with_a_finding_is_told_once_to_each_in_its_own_language(
    start_node: StartNode, hospital: Hospital, tmp_path: Path, peers: ExitStack
) -> None:
    listener, closed, opened = peers.enter_context(Mllp()), peers.enter_context(Hook()), peers.enter_context(Hook())
    node = start_node(
        plugins=["chest-radiograph"],
        destinations=[
            disk(tmp_path / "disk"),
            ris(listener.port),
            hook(int(closed.url.rpartition(":")[2])),
            hook(int(opened.url.rpartition(":")[2]), "open hook", phi=True),
        ],
        routes=[route("disk", "ris", "hook", "open hook", plugin="chest-radiograph")],
    )
    (path,) = hospital.samples("2-adult-pneumonia")
    film = pydicom.dcmread(path)
    assert storescu(node.port, [path]).exit_status == 0
    node.await_ended([film.StudyInstanceUID], 150)

    objects = folder_objects(tmp_path / "disk")
    assert {one.kind for one in objects} == {"sc", "sr"}  # what takes objects gets no messages
    (report,) = [one for one in objects if one.kind == "sr"]

    (message,) = listener.messages
    assert [str(message.segment("MSH")(n)) for n in (3, 5)] == ["RADNODE", "RIS"]
    assert str(message["PID.F3.R1.C1"]) == film.PatientID
    assert [str(one(5)[0]) for one in message.segments("OBX") if str(one(2)) == "HD"]
    assert len(observations(message, OUTCOME)) == len(observations(message, PROBABILITY)) > 0

    (posted,), (identified,) = closed.requests, opened.requests
    told, whole = json.loads(posted.body), json.loads(identified.body)
    assert (told["identity"], whole["identity"]["patient_id"]) == (None, film.PatientID)
    assert str(film.PatientID) not in posted.body.decode()
    assert posted.headers["Idempotency-Key"] != identified.headers["Idempotency-Key"]
    (analysis,) = told["analyses"]
    assert (analysis["standing"], analysis["report_sop_instance_uid"]) == ("given", report.uid)
    assert {instance["sop_instance_uid"] for one in told["series"] for instance in one["instances"]} == {
        film.SOPInstanceUID,
        *(one.uid for one in objects),
    }
    rates = {finding["probability"] for series in analysis["account"]["series"] for finding in series["findings"]}
    sent = [float(str(one(5))) / 100 for one in observations(message, PROBABILITY)]
    assert sorted(sent) == pytest.approx(sorted(rates), abs=1e-6)

    assert node.run_cli("studies", "show", film.StudyInstanceUID).returncode == 0
    exported = node.run_cli("export-result", film.StudyInstanceUID, "--format", "json")
    assert json.loads(exported.stdout)["series"] == told["series"]


@pytest.mark.slow
def test_who_was_away_is_told_exactly_once_when_it_is_back_also_after_kill_9(
    start_node: StartNode, hospital: Hospital, peers: ExitStack
) -> None:
    ports = free_port(), free_port()
    node = start_node(destinations=[ris(ports[0]), hook(ports[1])], routes=[route("ris", "hook")])
    study = hospital.study_uid()
    assert storescu(node.port, [hospital.film()]).exit_status == 0
    until(lambda: len(node.ledger.facts.troubles()) == 2, "both are known to be away", 60)
    node.kill("group")
    listener, posted = peers.enter_context(Mllp(port=ports[0])), peers.enter_context(Hook(503, port=ports[1]))
    node.restart()
    node.await_ended([study])
    assert len(listener.messages) == 1
    assert [one.headers["Idempotency-Key"] for one in posted.requests] == 2 * [
        posted.requests[0].headers["Idempotency-Key"]
    ]
    assert {(one.destination, one.kind) for one in node.ledger.deliveries.of_study(study)} == {
        ("ris", "oru"),
        ("hook", "event"),
    }


def test_who_was_told_is_told_that_it_was_wrong(
    start_node: StartNode, hospital: Hospital, tmp_path: Path, peers: ExitStack
) -> None:
    listener, posted = peers.enter_context(Mllp()), peers.enter_context(Hook())
    port = int(posted.url.rpartition(":")[2])
    node = start_node(
        destinations=[disk(tmp_path / "disk"), ris(listener.port), hook(port)], routes=[route("disk", "ris", "hook")]
    )
    study = hospital.study_uid()
    assert storescu(node.port, [hospital.film()]).exit_status == 0
    node.await_ended([study])
    done = node.run_cli("studies", "withdraw", study, "--reason", "incorrect")
    assert done.returncode == 0, done.stderr
    until(lambda: nothing_waits(node, study), "everybody is told")

    first, second = listener.messages
    assert {str(one(11)) for one in observations(first, OUTCOME)} == {"P"}
    assert {str(one(11)) for kind in (OUTCOME, PROBABILITY) for one in observations(second, kind)} == {"W"}
    assert [str(one["OBR.F25"]) for one in (first, second)] == ["R", "C"]
    assert str(first["OBR.F3"]) == str(second["OBR.F3"])
    assert len(set(listener.control_ids())) == 2
    given, taken = (json.loads(request.body)["analyses"][0] for request in posted.requests)
    assert [one["standing"] for one in (given, taken)] == ["given", "withdrawn"]
    assert taken["reason"] == "withdrawn by the operator: incorrect"
    assert len({request.headers["Idempotency-Key"] for request in posted.requests}) == 2

    results = {one.uid for one in folder_objects(tmp_path / "disk") if one.dataset.Modality != "KO"}
    (note,) = [one for one in folder_objects(tmp_path / "disk") if one.dataset.Modality == "KO"]
    assert note.sources == results  # it lists objects, and no message
    assert not {one.kind for one in node.ledger.deliveries.of_study(study)} & set(MESSAGES) - {"oru", "event"}
    assert node.run_cli("studies", "withdraw", study).stdout.startswith("all that was delivered is withdrawn already")


@pytest.mark.slow
def test_a_result_that_went_out_as_a_message_only_is_withdrawn_without_a_rejection_note(
    start_node: StartNode, hospital: Hospital, peers: ExitStack
) -> None:
    listener = peers.enter_context(Mllp())
    node = start_node(destinations=[ris(listener.port)], routes=[route("ris")])
    study = hospital.study_uid()
    assert storescu(node.port, [hospital.film()]).exit_status == 0
    node.await_ended([study])
    assert "rejection note" not in node.run_cli("studies", "withdraw", study).stdout
    until(lambda: len(listener.messages) == 2 and nothing_waits(node, study), "the receiver is told")


def test_a_critical_finding_is_told_first_acknowledged_by_an_account_and_else_escalated_once(
    start_node: StartNode, hospital: Hospital, tmp_path: Path, peers: ExitStack
) -> None:
    listener, posted = peers.enter_context(Mllp()), peers.enter_context(Hook())
    rule = {"plugin": "brightness", "finding": "bright", "threshold": 0.0, "destinations": ["ris"]}
    node = start_node(
        destinations=[disk(tmp_path / "disk"), ris(listener.port), hook(int(posted.url.rpartition(":")[2]))],
        routes=[route("disk", "ris")],
        critical=[
            rule | {"name": "calm"},
            rule | {"name": "urgent", "acknowledge_within_minutes": 0.05, "escalate_to": ["hook"]},
        ],
    )
    study = hospital.study_uid()
    assert storescu(node.port, [hospital.film()]).exit_status == 0
    node.await_ended([study])
    assert len(listener.messages) == 3
    told = [" ".join(str(one) for one in message.segments("NTE")) for message in listener.messages]
    assert [("Critical finding" in words) for words in told] == [True, True, False]

    until(lambda: posted.requests, "it is escalated")
    node.kill("group")
    node.restart()
    until(lambda: nothing_waits(node, study), "everybody is told")
    # killed between the answer and its own note of it, the node tells again, under the same key
    assert len({request.headers["Idempotency-Key"] for request in posted.requests}) == 1
    request = posted.requests[-1]
    assert "(rule 'urgent')" in json.loads(request.body)["analyses"][0]["reason"]

    calm, urgent = sorted(node.json("critical"), key=lambda one: str(one["rule"]))
    assert (calm["escalated"], urgent["escalated"]) == (False, True)
    assert urgent["id"] in request.body.decode()
    for one in (calm, urgent):
        assert node.run_cli("critical", "ack", one["id"]).returncode == 0
    assert node.json("critical") == []
    trail = [one.action for one in node.trail(study) if one.action.startswith("critical")]
    assert trail == ["critical finding"] * 2 + ["critical finding escalated"] + ["critical finding acknowledged"] * 2
