"""One connection over HTTP serves one result after the other, and what happens when the peer closes it between two."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node.config import Destination
from node.deliver import Outgoing, Verdict, sender_for
from node.deliver.outcome import Sender
from node.errors import DeliveryError
from tests.deliver.material import results
from tests.peers.certificates import Registry
from tests.peers.tcp import TcpPeer
from tests.peers.waiting import until

KINDS = pytest.mark.parametrize("kind", ["orthanc", "stow", "webhook"])


class Peer(TcpPeer):
    """Speaks HTTP/1.1, and counts connections and requests. `ends`: what it does with a connection after a request."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.closed = 0
        self.ends: Callable[[int], str] = lambda _: "keeps"
        super().__init__(0, tls)

    def serve(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        try:
            with connection.makefile("rb") as stream:
                while self._take(connection, stream):
                    pass
        finally:
            self.closed += 1

    def _take(self, connection: socket.socket, stream: Any) -> bool:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return False
            head += line
        length = next((int(one[15:]) for one in head.split(b"\r\n") if one.lower().startswith(b"content-length:")), 0)
        body = stream.read(length)
        assert len(body) == length
        self.requests.append(body)
        end = self.ends(len(self.requests))
        if end == "says nothing":
            return False
        answer = json.dumps({"Status": "Success"}).encode() if b"/instances" in head else b""
        code = b"200 OK" if answer or b"/studies" in head else b"204 No Content"
        connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (code, len(answer), answer))
        return end == "keeps"


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as one:
        yield one


def sender(peer: Peer, kind: str, keep_seconds: float = 30, **changes: Any) -> Sender:
    scheme = "https" if "ca_file" in changes else "http"
    values = {"name": "archive", "kind": kind, "url": f"{scheme}://127.0.0.1:{peer.port}/x", "timeout_seconds": 2}
    return sender_for(Destination(**{**values, **changes}), "NODE", keep_seconds)


def objects(folder: Path, kind: str) -> list[Outgoing]:
    if kind != "webhook":
        return results(folder)
    path = folder / "message.json"
    path.write_text(json.dumps({"format": "radnode-export/1"}))
    return [Outgoing("2.25.1", "", "1.2", path)]


def sent(one: Sender, folder: Path, kind: str) -> bool:
    found = [outcome.verdict for outcome in one.send(objects(folder, kind))]
    return bool(found) and all(verdict in (Verdict.DELIVERED, Verdict.WARNING) for verdict in found)


@KINDS
def test_results_follow_each_other_over_one_connection(peer: Peer, tmp_path: Path, kind: str) -> None:
    one = sender(peer, kind)
    assert all(sent(one, tmp_path, kind) for _ in range(3))
    assert peer.connections == 1
    one.rest()  # there is time yet
    assert peer.closed == 0
    one.rest(at_once=True)
    until(lambda: peer.closed == 1, "the connection is closed")


@KINDS
def test_without_time_to_keep_it_each_study_has_its_own(peer: Peer, tmp_path: Path, kind: str) -> None:
    one = sender(peer, kind, 0)
    assert all(sent(one, tmp_path, kind) for _ in range(2))
    assert peer.connections == 2
    until(lambda: peer.closed == 2, "both are closed")


@KINDS
def test_a_connection_that_was_closed_at_rest_costs_nothing(peer: Peer, tmp_path: Path, kind: str) -> None:
    peer.ends = lambda _: "closes"
    one, count = sender(peer, kind), len(objects(tmp_path, kind)) if kind == "orthanc" else 1
    for number in (1, 2):
        assert sent(one, tmp_path, kind)
        until(lambda: peer.closed == peer.connections, "it is closed")
        assert len(peer.requests) == number * count, "and nothing is sent twice"
    one.rest(at_once=True)


@KINDS
def test_a_connection_that_is_closed_just_then_is_replaced_by_another(peer: Peer, tmp_path: Path, kind: str) -> None:
    one = sender(peer, kind)
    assert sent(one, tmp_path, kind)
    stale = len(peer.requests) + 1
    peer.ends = lambda number: "says nothing" if number == stale else "keeps"
    assert sent(one, tmp_path, kind)
    assert peer.connections == 2
    assert len(peer.requests[stale - 1]) == len(peer.requests[stale]) > 0, "the whole of it, once more"
    one.rest(at_once=True)


@KINDS
def test_who_says_nothing_over_a_new_connection_is_not_asked_again(peer: Peer, tmp_path: Path, kind: str) -> None:
    peer.ends = lambda _: "says nothing"
    with pytest.raises(DeliveryError):
        sent(sender(peer, kind), tmp_path, kind)
    assert (peer.connections, len(peer.requests)) == (1, 1)


def test_a_renewed_certificate_counts_from_the_next_connection(tmp_path: Path) -> None:
    """What is trusted is read when a connection is opened, not once for all."""
    ours, other = Registry(tmp_path / "ours"), Registry(tmp_path / "other")
    pair, trusted = ours.pair("archive"), tmp_path / "ca.pem"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    shutil.copy(ours.ca, trusted)
    with Peer(context) as peer:
        one = sender(peer, "webhook", ca_file=trusted)
        assert sent(one, tmp_path, "webhook")
        shutil.copy(other.ca, trusted)
        assert sent(one, tmp_path, "webhook"), "over the connection that there is"
        one.rest(at_once=True)
        with pytest.raises(DeliveryError, match="certificate"):
            sent(one, tmp_path, "webhook")
        shutil.copy(ours.ca, trusted)
        assert sent(one, tmp_path, "webhook")
        one.rest(at_once=True)
