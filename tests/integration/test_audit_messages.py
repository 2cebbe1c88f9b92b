"""The whole node with a collector over TLS: what came, went, was refused and looked at is told there, in order."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest

from tests.audit.listener import SyslogServer
from tests.peers import Hospital, Pki, RunningNode, storescu, until
from tests.peers.dcmtk import answers
from tests.peers.hospital import CANARY
from tests.peers.modality import begun, change, create, ended, telling
from tests.peers.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
START, STOP, TRANSFERRED = "110100 110120", "110100 110121", "110104"
ROUTE = {"name": "everything", "plugin": "brightness", "destinations": ["disk"]}


@pytest.fixture
def collector_context(pki: Pki) -> ssl.SSLContext:
    """Of a collector that wants the node's certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki.ca)
    context.load_cert_chain(pki.modality.certificate, pki.modality.key)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def audit(pki: Pki, port: int, **more: Any) -> dict[str, Any]:
    """[audit] of a node."""
    ours = {"ca_file": pki.ca, "certificate_file": pki.node.certificate, "key_file": pki.node.key}
    return {"enabled": True, "port": port, **ours, **more}


@pytest.mark.parametrize("phi", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_study_from_its_arrival_to_its_results(
    start_node: Callable[..., RunningNode],
    hospital: Hospital,
    pki: Pki,
    collector_context: ssl.SSLContext,
    phi: bool,
) -> None:
    with SyslogServer(collector_context) as server:
        node = start_node(
            destinations=[{"name": "disk", "kind": "folder", "path": hospital.folder.parent / "disk"}],
            routes=[ROUTE],
            audit=audit(pki, server.port, phi=phi),
        )
        paths = hospital.slices(30)
        with telling(node.port) as assoc:
            assert create(assoc, "1.2.826.0.1.99", begun(hospital.study_uid(1))) == 0x0000
            assert change(assoc, "1.2.826.0.1.99", ended()).Status == 0x0000
        assert storescu(node.port, paths).exit_status == 0
        node.await_ended([hospital.study_uid(1)], 120)
        assert not answers(node.port, "SOMEBODY")  # another called AE title: refused
        assert node.run_cli("audit").returncode == 0
        assert node.run_cli("studies", "show", hospital.study_uid(1), "--phi").returncode == 0
        assert node.run_cli("doctor").stdout.count("ok  audit collector") == 1
        assert node.stop() == 0
        events = [one.event for one in server.messages]
    assert (events[0], events[-1]) == (START, STOP)
    transfers = [one for one in server.messages if one.event == TRANSFERRED]
    came = [one for one in transfers if one.xml.find("EventIdentification").get("EventActionCode") == "C"]  # type: ignore[union-attr]
    went = [one for one in transfers if one not in came]
    assert sum(len(one.instances) for one in came) == 30
    assert {uid for one in went for uid in one.instances} == {
        row.sop_instance_uid for row in node.ledger.deliveries.of_study(hospital.study_uid(1))
    }
    for event in ("110113 110126", "110101", "110103"):
        assert event in events
    assert events.count("110111") == 2, "a step begins and ends"
    assert any(CANARY in one.text for one in server.messages) is phi
    assert CANARY not in node.log()


@pytest.mark.slow
def test_a_collector_that_is_away_delays_nothing_and_misses_nothing(
    start_node: Callable[..., RunningNode], hospital: Hospital, pki: Pki, collector_context: ssl.SSLContext
) -> None:
    port = free_port()
    node = start_node(routes=[], audit=audit(pki, port, timeout_seconds=2))
    assert storescu(node.port, [hospital.film(1)]).exit_status == 0
    until(lambda: "audit collector" in str(node.json("status")), "status says that it is away")
    node.kill("main")
    node.restart()
    assert storescu(node.port, [hospital.film(2)]).exit_status == 0
    with SyslogServer(collector_context, port) as server:
        until(lambda: [one.event for one in server.messages].count(TRANSFERRED) >= 2, "both films are told", 90)
        assert node.stop() == 0
        told = [one.event for one in server.messages]
    assert told == [START, TRANSFERRED, START, TRANSFERRED, STOP]
    films = [one.instances for one in server.messages if one.event == TRANSFERRED]
    assert films == [[str(hospital.image(patient).SOPInstanceUID)] for patient in (1, 2)]
