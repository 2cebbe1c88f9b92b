"""The byte stream of a peer, plain and over TLS: one contract for both."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from node.receive.connection import BY_US, NARROW, WIDE, Connection, Cut
from node.tls import server_context
from tests.peers import Pki

Ends = tuple[Connection, socket.socket]


@pytest.fixture(params=["plain", "TLS"])
def ends(request: pytest.FixtureRequest, pki: Pki) -> Iterator[Ends]:
    """Our side, and the peer's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
        connection = Connection(ours)
        if request.param == "TLS":
            theirs = secured(connection, theirs, pki)
        yield connection, theirs
        connection.close()
        theirs.close()


def secured(connection: Connection, theirs: socket.socket, pki: Pki) -> ssl.SSLSocket:
    """Both sides shake hands; the peer's side afterwards."""
    ours = server_context(pki.node.certificate, pki.node.key, pki.ca, require_client_certificate=True)
    wrapped = pki.client(pki.modality).wrap_socket(theirs, server_hostname="127.0.0.1", do_handshake_on_connect=False)
    peer = threading.Thread(target=wrapped.do_handshake)
    peer.start()
    shown = connection.secure(ours, 10)
    peer.join()
    assert shown is not None
    assert (shown.subject, shown.fingerprint) == (pki.modality.subject, pki.modality.fingerprint)
    return wrapped


def test_bytes_come_in_order(ends: Ends) -> None:
    connection, peer = ends
    peer.sendall(b"abcdef")
    connection.require(4, 1)
    assert bytes(connection.peek(2)) == b"ab"
    assert bytes(connection.take(3)) == b"abc"
    connection.require(3, 1)
    assert bytes(connection.take(10)) == b"def"


def test_more_than_the_buffer_holds_can_be_required(ends: Ends) -> None:
    connection, peer = ends
    data = bytes(range(256)) * (NARROW // 128)
    sender = threading.Thread(target=peer.sendall, args=(data,))
    sender.start()
    connection.require(len(data), 2)
    assert bytes(connection.take(len(data))) == data
    sender.join()


def test_widening_keeps_what_is_unread(ends: Ends) -> None:
    connection, peer = ends
    peer.sendall(b"abc")
    connection.require(3, 1)
    connection.take(1)
    connection.widen()
    assert bytes(connection.take(2)) == b"bc"
    assert len(connection._view) == WIDE


@pytest.mark.parametrize("seconds", [0.1, 0.3])
def test_silence_is_cut_in_time(ends: Ends, seconds: float) -> None:
    connection, _ = ends
    began = time.monotonic()
    with pytest.raises(Cut, match="silent") as caught:
        connection.wait(seconds)
    assert seconds <= time.monotonic() - began + 0.01 < seconds + 10
    assert caught.value.abort == BY_US


def test_dripping_does_not_prolong_a_requirement(ends: Ends) -> None:
    connection, peer = ends
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.05):
            peer.sendall(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    began = time.monotonic()
    with pytest.raises(Cut, match=r"too slow for 0\.3 s"):
        connection.require(1000, 0.3)
    assert time.monotonic() - began < 10
    over.set()
    dripping.join()


def test_an_end_is_an_end(ends: Ends) -> None:
    connection, peer = ends
    peer.close()
    with pytest.raises(Cut, match="connection lost") as caught:
        connection.wait(1)
    assert caught.value.abort is None


def test_an_interruption_wakes_a_reader_with_its_reason(ends: Ends) -> None:
    connection, _ = ends
    threading.Timer(0.1, connection.interrupt, args=("the node stops",)).start()
    with pytest.raises(Cut, match="the node stops") as caught:
        connection.wait(5)
    assert caught.value.abort == BY_US


def test_a_peer_that_does_not_read_cannot_hold_us(ends: Ends) -> None:
    connection, _ = ends
    with pytest.raises(Cut, match="does not read"):
        connection.send(b"\0" * (64 << 20), 0.2)


def test_an_abort_reaches_a_peer_that_is_still_sending(ends: Ends) -> None:
    connection, peer = ends
    peer.sendall(b"x" * 30000)
    time.sleep(0.05)
    connection.abort((2, 6))
    connection.close()
    assert peer.recv(100) == b"\7\0\0\0\0\4\0\0\2\6"


def test_an_abort_to_nobody_is_no_error(ends: Ends) -> None:
    connection, peer = ends
    peer.close()
    time.sleep(0.05)
    connection.abort(BY_US)
    connection.abort(BY_US)
