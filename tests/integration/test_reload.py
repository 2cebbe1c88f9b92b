"""A node that runs is drained, told to read its configuration again, and asked why."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from node.states import AnalysisState
from node.watch.ticking import TICK_SECONDS
from node.web import tokens
from node.web.tokens import Role
from tests.peers import Hospital, RunningNode, dcmtk, storescu, until
from tests.peers.ports import free_port

pytestmark = pytest.mark.integration

ULTRASOUND = """
[[destinations]]
name = "second"
kind = "folder"
path = "second"
profile = "all"

[[routes]]
name = "ultrasound"
plugin = "brightness"
modality = ["US"]
destinations = ["second"]
"""


@pytest.fixture
def node(start_node: Callable[..., RunningNode], tmp_path: Path) -> RunningNode:
    first = {"name": "first", "kind": "folder", "path": str(tmp_path / "first")}
    route = {"name": "films", "plugin": "brightness", "modality": ["DX"], "destinations": ["first"]}
    return start_node(destinations=[first], routes=[route])


def test_new_routes_and_destinations_count_without_a_restart_and_wrong_ones_change_nothing(
    node: RunningNode, hospital: Hospital
) -> None:
    film, ultrasound = hospital.study_uid(1), hospital.study_uid(2)
    storescu(node.port, [hospital.film(1), hospital.film(2, modality="US")])
    node.await_ended([film, ultrasound])
    assert "no result: no route took any of its series" in node.json("why", ultrasound)["answer"]
    assert "answered, delivered to first" in node.json("why", film)["answer"]
    before = node.pids("main") + node.pids("receiver")

    good = node.config.read_text() + ULTRASOUND
    node.config.write_text(good.replace("[study]", "[receive]\nmax_pdu = 65536\n\n[study]"))
    assert "radnode reload" in [step["command"] for step in node.json("why", ultrasound)["steps"]]
    node.config.write_text(node.config.read_text() + '[[peers]]\nname = "known"\nae_title = "KNOWN"\n')
    answer = node.json("reload")
    assert answer["live"] == ["peers: 'known' is new", "destinations: 'second' is new", "routes: 'ultrasound' is new"]
    assert answer["restart"] == ["receive.max_pdu"]
    assert dcmtk.answers(node.port, node.ae_title, "KNOWN")
    assert not dcmtk.answers(node.port, node.ae_title, "STRANGER")
    node.config.write_text(good)
    assert node.json("reload")["live"] == ["peers: 'known' is gone"]
    assert node.run_cli("studies", "complete", ultrasound).returncode == 0
    node.await_ended([ultrasound])
    kinds = [row["kind"] for row in node.json("studies", "show", ultrasound)["deliveries"]]
    assert {"sc", "sr", "pdf"} <= set(kinds), "its worker knows what the new destination takes"
    assert "answered, delivered to second" in node.json("why", ultrasound)["answer"]
    assert node.pids("main") + node.pids("receiver") == before

    node.config.write_text(good.replace('modality = ["US"]', "modalty = ['US']"))
    wrong = node.run_cli("reload")
    line = good.splitlines().index('modality = ["US"]') + 1
    assert wrong.returncode == os.EX_CONFIG
    assert f"radnode.toml:{line}: routes.1.modalty: unknown key" in wrong.stderr
    node.config.write_text(good.replace('plugin = "brightness"', 'plugin = "brightnes"'))
    wrong = node.run_cli("reload")
    assert wrong.returncode == os.EX_CONFIG
    assert "refused, the node keeps its configuration: the plugin cannot be used" in wrong.stderr
    storescu(node.port, [hospital.film(3)])
    node.await_ended([hospital.study_uid(3)])
    assert "answered, delivered to first" in node.json("why", hospital.study_uid(3))["answer"]


def test_http_takes_over_what_it_can_and_the_rest_is_named(
    start_node: Callable[..., RunningNode], hospital: Hospital
) -> None:
    port, film = free_port(), hospital.film(1)
    node = start_node(
        routes=[{"name": "films", "plugin": "brightness"}],
        web={"enabled": True, "port": port},
        receive={"max_object_mb": 9},
    )
    url, token = f"http://127.0.0.1:{port}", tokens.add(node.data / "tokens", "gateway", Role.STORE)
    until(lambda: _status(url, "radnode.clinic") is not None, "it serves")
    assert _status(url, "radnode.clinic") == 400
    before = node.pids("main") + node.pids("web")
    text = node.config.read_text().replace("max_object_mb = 9", "max_object_mb = 1")
    node.config.write_text(text.replace("[web]\n", '[web]\nallowed_hosts = ["radnode.clinic"]\nbehind_proxy = true\n'))
    answer = node.json("reload")
    assert answer["live"] == ["web.allowed_hosts"]
    assert answer["restart"] == ["receive.max_object_mb", "web.behind_proxy"]
    assert _status(url, "radnode.clinic") == 200
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + film.read_bytes() + b"\r\n--b--\r\n"
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": 'multipart/related; type="application/dicom"; boundary=b',
    }
    assert requests.post(f"{url}/dicom-web/studies", body, headers=headers, timeout=10).status_code == 200
    assert node.pids("main") + node.pids("web") == before


def _status(url: str, host: str) -> int | None:
    try:
        return requests.get(f"{url}/healthz", headers={"Host": host}, timeout=10).status_code
    except requests.ConnectionError:
        return None


@pytest.mark.slow  # the node looks whether it is time every ten seconds
def test_how_models_are_watched_counts_without_a_restart(
    start_node: Callable[..., RunningNode], hospital: Hospital, tmp_path: Path
) -> None:
    route = {"name": "films", "plugin": "brightness", "modality": ["DX"]}
    node = start_node(routes=[route], watch={"enabled": False})
    storescu(node.port, [hospital.film(1)])
    node.await_ended([hospital.study_uid(1)])
    time.sleep(2 * TICK_SECONDS)
    assert node.ledger.measures.latest() == []
    before = node.pids("main")
    node.config.write_text(node.config.read_text().replace("enabled = false", "enabled = true\nreports = 0"))
    assert node.json("reload")["live"] == ["watch.enabled", "watch.reports"]
    until(lambda: node.ledger.measures.latest("brightness"), "the node looks", 3 * TICK_SECONDS)
    assert node.pids("main") == before
    assert not (node.data / "reports").exists()


@pytest.mark.slow
def test_a_drained_node_ends_what_it_is_at_and_begins_nothing_until_it_is_resumed(
    node: RunningNode, hospital: Hospital
) -> None:
    node.await_worker()
    slow, waiting = hospital.study_uid(1), hospital.study_uid(2)
    storescu(node.port, [hospital.film(1, BodyPartExamined="SLOW")])
    until(lambda: node.ledger.inquiries.running(time.time()), "a worker is at it")
    drained = node.run_cli("queue", "drain")
    assert drained.returncode == 0, drained.stderr
    assert "drained: no worker is at anything\n" in drained.stdout
    node.await_ended([slow])
    storescu(node.port, [hospital.film(2)])
    until(lambda: node.ledger.analyses.of_study(waiting), "it is queued")
    assert "no result yet: brightness: the queue is paused by" in node.json("why", waiting)["answer"]
    assert node.ledger.analyses.of_study(waiting)[0].state is AnalysisState.QUEUED
    assert node.run_cli("queue", "resume").returncode == 0
    node.await_ended([waiting])
    assert "answered, delivered to first" in node.json("why", waiting)["answer"]
