"""Studies that come not over C-STORE: a whole node takes, analyses and answers them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.peers import Hospital, RealOrthanc, RunningNode, folder_objects, until
from tests.peers.hospital import CANARY
from tests.peers.ports import free_port

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]


def started(start_node: StartNode, disk: Path, sender: str, **more: Any) -> RunningNode:
    """A node that only has a route for what that sender brings."""
    route = {"name": "way", "plugin": "brightness", "calling_ae": [sender], "destinations": ["disk"]}
    disk_ = {"name": "disk", "kind": "folder", "path": disk}
    return start_node(destinations=[disk_], routes=[route], **more)


def test_files_in_a_watched_folder_are_answered_though_its_process_is_killed(
    start_node: StartNode, hospital: Hospital, tmp_path: Path
) -> None:
    inbox, disk = tmp_path / "inbox", tmp_path / "disk"
    inbox.mkdir()
    watched = {"name": "EXPORT", "path": inbox, "settle_seconds": 0.2, "look_seconds": 0.1}
    node = started(start_node, disk, "EXPORT", inputs=[watched])
    paths = [*hospital.slices(30), hospital.film(2), hospital.film(3)]
    for path in paths[:-1]:
        shutil.copy(path, inbox)
    until(lambda: node.study(hospital.study_uid()), "it has begun")
    node.kill("intake")
    shutil.copy(paths[-1], inbox / f"{CANARY}.dcm")
    (inbox / f"{CANARY}.txt").write_text("no image")
    studies = [hospital.study_uid(patient) for patient in (1, 2, 3)]
    node.await_ended(studies)
    study = node.study(studies[0])
    assert study is not None
    assert (study.images, study.sender) == (30, "EXPORT")
    until(lambda: sorted(path.name for path in inbox.rglob("*")) == LEFT, "only what was refused is left")
    assert {one.study for one in folder_objects(disk)} == set(studies)
    shown = node.run_cli("trail", studies[1])
    assert "received" in shown.stdout
    assert CANARY not in node.log(), "files are called as patients are"


def stable(orthanc: RealOrthanc, uid: str) -> bool:
    """Whether Orthanc holds every series of a study for whole."""
    series = orthanc.find("Series", StudyInstanceUID=uid)
    return bool(series) and all(orthanc.get(f"series/{one['ID']}")["IsStable"] for one in series)


def test_the_changes_of_an_orthanc_are_followed_from_where_the_node_was(
    start_node: StartNode, orthanc: RealOrthanc, hospital: Hospital
) -> None:
    before, first, second, third = (hospital.study_uid(patient) for patient in (4, 1, 2, 3))
    orthanc.upload(hospital.film(4))
    until(lambda: stable(orthanc, before), "what was there before is stable")
    route = {"name": "way", "plugin": "brightness", "calling_ae": ["orthanc"], "destinations": ["orthanc"]}
    node = start_node(destinations=[orthanc.destination("orthanc", follow=True)], routes=[route])
    until(lambda: node.ledger.facts.position("changes of orthanc") is not None, "it has begun to follow")
    for path in hospital.slices(30):
        orthanc.upload(path)
    node.await_ended([first])
    node.stop()
    orthanc.upload(hospital.film(2))
    until(lambda: stable(orthanc, second), "it became stable while nobody followed")
    node.start()
    node.await_ended([second])
    node.kill("intake")
    orthanc.stop()
    orthanc.start()
    orthanc.upload(hospital.film(3))
    node.await_ended([third])
    for uid in (first, second, third):
        assert {one["Tags"]["Modality"] for one in orthanc.results(uid)} == {"OT", "SR"}
    until(lambda: all(stable(orthanc, uid) for uid in (first, second, third)), "results are stable as well")
    last = orthanc.get("changes?last")["Last"]
    until(lambda: (node.ledger.facts.position("changes of orthanc") or 0) >= last, "it has seen them")
    study = node.study(first)
    assert study is not None
    assert (study.images, study.revision, study.sender) == (30, 1, "orthanc")
    assert not any(event.action == "own result came back" for uid in (first, second) for event in node.trail(uid))
    assert node.study(before) is None


def test_an_orthanc_pushes_a_study_over_dicomweb_and_gets_its_results(
    start_node: StartNode, orthanc: RealOrthanc, hospital: Hospital
) -> None:
    if not orthanc.has_dicomweb:
        pytest.skip("Orthanc has no DICOMweb plugin here")
    port, archive = free_port(), {**orthanc.destination("stow", name="sender"), "profile": "sr"}
    route = {"name": "way", "plugin": "brightness", "calling_ae": ["ORTHANC-*"], "destinations": ["sender"]}
    node = start_node(destinations=[archive], routes=[route], web={"enabled": True, "port": port})
    token = node.run_cli("tokens", "add", "ORTHANC-WEB", "--role", "store").stdout.strip()
    server = {"Url": f"http://127.0.0.1:{port}/dicom-web/", "HttpHeaders": {"Authorization": f"Bearer {token}"}}
    orthanc.put("dicom-web/servers/radnode", server)
    until(lambda: answers(port), "its HTTP answers, which starts beside the receiver")
    for path in hospital.slices(12):
        orthanc.upload(path)
    (study,) = orthanc.find("Study", StudyInstanceUID=hospital.study_uid())
    orthanc.post("dicom-web/servers/radnode/stow", {"Resources": [study["ID"]], "Synchronous": True})
    node.await_ended([hospital.study_uid()])
    found = node.study(hospital.study_uid())
    assert found is not None
    assert (found.images, found.sender) == (12, "ORTHANC-WEB")
    until(lambda: orthanc.results(hospital.study_uid()), "its report comes back")


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False


LEFT = [f"{CANARY}.txt", f"{CANARY}.txt.txt", "refused"]
