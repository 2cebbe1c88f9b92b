"""The TLS port: the promises of the plain one, nobody in without a certificate, nobody delayed by a stranger."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers import Pki
from tests.peers.certificates import Pair
from tests.receive.conftest import Running, Start
from tests.receive.material import film
from tests.receive.peer import ABORT, P_DATA, RELEASE_RP, Peer, associate, fragment, pdu, store_command

#: Old versions must be asked for in words that Python warns of.
old_versions = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")


@pytest.fixture
def node(start: Start, pki: Pki) -> Running:
    """Mutual TLS beside the plain port."""
    return start(tls=pki.tls(), associate_seconds=2)


@pytest.fixture
def trusted(pki: Pki) -> ssl.SSLContext:
    return pki.client(pki.modality)


def is_refused(node: Running, context: ssl.SSLContext) -> bool:
    """Whether nobody who comes like that gets as far as an answer."""
    try:
        with node.peer(context) as peer:
            peer.send(associate())
            return peer.read()[0] == 0
    except OSError:
        return True


def refusals(node: Running) -> list[dict[str, Any]]:
    """What the trail says of those who were refused."""
    return [event.detail for event in node.events() if event.action == "association refused"]


def the_refusal(node: Running) -> str:
    """Why the one that there was."""
    node.wait_for(lambda: bool(refusals(node)))
    (detail,) = refusals(node)
    assert detail["peer"] == "127.0.0.1"
    return str(detail["why"])


# What is the same as on the plain port


def test_objects_are_stored_and_released_as_ever(node: Running, trusted: ssl.SSLContext) -> None:
    with node.peer(trusted).associate() as peer:
        assert peer.echo() == 0x0000
        assert peer.store(film()) == 0x0000
        assert peer.store(film({0x7FE00010: os.urandom(3 << 20)}, instance="1.2.3.5"), "1.2.3.5") == 0x0000
        assert peer.release() == RELEASE_RP
        assert peer.sock.recv(1) == b"", "close_notify, not a torn connection"
    assert len(node.files()) == 2
    (series,) = node.series()
    assert node.spool.path(series.instances[0].path).read_bytes().endswith(film())


def test_tls_1_3_is_preferred_and_1_2_is_taken(node: Running, trusted: ssl.SSLContext) -> None:
    with node.peer(trusted).associate() as peer:
        assert peer.sock.version() == "TLSv1.3"  # type: ignore[attr-defined]  # an SSLSocket
    trusted.maximum_version = ssl.TLSVersion.TLSv1_2
    with node.peer(trusted).associate() as peer:
        assert peer.sock.version() == "TLSv1.2"  # type: ignore[attr-defined]  # an SSLSocket
        assert peer.store(film()) == 0x0000


def test_both_ports_serve_at_once(node: Running, trusted: ssl.SSLContext) -> None:
    with node.peer(trusted).associate() as one, node.peer().associate() as other:
        assert (one.echo(), other.echo()) == (0x0000, 0x0000)


def test_without_allow_plain_there_is_the_tls_port_alone(start: Start, pki: Pki, trusted: ssl.SSLContext) -> None:
    node = start(tls=pki.tls(allow_plain=False))
    assert list(node.receiver.ports) == ["tls.port"]
    with node.peer(trusted).associate() as peer:
        assert peer.echo() == 0x0000


def test_silence_inside_a_dataset_cuts_and_leaves_nothing(start: Start, pki: Pki, trusted: ssl.SSLContext) -> None:
    node = start(tls=pki.tls(), network_seconds=0.3)
    with node.peer(trusted).associate() as peer:
        peer.send(store_command() + pdu(P_DATA, fragment(3, film()[:100], last=False)))
        assert peer.read() == (ABORT, b"\0\0\0\0")
    node.wait_for(lambda: node.unfinished() == [])
    assert node.files() == []


def test_an_idle_association_is_aborted(start: Start, pki: Pki, trusted: ssl.SSLContext) -> None:
    node = start(tls=pki.tls(), idle_seconds=0.3)
    with node.peer(trusted).associate() as peer:
        assert peer.read() == (ABORT, b"\0\0\0\0")


def test_a_pdu_longer_than_agreed_is_cut_before_it_is_read(node: Running, trusted: ssl.SSLContext) -> None:
    with node.peer(trusted).associate() as peer:
        peer.send(pdu(P_DATA, b"x" * 20000, 0xFFFFFFFF))
        assert peer.read() == (ABORT, bytes((0, 0, 2, 6)))


def test_a_drained_receiver_aborts_what_does_not_finish(node: Running, trusted: ssl.SSLContext) -> None:
    with node.peer(trusted).associate() as peer:
        peer.send(store_command() + pdu(P_DATA, fragment(3, film()[:100], last=False)))
        time.sleep(0.1)
        node.receiver.drain(0.2)
        assert peer.read() == (ABORT, b"\0\0\0\0"), "inside TLS, as everything"
    assert node.unfinished() == []


def test_draining_ends_a_handshake_that_is_not_done(start: Start, pki: Pki) -> None:
    node = start(tls=pki.tls(), associate_seconds=60)
    with Peer(node.tls_port):
        node.wait_for(lambda: len(node.receiver._running) == 1)
        time.sleep(0.1)
        began = time.monotonic()
        node.receiver.drain(0.1)
        assert time.monotonic() - began < 3


def test_no_thread_and_no_descriptor_is_left_behind(node: Running, pki: Pki, trusted: ssl.SSLContext) -> None:
    def state() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    with node.peer(trusted).associate() as peer:
        peer.store(film())
    node.wait_for(lambda: len(node.receiver._running) == 0)
    before = state()
    for number in range(10):
        with node.peer(trusted).associate() as peer:
            peer.send(store_command() + pdu(P_DATA, fragment(3, film()))[: 20 + number])
        is_refused(node, pki.client(pki.stranger))
        with Peer(node.tls_port) as peer:
            peer.send(b"\x16\x03\x01"[:number])
    node.wait_for(lambda: len(node.receiver._running) == 0)
    node.wait_for(lambda: state() == before)


# Who does not get in


def test_who_shows_no_certificate_is_refused(node: Running, pki: Pki) -> None:
    assert is_refused(node, pki.client())
    assert the_refusal(node) == "no TLS: peer did not return a certificate"


@pytest.mark.parametrize(("who", "why"), [("stranger", "unable to get local issuer"), ("expired", "has expired")])
def test_who_shows_a_certificate_that_does_not_count_is_refused(
    node: Running, pki: Pki, who: str, why: str, logs: list[dict[str, object]]
) -> None:
    pair: Pair = getattr(pki, who)
    assert is_refused(node, pki.client(pair))
    assert why in the_refusal(node)
    node.wait_for(lambda: "association ended" in [entry["event"] for entry in logs])
    assert "association refused" in [entry["event"] for entry in logs if entry["log_level"] == "warning"]


def test_where_it_is_allowed_one_may_come_without_a_certificate_but_not_with_a_wrong_one(
    start: Start, pki: Pki
) -> None:
    node = start(tls=pki.tls(require_client_certificate=False))
    for context in (pki.client(), pki.client(pki.modality)):
        with node.peer(context).associate() as peer:
            assert peer.echo() == 0x0000
    assert is_refused(node, pki.client(pki.stranger))


@old_versions
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(node: Running, trusted: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    trusted.minimum_version = trusted.maximum_version = version
    trusted.set_ciphers("ALL:@SECLEVEL=0")
    assert is_refused(node, trusted)
    assert the_refusal(node) in ("no TLS: unsupported protocol", "no TLS: no shared cipher")


@pytest.mark.parametrize(
    "ciphers",
    ["AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES256-GCM-SHA384", "aNULL", "eNULL", "AES128-SHA"],
)
def test_suites_without_forward_secrecy_or_authenticated_encryption_are_refused(
    node: Running, trusted: ssl.SSLContext, ciphers: str
) -> None:
    trusted.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        trusted.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    except ssl.SSLError:
        pytest.skip("this OpenSSL has no such suite")
    assert is_refused(node, trusted)


def test_plain_dicom_on_the_tls_port_is_never_answered(node: Running) -> None:
    with Peer(node.tls_port) as peer:
        peer.send(associate())
        kind, _ = peer.read()
    assert kind not in (2, ABORT), "an alert of TLS, or nothing"
    assert the_refusal(node) in ("no TLS: wrong version number", "no TLS: http request")


def test_tls_on_the_plain_port_is_no_request(node: Running, trusted: ssl.SSLContext) -> None:
    with pytest.raises(OSError, match=r"WRONG_VERSION_NUMBER|wrong version|record layer"):
        Peer(node.port, tls=trusted)
    with node.peer().associate() as peer:
        assert peer.echo() == 0x0000


def test_who_only_looks_whether_the_port_is_open_stands_in_no_trail(node: Running) -> None:
    for _ in range(3):
        Peer(node.tls_port).sock.close()
    node.wait_for(lambda: len(node.receiver._running) == 0)
    assert refusals(node) == []


# Who does not delay others


STRANGERS = {
    "silent": b"",
    "half a greeting": bytes.fromhex("1603010200010001fc0303"),
    "a greeting of zeros": bytes.fromhex("16030101ff") + b"\0" * 100,
    "zeros": b"\0" * 64,
}


@pytest.fixture
def strangers(node: Running) -> Iterator[list[Peer]]:
    """Twenty of each kind, connected and stuck."""
    stuck = [Peer(node.tls_port) for _ in range(20) for _ in STRANGERS]
    for peer, data in zip(stuck, list(STRANGERS.values()) * 20, strict=True):
        peer.send(data)
    yield stuck
    for peer in stuck:
        peer.sock.close()


@pytest.mark.usefixtures("strangers")
def test_strangers_on_the_tls_port_delay_nobody(node: Running, trusted: ssl.SSLContext) -> None:
    def seconds(context: ssl.SSLContext | None) -> float:
        began = time.monotonic()
        with node.peer(context).associate() as peer:
            assert peer.echo() == 0x0000
        return time.monotonic() - began

    for context in (trusted, None):
        assert min(seconds(context) for _ in range(3)) < 1


def test_strangers_are_cut_in_time(strangers: list[Peer]) -> None:
    began = time.monotonic()
    assert all(peer.is_cut(20) for peer in strangers)
    assert time.monotonic() - began < 15


def test_a_greeting_that_drips_is_cut_all_the_same(start: Start, pki: Pki) -> None:
    node = start(tls=pki.tls(), associate_seconds=0.5)
    began = time.monotonic()
    with Peer(node.tls_port) as peer:
        try:
            for byte in bytes.fromhex("1603010200010001fc0303") + b"\1" * 500:
                peer.send(bytes((byte,)))
                time.sleep(0.05)
        except ConnectionError:
            pass
        assert peer.is_cut(20)
    assert 0.3 < time.monotonic() - began < 15


def test_silence_after_the_handshake_has_no_time_of_its_own(start: Start, pki: Pki, trusted: ssl.SSLContext) -> None:
    node = start(tls=pki.tls(), associate_seconds=0.5)
    with node.peer(trusted) as peer:
        began = time.monotonic()
        assert peer.is_cut(20)
        assert time.monotonic() - began < 10


# Renewal


@pytest.fixture
def own_files(pki: Pki, folder: Path) -> dict[str, Any]:
    """[tls] with files that a test may change."""
    target = folder / "certs"
    target.mkdir()
    return pki.tls(
        certificate=Path(shutil.copy(pki.node.certificate, target / "node.pem")),
        key=Path(shutil.copy(pki.node.key, target / "node.key")),
    )


def shown_by(node: Running, context: ssl.SSLContext) -> bytes:
    with node.peer(context).associate() as peer:
        assert isinstance(peer.sock, ssl.SSLSocket)
        return peer.sock.getpeercert(binary_form=True) or b""


def test_a_renewed_certificate_counts_from_the_next_connection_and_running_ones_go_on(
    start: Start, pki: Pki, own_files: dict[str, Any], trusted: ssl.SSLContext, logs: list[dict[str, object]]
) -> None:
    node = start(tls=own_files)
    renewed = pki.authority.pair("node", file="renewed")
    with node.peer(trusted).associate() as running:
        before = shown_by(node, trusted)
        shutil.copy(renewed.key, own_files["key"])
        assert shown_by(node, trusted) == before, "a certificate without its key is half a renewal"
        shutil.copy(renewed.certificate, own_files["certificate"])
        assert shown_by(node, trusted) not in (b"", before)
        assert running.store(film()) == 0x0000
    said = [entry["event"] for entry in logs if str(entry["event"]).startswith("certificate")]
    assert said == ["certificate not renewed, the one of before is used", "certificate renewed"]


def test_files_that_vanish_change_nothing(start: Start, own_files: dict[str, Any], trusted: ssl.SSLContext) -> None:
    node = start(tls=own_files)
    own_files["certificate"].unlink()
    assert shown_by(node, trusted)


def test_a_client_authority_that_is_replaced_counts_at_once(
    start: Start, pki: Pki, own_files: dict[str, Any], folder: Path
) -> None:
    ca = Path(shutil.copy(pki.ca, folder / "ca.pem"))
    node = start(tls={**own_files, "ca": ca})
    assert is_refused(node, pki.client(pki.stranger))
    shutil.copy(pki.other.ca, ca)
    with node.peer(pki.client(pki.stranger)).associate() as peer:
        assert peer.echo() == 0x0000
    assert is_refused(node, pki.client(pki.modality))


def test_no_session_is_resumed_so_that_every_connection_shows_its_certificate(
    node: Running, trusted: ssl.SSLContext
) -> None:
    with node.peer(trusted).associate() as peer:
        peer.echo()
        assert isinstance(peer.sock, ssl.SSLSocket)
        session = peer.sock.session
    again = socket.create_connection(("127.0.0.1", node.tls_port), timeout=10)
    with trusted.wrap_socket(again, server_hostname="127.0.0.1", session=session) as sock:
        assert not sock.session_reused
