"""The whole node over TLS, with DCMTK on both sides: in over TLS, out over TLS, strangers nowhere."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node.states import AnalysisState
from tests.peers import Hospital, Pki, RealStorescp, RunningNode, storescu, system_program, until
from tests.peers.dcmtk import acknowledged, answers, start_storescu
from tests.peers.hospital import uids
from tests.peers.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

StartNode = Callable[..., RunningNode]
ROUTE = {"name": "everything", "plugin": "brightness", "destinations": ["archive"]}


@pytest.fixture
def archive(tmp_path: Path, pki: Pki) -> Iterator[RealStorescp]:
    """DCMTK's archive, over mutual TLS alone."""
    with RealStorescp(tmp_path / "archive", tls=pki.dcmtk(pki.authority.pair("pacs"))) as running:
        yield running


@pytest.fixture
def start(start_node: StartNode, archive: RealStorescp, pki: Pki) -> StartNode:
    """A node with TLS on both sides; the plain port is for the test's own look whether it is up."""

    def begin(**settings: Any) -> RunningNode:
        own = {"tls": True, "ca_file": pki.ca, "certificate_file": pki.node.certificate, "key_file": pki.node.key}
        tls = pki.tls(port=free_port(), **settings.pop("tls", {}))
        return start_node(destinations=[archive.destination("archive", **own)], routes=[ROUTE], tls=tls, **settings)

    return begin


def tls_port(node: RunningNode) -> int:
    listens: str = node.json("status")["listens"]
    return int(listens.rpartition(":")[2])


def audited(node: RunningNode) -> list[str]:
    """Why somebody was refused, newest first."""
    return [event.detail["why"] for event in node.ledger.events.latest(100) if event.action == "association refused"]


def test_a_study_goes_in_and_its_results_go_out_over_tls(
    start: StartNode, archive: RealStorescp, pki: Pki, hospital: Hospital
) -> None:
    node = start()
    port, films = tls_port(node), [hospital.film(1), *hospital.slices(20, patient=2)]
    assert answers(port, "RADNODE", options=pki.dcmtk(pki.modality))
    assert len(storescu(port, films, options=pki.dcmtk(pki.modality)).taken) == len(films)
    studies = [hospital.study_uid(1), hospital.study_uid(2)]
    node.await_ended(studies)
    for study in studies:
        assert [one.state for one in node.ledger.analyses.of_study(study)] == [AnalysisState.DELIVERED]
    assert {one.study for one in archive.objects()} == set(studies)
    assert node.run_cli("echo", "archive").returncode == 0


def test_dcmtk_agrees_with_every_profile_that_is_not_retired(start: StartNode, pki: Pki) -> None:
    port = tls_port(start())
    for profile in ("--profile-bcp195-nd", "--profile-bcp195", "--profile-bcp195-ex"):
        assert answers(port, "RADNODE", options=[*pki.dcmtk(pki.modality), profile]), profile


def test_strangers_get_nowhere_and_each_kind_is_written_down(start: StartNode, pki: Pki, hospital: Hospital) -> None:
    node = start()
    port, film = tls_port(node), hospital.film()
    wrong = {
        "anonymous": pki.dcmtk(),
        "no word of ours": pki.dcmtk(pki.stranger),
        "ended": pki.dcmtk(pki.expired),
        "retired profile": [*pki.dcmtk(pki.modality), "--profile-aes", "+cs", "TLS_RSA_WITH_AES_128_CBC_SHA"],
        "unencrypted": [*pki.dcmtk(pki.modality), "--profile-null"],
        "plain": [],
    }
    for name, options in wrong.items():
        assert not answers(port, "RADNODE", options=options), name
        assert not storescu(port, [film], options=options).taken, name
    assert not answers(node.port, "RADNODE", options=pki.dcmtk(pki.modality)), "TLS on the plain port"
    assert node.ledger.studies.latest(10) == []
    reasons = (
        "did not return a certificate",
        "local issuer",
        "has expired",
        "no shared cipher",
        "wrong version number",
    )
    for reason in reasons:
        until(lambda reason=reason: any(reason in why for why in audited(node)), f"{reason} is in the trail")  # type: ignore[misc]
    assert len(audited(node)) == len(set(audited(node))), "each reason once a minute"
    assert answers(port, "RADNODE", options=pki.dcmtk(pki.modality))


@pytest.mark.parametrize("version", ["-tls1_1", pytest.param("-tls1", marks=pytest.mark.slow)])
def test_openssl_gets_no_old_version(start: StartNode, pki: Pki, version: str) -> None:
    node = start()
    shown = ["-cert", str(pki.modality.certificate), "-key", str(pki.modality.key), "-CAfile", str(pki.ca)]
    command = [system_program("openssl"), "s_client", "-connect", f"127.0.0.1:{tls_port(node)}", version, *shown]
    done = subprocess.run(
        [*command, "-cipher", "ALL:@SECLEVEL=0"], input=b"", capture_output=True, timeout=30, check=False
    )
    assert b"Cipher is (NONE)" in done.stdout
    until(lambda: "no TLS: unsupported protocol" in audited(node), "it is in the trail")


