"""Storage Commitment as its user: nothing is purged before the archive has promised to keep what it took."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from node.commitment import Answer, Reference, report
from node.ledger import DeliveryRow
from node.states import AnalysisState, Keeping
from tests.peers import Hospital, RealOrthanc, RealStorescp, RunningNode, storescu, until
from tests.peers.keeper import Keeper

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]
ROUTE = {"name": "all", "plugin": "brightness", "destinations": ["keeper"]}


def kept(node: RunningNode, uid: str) -> list[Keeping]:
    return [row.kept for row in node.ledger.deliveries.of_study(uid)]


def expired(node: RunningNode) -> list[str]:
    """Studies whose files may go."""
    return node.ledger.studies.expired(time.time() + 10)


def delivered(node: RunningNode, hospital: Hospital) -> str:
    assert len(storescu(node.port, [hospital.film()]).taken) == 1
    node.await_ended([hospital.study_uid()])
    return hospital.study_uid()


def keeps_all(node: RunningNode, uid: str) -> None:
    until(lambda: kept(node, uid) == [Keeping.KEPT, Keeping.KEPT], lambda: f"it is promised: {kept(node, uid)}")


def test_orthanc_is_asked_and_calls_back(start_node: StartNode, orthanc: RealOrthanc, hospital: Hospital) -> None:
    node = start_node(destinations=[orthanc.destination(name="keeper", storage_commitment=True)], routes=[ROUTE])
    orthanc.put("/modalities/radnode", {"AET": "RADNODE", "Host": "127.0.0.1", "Port": node.port})
    uid = delivered(node, hospital)
    keeps_all(node, uid)
    assert expired(node) == [uid]
    assert "offers Storage Commitment" in node.run_cli("doctor").stdout


@pytest.mark.parametrize(
    ("way", "role"),
    [
        ("same", True),
        pytest.param("back", True, marks=pytest.mark.slow),
        pytest.param("back", False, marks=pytest.mark.slow),
    ],
)
def test_the_report_is_heard_whichever_way_it_comes(
    start_node: StartNode, hospital: Hospital, way: str, role: bool
) -> None:
    with Keeper(way, role=role) as keeper:
        node = start_node(destinations=[keeper.destination()], routes=[ROUTE])
        keeper.back = node.port
        uid = delivered(node, hospital)
        keeps_all(node, uid)
        until(lambda: keeper.answers, "the report was answered")
        assert set(keeper.answers) == {0x0000}
        assert expired(node) == [uid]


def test_nothing_is_purged_while_the_archive_is_silent_and_kill_9_forgets_no_question(
    start_node: StartNode, hospital: Hospital
) -> None:
    with Keeper("never") as keeper:
        node = start_node(destinations=[keeper.destination()], routes=[ROUTE])
        keeper.back = node.port
        uid = delivered(node, hospital)
        questions = asked_of_all(keeper, node, uid)
        until(lambda: kept(node, uid) == [Keeping.ASKED, Keeping.ASKED], "which is written down")
        assert expired(node) == []
        node.kill("group")
        node.restart()
        answers = {row.sop_instance_uid: Answer(_reference(row)) for row in deliveries(node, uid)}
        for transaction, asked in questions:
            keeper.call_back(*report(transaction, [answers[one] for one in asked]))
        assert keeper.answers == [0x0000] * len(questions)
        keeps_all(node, uid)
        keeper.call_back(*report("2.25.404", list(answers.values())))
        assert keeper.answers[-1] == 0x0115, "nobody asked under that Transaction UID"


def asked_of_all(keeper: Keeper, node: RunningNode, uid: str) -> list[tuple[str, tuple[str, ...]]]:
    """Transaction UID and instances of each question: of both results together, or of one after the other."""
    results = {row.sop_instance_uid for row in deliveries(node, uid)}
    until(lambda: {one for _, asked in keeper.asked for one in asked} == results, "it was asked of all")
    return list(keeper.asked)


def _reference(row: DeliveryRow) -> Reference:
    return Reference(row.sop_class_uid, row.sop_instance_uid)


def deliveries(node: RunningNode, uid: str) -> list[DeliveryRow]:
    return node.ledger.deliveries.of_study(uid)


def test_what_the_archive_lost_is_delivered_again(start_node: StartNode, hospital: Hospital) -> None:
    with Keeper("never") as keeper:
        node = start_node(destinations=[keeper.destination()], routes=[ROUTE])
        keeper.back = node.port
        uid = delivered(node, hospital)
        questions = asked_of_all(keeper, node, uid)
        first, second = deliveries(node, uid)
        told = {first.sop_instance_uid: Answer(_reference(first))}
        told[second.sop_instance_uid] = Answer(_reference(second), 0x0112)
        keeper.way = "same"
        for transaction, asked in questions:
            keeper.call_back(*report(transaction, [told[one] for one in asked]))
        until(lambda: keeper.stored.count(second.sop_instance_uid) == 2, "it is sent again", 60)
        keeps_all(node, uid)
        assert keeper.stored.count(first.sop_instance_uid) == 1
        assert [one.state for one in node.ledger.analyses.of_study(uid)] == [AnalysisState.DELIVERED]
        reasons = [event.detail.get("reason", "") for event in node.trail(uid)]
        assert "the archive does not keep it: no such object instance (0112)" in reasons


@pytest.mark.slow
def test_an_archive_without_storage_commitment_is_shown_and_nothing_is_purged(
    start_node: StartNode, hospital: Hospital, storescp: RealStorescp
) -> None:
    to = storescp.destination("keeper", storage_commitment=True)
    node = start_node(destinations=[to], routes=[ROUTE])
    uid = delivered(node, hospital)
    until(lambda: "storage commitment keeper" in node.ledger.facts.troubles(), "the operator is told")
    shown = node.run_cli("status").stdout
    assert "offers no Storage Commitment" in shown
    assert "2 objects stay in the spool" in shown
    assert expired(node) == []
    assert "offers no Storage Commitment" in node.run_cli("doctor").stdout
    assert [one.state for one in node.ledger.analyses.of_study(uid)] == [AnalysisState.DELIVERED]
