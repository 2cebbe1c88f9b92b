"""A node that runs is told by a modality and an archive when a study is whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from node.states import StudyState
from tests.peers import Hospital, RealStorescp, RunningNode, storescu, until
from tests.peers.hospital import CANARY
from tests.peers.modality import available, begun, change, create, ended, notify, telling

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]
#: Nothing closes by the timer while a test runs.
PATIENT = {"quiet_seconds": {"default": 300}, "missing_wait_seconds": 300, "settled_seconds": 0.2}
STEP = "1.2.826.0.1.99"


def named(paths: list[Path]) -> list[tuple[str, str]]:
    found = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
    return [(ds.SeriesInstanceUID, ds.SOPInstanceUID) for ds in found]


def completed(node: RunningNode, uid: str) -> str:
    """Which signal closed it, as the operator is shown."""
    node.await_ended([uid])
    return str(node.json("studies", "show", uid)["completed"])


def test_steps_and_notifications_close_studies_and_outlive_a_killed_receiver(
    start_node: StartNode, hospital: Hospital
) -> None:
    node = start_node(study=PATIENT, routes=[])
    films, slices = [hospital.write(hospital.image(image=number)) for number in (1, 2)], hospital.slices(3, patient=2)
    with telling(node.port) as assoc:
        assert create(assoc, STEP, begun(hospital.study_uid())) == 0x0000
        assert change(assoc, STEP, ended(*named(films))).Status == 0x0000
    node.kill("receiver")
    assert [one.status for one in node.ledger.signals.of_study(hospital.study_uid())] == ["COMPLETED"]
    assert node.study(hospital.study_uid()) is None
    node.restart()
    assert len(storescu(node.port, [*films, *slices]).taken) == 5
    told = completed(node, hospital.study_uid())
    assert told == "all 2 instances that the modality's performed procedure step names have come"
    uid = hospital.study_uid(2)
    with telling(node.port, calling="PACS") as assoc:
        assert notify(assoc, "1.2.826.0.1.98", available(uid, *named(slices))) == 0x0000
        assert completed(node, uid) == "all 3 instances that the notification of PACS names have come"
        more = [*named(slices), (f"{uid}.7", f"{uid}.7.1")]
        assert notify(assoc, "1.2.826.0.1.97", available(uid, *more)) == 0x0000
    late = [event.detail.get("reason") for event in node.trail(uid) if event.action == "availability told"]
    assert late == [None, "it came after the study was complete: 1 of the 4 instances that are named are not here"]
    assert node.study(uid).revision == 1  # type: ignore[union-attr]  # it was awaited
    assert CANARY not in node.log()


@pytest.mark.slow
def test_the_time_that_a_step_may_take_goes_on_through_a_restart(start_node: StartNode, hospital: Hospital) -> None:
    node = start_node(routes=[])
    forgotten, under_way = hospital.study_uid(1), hospital.study_uid(2)
    with telling(node.port) as assoc:
        assert create(assoc, STEP, begun(forgotten)) == 0x0000
        assert create(assoc, f"{STEP}.2", begun(under_way)) == 0x0000
    assert len(storescu(node.port, [hospital.film(1), hospital.film(2)]).taken) == 2
    node.kill("group")
    for uid, seconds in ((forgotten, 7201), (under_way, 7000)):
        passed(node, uid, seconds)
    node.restart()
    assert "is IN PROGRESS, and nothing was heard for 72" in completed(node, forgotten)
    study = node.study(under_way)
    assert study is not None
    assert study.state is StudyState.RECEIVING
    waits = node.run_cli("why", under_way).stdout
    assert re.search(r"is IN PROGRESS; waiting 1\d\d s more", waits), waits


def passed(node: RunningNode, uid: str, seconds: float) -> None:
    """Nothing was heard of a study for so long."""
    with node.ledger._database.write() as connection:
        connection.execute("UPDATE studies SET last_at = last_at - ? WHERE study_instance_uid = ?", (seconds, uid))
        signals = "SELECT signal FROM signal_studies WHERE study_instance_uid = ?"
        connection.execute(
            f"UPDATE signals SET told_at = told_at - ? WHERE sop_instance_uid IN ({signals})",  # noqa: S608  our own
            (seconds, uid),
        )


@pytest.mark.slow
def test_a_study_that_a_step_closes_over_two_lives_of_the_node_has_one_result(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital
) -> None:
    route = {"name": "films", "plugin": "brightness", "modality": ["DX"], "destinations": ["storescp"]}
    node = start_node(study=PATIENT, destinations=[storescp.destination()], routes=[route])
    paths = [hospital.write(hospital.image(image=number)) for number in (1, 2)]
    uid = hospital.study_uid()
    with telling(node.port) as assoc:
        assert create(assoc, STEP, begun(uid)) == 0x0000
        assert change(assoc, STEP, ended(*named(paths))).Status == 0x0000
    assert len(storescu(node.port, paths[:1]).taken) == 1
    node.kill("group")  # what was told stands in the ledger
    node.restart()
    why = node.run_cli("why", uid).stdout
    assert "1 of 2 instances that the modality's performed procedure step names have come" in why
    assert f"MPPS {STEP} from MODALITY" in why
    assert len(storescu(node.port, paths[1:]).taken) == 1
    assert completed(node, uid) == "all 2 instances that the modality's performed procedure step names have come"
    until(lambda: len(storescp.objects()) > 0, "its result was sent")
    assert len(node.ledger.analyses.of_study(uid)) == 1
    assert CANARY not in node.log() + node.run_cli("trail", uid).stdout
