"""An image comes after the files of its study were purged: nothing passes for lost, or for whole, that is not."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from node.states import AnalysisState, StudyState
from tests.peers import Hospital, RealStorescp, RunningNode, storescu, until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

StartNode = Callable[..., RunningNode]
ROUTE = {"name": "all", "plugin": "brightness", "destinations": ["pacs"]}
#: 0.9 s: the node itself looks every ten minutes, and `gc` when it is called.
SHORT = {"keep_days": 0.00001}


def answered(node: RunningNode, uid: str, revision: int) -> AnalysisState:
    """What became of that revision."""

    def is_closed() -> bool:
        study = node.ledger.studies.get(uid)
        return (study.revision, study.state) == (revision, StudyState.CLOSED)

    until(is_closed, lambda: f"revision {revision} is closed: {node.ledger.studies.get(uid)}")
    return node.ledger.analyses.of_study(uid)[-1].state


def test_half_a_series_is_not_answered_and_the_whole_of_it_is_once_it_is_sent_again(
    start_node: StartNode, hospital: Hospital, storescp: RealStorescp
) -> None:
    node = start_node(destinations=[storescp.destination("pacs")], routes=[ROUTE], storage=SHORT)
    uid, first, late = hospital.study_uid(), hospital.film(image=1), hospital.film(image=2)
    storescu(node.port, [first])
    node.await_ended([uid])
    assert answered(node, uid, 1) is AnalysisState.DELIVERED
    time.sleep(1)
    assert "removed: files of 1 studies" in node.run_cli("gc").stdout
    storescu(node.port, [late])
    assert answered(node, uid, 2) is AnalysisState.FAILED
    check = node.run_cli("db", "check")
    assert check.returncode == 0, check.stdout
    told = node.run_cli("why", uid).stdout
    assert "it failed: 1 of its images were purged (storage.keep_days)" in told
    assert "send the whole study again" in told
    assert "spool" not in node.ledger.facts.troubles()
    storescu(node.port, [late, first])
    assert answered(node, uid, 3) is AnalysisState.DELIVERED
    assert node.ledger.studies.purged(uid) == 0