def test_without_allow_plain_nobody_hears_on_the_plain_port(start_node: StartNode, pki: Pki, tmp_path: Path) -> None:
    """Started by hand, since the test's own look goes to the plain port."""
    node = RunningNode(tmp_path / "closed", tls=pki.tls(port=free_port(), allow_plain=False))
    with pytest.MonkeyPatch.context() as patched:
        port = tls_port_of(node)
        patched.setattr(RunningNode, "_answers", lambda _: answers(port, "RADNODE", options=pki.dcmtk(pki.modality)))
        with node:
            assert not answers(node.port, "RADNODE")


def tls_port_of(node: RunningNode) -> int:
    """As it stands in a configuration whose node does not run."""
    from node import config

    return config.load(node.config).ports["tls.port"]


# Who may what


def test_peers_are_known_by_certificate_and_may_what_is_said(start: StartNode, pki: Pki, hospital: Hospital) -> None:
    node = start(
        peers=[
            {"name": "test", "ae_title": "TEST", "addresses": ["127.0.0.1"], "may": ["echo"]},
            {"name": "ct", "ae_title": "CT*", "certificate_subjects": [pki.modality.subject]},
        ]
    )
    port, film, shown = tls_port(node), hospital.film(), pki.dcmtk(pki.modality)
    assert "0x124" in refused_text(storescu(node.port, [film], calling="TEST"))
    assert not storescu(port, [film], calling="XA1", options=shown).taken
    other = pki.dcmtk(pki.authority.pair("xa-1"))
    assert not storescu(port, [film], calling="CT1", options=other).taken, "an AE title alone proves nothing"
    assert not storescu(node.port, [film], calling="CT1").taken, "nor does it without TLS"
    assert storescu(port, [film], calling="CT1", options=shown).taken
    until(lambda: "refused" in node.run_cli("audit").stdout, "radnode audit shows it")


def refused_text(answer: Any) -> str:
    assert not answer.taken
    return " ".join(answer.answers.values())


# Who delays nobody, and what is lost to nobody


@pytest.mark.slow
def test_silent_clients_on_the_tls_port_delay_nobody(start: StartNode, pki: Pki) -> None:
    port = tls_port(start(receive={"associate_seconds": 60}))
    strangers = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]

    def seconds() -> float:
        began = time.monotonic()
        assert answers(port, "RADNODE", options=pki.dcmtk(pki.modality))
        return time.monotonic() - began

    try:
        assert min(seconds() for _ in range(5)) < 1, "echoscu's own start included, on a busy machine"
    finally:
        for stranger in strangers:
            stranger.close()


@pytest.mark.acceptance
@pytest.mark.slow
def test_a_receiver_killed_under_tls_load_loses_nothing_that_it_acknowledged(
    start: StartNode, pki: Pki, hospital: Hospital
) -> None:
    node = start(study={"quiet_seconds": {"default": 600}, "settled_seconds": 600})
    port, shown = tls_port(node), pki.dcmtk(pki.modality)
    taken: list[Path] = []
    for number in range(1, 6):
        groups = [hospital.slices(60, patient=number, series=series) for series in (2, 3)]
        senders = [start_storescu(port, group, options=shown) for group in groups]
        study = hospital.study_uid(number)
        until(lambda study=study: (found := node.study(study)) and found.images >= 7 * 2, "some came", pause=0.002)
        node.kill("receiver")
        for sender in senders:
            output, _ = sender.communicate(timeout=60)
            taken += acknowledged(sender.returncode, output.decode()).taken
        until(lambda: answers(port, "RADNODE", options=shown), "the port is open again")
    known = {
        instance.sop_instance_uid: instance.path
        for number in range(1, 6)
        for series in node.ledger.studies.series(hospital.study_uid(number))
        for instance in series.instances
    }
    assert 5 * 7 < len(taken) < 5 * 120, "killed in the middle"
    assert set(uids(taken)) <= set(known)
    for path in taken:
        assert (node.data / "spool" / known[path.stem]).read_bytes().endswith(path.read_bytes()[-2000:])


def test_a_certificate_is_renewed_while_the_node_serves(
    start_node: StartNode, tmp_path: Path, hospital: Hospital
) -> None:
    """With the files of `radnode certs` alone, as the README has it."""
    port = free_port()
    node = start_node(tls={"enabled": True, "allow_plain": True, "port": port}, **_made_by_hand(tmp_path))
    certs = tmp_path / "node-0" / "certs"
    shown = ["+tls", str(certs / "ct-1.key"), str(certs / "ct-1.pem"), "+cf", str(certs / "ca.pem")]
    sender = start_storescu(port, hospital.slices(200), options=shown)
    before = (certs / "node.pem").read_bytes()
    assert node.run_cli("certs", "renew").returncode == 0
    assert (certs / "node.pem").read_bytes() != before
    assert answers(port, "RADNODE", options=shown)
    output, _ = sender.communicate(timeout=120)
    assert len(acknowledged(sender.returncode, output.decode()).taken) == 200
    until(lambda: "certificate renewed" in node.log(), "the receiver says so")


def _made_by_hand(tmp_path: Path) -> dict[str, Any]:
    """Certificates where the node, which starts at once, will look for them."""
    folder = tmp_path / "node-0"
    folder.mkdir()
    (folder / "radnode.toml").write_text("")
    node = RunningNode(folder)
    for command in (("init", "--name", "127.0.0.1"), ("issue", "ct-1")):
        done = node.run_cli("certs", *command)
        assert done.returncode == 0, done.stderr
    return {}
