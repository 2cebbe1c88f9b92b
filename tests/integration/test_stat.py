"""A node that has more to do than it can: who goes first, who is not forgotten, and who waits for the night."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from node.states import AnalysisState
from tests.peers import Hospital, RunningNode, storescu, until

pytestmark = pytest.mark.integration


def _request(priority: str) -> list[Dataset]:
    one = Dataset()
    one.RequestedProcedureID, one.RequestedProcedurePriority = "P1", priority
    return [one]


def test_stat_overtakes_what_waits_which_is_not_starved_and_the_night_is_waited_for(
    start_node: Callable[..., RunningNode], hospital: Hospital, tmp_path: Path
) -> None:
    hour = (time.gmtime().tm_hour + 12) % 24
    route = {"plugin": "brightness", "destinations": ["folder"]}
    node = start_node(
        destinations=[{"name": "folder", "kind": "folder", "path": str(tmp_path / "out")}],
        routes=[
            {"name": "films", "modality": ["DX"], **route},
            {"name": "nights", "modality": ["US"], "window": f"{hour:02}:00-{hour:02}:01", **route},
        ],
        worker={"batch": 1},
        queue={"ageing_minutes": 0.005, "time_zone": "UTC"},  # in a second two classes are made up for
    )
    node.ledger.pauses.pause_queue("until all are here")
    routine, stat = ([hospital.study_uid(patient) for patient in patients] for patients in (range(1, 4), range(4, 8)))
    night = hospital.study_uid(8)
    storescu(node.port, [hospital.film(patient) for patient in range(1, 4)] + [hospital.film(8, modality="US")])
    _await_queued(node, [*routine, night])
    time.sleep(1)
    urgent = {"RequestAttributesSequence": _request("STAT")}
    storescu(node.port, [hospital.film(patient, **urgent) for patient in range(4, 8)])
    _await_queued(node, stat)
    node.ledger.pauses.resume_queue()

    node.await_ended([*routine, *stat])
    order = sorted((*routine, *stat), key=lambda uid: _at(node, uid, "analysis classified"))
    assert order[0] in stat, "it came last"
    places = {uid: place for place, uid in enumerate(order)}
    assert min(places[uid] for uid in routine) < max(places[uid] for uid in stat), "what has waited long has its turns"
    first = order[0]
    assert _at(node, first, "delivered") < min(_at(node, uid, "delivered") for uid in routine)
    assert node.ledger.analyses.of_study(first)[0].priority_reason == "Requested Procedure Priority is STAT"

    assert "the window of route 'nights' is shut" in node.run_cli("why", night).stdout
    assert node.ledger.analyses.of_study(night)[0].state is AnalysisState.QUEUED
    assert node.run_cli("queue", "prioritise", night, "stat").returncode == 0
    node.await_ended([night])


def _await_queued(node: RunningNode, uids: list[str]) -> None:
    until(lambda: all(node.ledger.analyses.of_study(uid) for uid in uids), "they wait for a worker")


def _at(node: RunningNode, uid: str, action: str) -> float:
    """When that happened to a study last."""
    return max(event.at for event in node.trail(uid) if event.action == action)
