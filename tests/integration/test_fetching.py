"""Studies are fetched from archives by a node that runs, and close when all that the archive counts has come."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers import Hospital, RealOrthanc, RunningNode, until
from tests.peers.hospital import CANARY
from tests.peers.slow import SlowArchive

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]
#: Nothing closes by the timer while a test runs.
PATIENT = {"quiet_seconds": {"default": 300}, "missing_wait_seconds": 300, "settled_seconds": 0.2}


def closed_by(node: RunningNode, uid: str) -> str:
    """Which signal did, as the operator is shown."""
    node.await_ended([uid])
    return str(node.json("studies", "show", uid)["completed"])


def test_a_study_fetched_from_orthanc_closes_when_all_of_it_has_come(
    start_node: StartNode, orthanc: RealOrthanc, hospital: Hospital
) -> None:
    node = start_node(destinations=[orthanc.destination(name="pacs")], study=PATIENT, routes=[])
    for path in [*hospital.slices(5, patient=1), *hospital.slices(3, patient=2, modality="MR")]:
        orthanc.upload(path)
    uid = hospital.study_uid(1)
    stranger = node.run_cli("fetch", "pacs", "--study", uid)
    assert stranger.returncode == os.EX_TEMPFAIL, "Orthanc lets nobody ask whom it does not know"
    assert "may AE title RADNODE ask there (Orthanc: an entry of DicomModalities)?" in stranger.stderr
    orthanc.put("/modalities/radnode", {"AET": "RADNODE", "Host": "127.0.0.1", "Port": node.port})
    (planned,) = node.json("fetch", "pacs", "--patient", f"{CANARY}1", "--body-part", "HEAD", "--dry-run")
    assert planned == {"study_instance_uid": uid, "date": "20260102", "modalities": ["CT"], "instances": 5, "here": 0}
    done = node.run_cli("fetch", "pacs", "--study", uid)
    assert (done.returncode, done.stdout) == (0, f"{uid}: has come, 5 instances\n1 of 1 studies are here\n"), (
        done.stderr
    )
    assert closed_by(node, uid) == "all 5 instances that pacs counts have come"
    again = node.run_cli("fetch", "pacs", "--modality", "CT", "--accession", "A1-1")
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, f"{uid}: was here, 5 instances")
    assert CANARY not in node.run_cli("audit").stdout + node.log()


@pytest.mark.slow
def test_what_an_archive_has_comes_by_the_clock(start_node: StartNode, hospital: Hospital, tmp_path: Path) -> None:
    rule = {"name": "ct", "archive": "pacs", "modality": "CT", "every_minutes": 0.01, "days_back": 3650}
    with RealOrthanc(tmp_path / "orthanc") as orthanc:  # which does not know the node before it is told
        for path in [*hospital.slices(3, patient=3), hospital.film(4)]:
            orthanc.upload(path)
        node = start_node(destinations=[orthanc.destination(name="pacs")], study=PATIENT, routes=[], fetch=[rule])
        orthanc.put("/modalities/radnode", {"AET": "RADNODE", "Host": "127.0.0.1", "Port": node.port})
        assert closed_by(node, hospital.study_uid(3)) == "all 3 instances that pacs counts have come"
        (asked,) = [one for one in node.trail(hospital.study_uid(3)) if one.action == "fetch asked"]
        assert asked.detail == {"archive": "pacs", "instances": 3, "operator": "fetch ct"}
        assert node.study(hospital.study_uid(4)) is None


@pytest.mark.slow  # that the node closes what such a command leaves is seen in tests/test_children.py, too
def test_a_command_that_is_killed_while_it_receives_holds_no_study_open(
    start_node: StartNode, hospital: Hospital, tmp_path: Path
) -> None:
    films, uid = hospital.slices(3, patient=5), hospital.study_uid(5)
    with SlowArchive(films) as archive:
        node = start_node(destinations=[archive.destination()], study=PATIENT, routes=[])
        command = node.begin_cli("fetch", "archive", "--study", uid, "--get")
        until(lambda: node.ledger.fetches.came(uid) == 1, "the first object has come")
        assert node.ledger.studies.streaming(uid).associations == 1
        command.kill()
        command.wait(10)
        until(lambda: node.ledger.studies.streaming(uid).associations == 0, "the node sees that it is gone")
        archive.let_go()
        done = node.run_cli("fetch", "archive", "--study", uid, "--get")
        assert (done.returncode, done.stderr) == (0, "")
        assert closed_by(node, uid) == "all 3 instances that archive counts have come"
        assert node.ledger.fetches.came(uid) == 3
