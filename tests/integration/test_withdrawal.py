"""Results that lie in real archives are taken back: every archive is told, once."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.peers import Hospital, RealOrthanc, RealStorescp, RunningNode, StoredObject, storescu, until, validate

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
#: DCMTK's dsrdump says so of every Key Object Selection Document: it has no check for TID 2010.
UNCHECKED = "W: Check for template constraints not yet supported"


def route(*destinations: str) -> dict[str, Any]:
    return {"name": "films", "plugin": "brightness", "destinations": list(destinations)}


def answered(node: RunningNode, hospital: Hospital, patient: int = 1) -> str:
    """A film is sent and its results are delivered; its study."""
    assert storescu(node.port, [hospital.film(patient)]).exit_status == 0
    node.await_ended([hospital.study_uid(patient)])
    return hospital.study_uid(patient)


def settled(node: RunningNode, study: str) -> list[tuple[str, str]]:
    """(destination, kind) of everything that was delivered, once nothing waits any more."""
    until(lambda: all(one.state != "WAITING" for one in node.ledger.deliveries.of_study(study)), "nothing waits")
    told = [one.detail for one in node.trail(study) if one.action == "delivered"]
    return sorted((one["destination"], one["kind"]) for one in told)


def notes(archive: RealStorescp) -> list[StoredObject]:
    return [one for one in archive.objects() if one.dataset.SOPClassUID == KEY_OBJECTS]


def test_a_rejection_note_reaches_both_archives_once_and_names_what_they_have(
    start_node: StartNode, orthanc: RealOrthanc, storescp: RealStorescp, hospital: Hospital, tmp_path: Path
) -> None:
    destinations = [orthanc.destination(), storescp.destination()]
    node = start_node(destinations=destinations, routes=[route("orthanc", "storescp")])
    study = answered(node, hospital)
    results = {one.uid for one in storescp.objects()}
    assert len(results) == 2

    done = node.run_cli("studies", "withdraw", study, "--reason", "incorrect", "--comment", "Wrong side, sorry")
    assert done.returncode == 0, done.stderr
    assert "2 objects are withdrawn (incorrect)" in done.stdout
    assert settled(node, study) == sorted(
        (name, kind) for name in ("orthanc", "storescp") for kind in ("rejection", "sc", "sr")
    )

    (note,) = notes(storescp)
    assert note.sources == results
    assert note.dataset.ConceptNameCodeSequence[0].CodeValue == "113037"
    assert note.says("Wrong side, sorry")
    (found,) = [one for one in orthanc.results(study) if one["Tags"]["Modality"] == "KO"]
    path = orthanc.download(found["ID"], tmp_path / "note.dcm")
    assert found["Tags"]["SOPInstanceUID"] == note.uid
    for copy in (path, note.path):
        assert set(validate(copy)) <= {UNCHECKED}

    before = len(node.trail(study))
    again = node.run_cli("studies", "withdraw", study)
    assert again.returncode == 0
    assert again.stdout == "all that was delivered is withdrawn already: nothing was changed\n"
    assert len(node.trail(study)) == before
    assert node.json("status")["analyses"] == {"WITHDRAWN": 1}


@pytest.mark.slow
def test_a_late_image_is_reported_without_naming_the_withdrawn_report(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[route("storescp")])
    study = answered(node, hospital)
    assert node.run_cli("studies", "withdraw", study).returncode == 0
    settled(node, study)
    (withdrawn,) = [one for one in storescp.objects() if one.kind == "sr" and one not in notes(storescp)]

    storescu(node.port, [hospital.write(hospital.image(image=2))])
    until(lambda: [a.state for a in node.ledger.analyses.of_study(study)] == ["WITHDRAWN", "DELIVERED"], "it is told")
    new = [one for one in storescp.objects() if one.uid not in {withdrawn.uid, *withdrawn.sources}]
    (report,) = [one for one in new if one.kind == "sr" and one.dataset.SOPClassUID != KEY_OBJECTS]
    assert "PredecessorDocumentsSequence" not in report.dataset
    assert len(notes(storescp)) == 1
    assert report.uid not in notes(storescp)[0].sources


@pytest.mark.slow
def test_an_archive_that_is_down_is_told_when_it_is_back(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[route("storescp")])
    study = answered(node, hospital)
    storescp.stop()
    assert node.run_cli("studies", "withdraw", study).returncode == 0
    node.stop()
    storescp.start()
    node.start()
    assert settled(node, study) == [("storescp", kind) for kind in ("rejection", "sc", "sr")]
    assert len(notes(storescp)) == 1


@pytest.mark.slow
def test_killed_at_any_moment_the_command_can_be_given_again(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[route("storescp")])
    study = answered(node, hospital)
    command = [sys.executable, "-m", "node", "studies", "withdraw", study, "-c", str(node.config)]
    cut_off = 0
    for tenths in range(2, 100, 2):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(tenths / 10)
            process.kill()
        if process.returncode == 0:
            break
        cut_off += 1
    assert cut_off > 0
    assert settled(node, study) == [("storescp", kind) for kind in ("rejection", "sc", "sr")]
    (note,) = notes(storescp)
    assert set(validate(note.path)) <= {UNCHECKED}
    actions = [one.action for one in node.trail(study)]
    assert actions.count("results withdrawn") == 1
