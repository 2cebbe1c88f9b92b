"""Peers that are slow, silent, broken or hostile: each is cut, nothing of it stays, and others are served meanwhile."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import time

import pytest

from node.receive import server
from node.receive.association import CROWD
from tests.receive.conftest import Running, Start
from tests.receive.material import DX, film
from tests.receive.peer import ABORT, P_DATA, RELEASE_RQ, Peer, associate, command_set, fragment, pdu, store_command

# pydicom warns of each UID that is none; the process that receives silences it.
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:pydicom")


def served(node: Running) -> bool:
    with node.peer().associate() as peer:
        return peer.echo() == 0x0000


def nothing_stays(node: Running) -> bool:
    node.wait_for(lambda: node.unfinished() == [])
    return node.files() == [] and node.rows("SELECT * FROM instances") == []


def test_a_silent_connection_is_cut_after_the_associate_time(start: Start) -> None:
    node = start(associate_seconds=0.3)
    with node.peer() as peer:
        assert peer.is_cut(20)


def test_a_request_that_drips_is_cut_all_the_same(start: Start) -> None:
    node = start(associate_seconds=0.5)
    request = associate()
    began = time.monotonic()
    with node.peer() as peer:
        peer.sock.settimeout(0.05)
        for byte in request:
            try:
                peer.send(bytes((byte,)))
                if not peer.sock.recv(100):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    assert 0.3 < time.monotonic() - began < 20


def test_an_idle_association_is_aborted(start: Start) -> None:
    node = start(idle_seconds=0.3)
    with node.peer().associate() as peer:
        assert peer.read() == (ABORT, b"\0\0\0\0")


@pytest.mark.parametrize("what", ["dataset", "fragments without bytes"])
def test_an_object_that_drips_for_ever_is_cut(start: Start, what: str) -> None:
    node = start(message_seconds=0.6, network_seconds=20)
    began = time.monotonic()
    with node.peer().associate() as peer:
        peer.send(store_command())
        peer.send(pdu(P_DATA, fragment(3, film()[:100], last=False)))
        drop = b"\0" if what == "dataset" else b""
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 20:
                peer.send(pdu(P_DATA, fragment(3, drop, last=False)))
                time.sleep(0.05)
    assert 0.5 < time.monotonic() - began < 15
    assert nothing_stays(node)
    node.wait_for(lambda: bool(node.rows("SELECT * FROM associations WHERE ending = 'a message that takes too long'")))


def test_silence_inside_a_dataset_cuts_the_connection_and_leaves_nothing(start: Start) -> None:
    node = start(network_seconds=0.3)
    with node.peer().associate() as peer:
        peer.send(store_command())
        peer.send(pdu(P_DATA, fragment(3, film()[:100], last=False)))
        assert peer.is_cut(20)
    assert nothing_stays(node)
    node.wait_for(lambda: bool(node.rows("SELECT * FROM associations WHERE ending = 'silent or too slow for 0.3 s'")))


def test_many_silent_connections_do_not_keep_others_out(start: Start) -> None:
    node = start(max_associations=5)
    silent = [Peer(node.port) for _ in range(50)]
    began = time.monotonic()
    assert served(node)
    assert time.monotonic() - began < 5
    for peer in silent:
        peer.sock.close()


def test_silent_connections_of_one_address_take_half_of_the_room_and_no_more(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_STRANGERS", 8)
    node = start(max_associations=2)
    silent = [Peer(node.port, source="127.0.0.2") for _ in range(20)]
    node.wait_for(lambda: node.receiver._house.strangers._taken["127.0.0.2"] == 4)
    node.wait_for(lambda: sum(peer.is_cut(0.01) for peer in silent) == 16)
    node.wait_for(lambda: len(node.receiver._running) == 4)  # those that were cut have ended as well
    assert served(node)
    (told,) = [event.detail for event in node.events() if event.action == "association refused"]
    assert told == {"peer": "127.0.0.2", "why": CROWD}
    for peer in silent:
        peer.sock.close()
    node.wait_for(lambda: not node.receiver._running)
    with Peer(node.port, source="127.0.0.2").associate() as peer:
        assert peer.echo() == 0x0000


def test_one_association_more_than_allowed_is_rejected_for_now(start: Start) -> None:
    node = start(max_associations=2)
    with node.peer().associate(), node.peer().associate() as second:
        with node.peer() as third:
            third.send(associate())
            assert third.read() == (3, bytes((0, 2, 3, 2)))
        second.release()
        node.wait_for(lambda: node.receiver._house.places._taken.total() == 1)
        assert served(node)


def test_one_address_can_have_a_limit_of_its_own(start: Start) -> None:
    node = start(max_per_peer=1)
    with node.peer().associate(), node.peer() as second:
        second.send(associate())
        assert second.read() == (3, bytes((0, 2, 3, 2)))


@pytest.mark.parametrize("kind", [1, 4, 0x44])
@pytest.mark.parametrize("length", [1 << 20, 0xFFFFFFFF])
def test_a_first_pdu_that_announces_too_much_is_cut_before_it_is_read(node: Running, kind: int, length: int) -> None:
    with node.peer() as peer:
        peer.send(pdu(kind, b"A" * 100, length))
        assert peer.read()[0] == ABORT


@pytest.mark.parametrize("length", [0, 5, 131072 + 4097, 0xFFFFFFFF])
def test_a_pdu_of_another_length_than_agreed_is_cut_before_it_is_read(node: Running, length: int) -> None:
    with node.peer().associate() as peer:
        peer.send(pdu(P_DATA, b"", length))
        assert peer.read() == (ABORT, bytes((0, 0, 2, 6)))


def test_a_huge_pdu_that_really_comes_is_not_taken(node: Running) -> None:
    with node.peer().associate() as peer:
        peer.send(pdu(P_DATA, struct.pack(">LBB", 0xFFFFFFF0, 3, 0), 0xFFFFFFFF))
        assert _sent_until_cut(peer, 64 << 20) < 16 << 20
    assert served(node)


def _sent_until_cut(peer: Peer, most: int) -> int:
    for sent in range(0, most, 65536):
        try:
            peer.send(b"\0" * 65536)
        except OSError:
            return sent
    return most


def test_a_dataset_longer_than_the_limit_is_answered_and_aborted(start: Start) -> None:
    node = start(max_object_mb=1)
    with node.peer().associate() as peer:
        peer.send(store_command())
        block = pdu(P_DATA, fragment(3, b"\0" * 16000, last=False))
        for _ in range(66):
            peer.send(block)
        assert peer.status() == 0xA700
        assert peer.is_cut(20)
    assert nothing_stays(node)
    assert served(node)


BROKEN = {
    "a context that was not accepted": pdu(P_DATA, fragment(99, command_set(1, DX, "1.2", dataset=True), command=True)),
    "a dataset before its command": pdu(P_DATA, fragment(3, film())),
    "a fragment longer than its PDU": pdu(P_DATA, struct.pack(">LBB", 0xFFFF, 3, 3) + b"x" * 20),
    "a fragment of no length": pdu(P_DATA, struct.pack(">LBB", 0, 3, 3) + b"x" * 20),
    "a fragment without control header": pdu(P_DATA, struct.pack(">LBB", 1, 3, 3) + b"x" * 20),
    "a fragment's header cut short": pdu(P_DATA, fragment(3, b"", last=False, command=True) + b"\0\0"),
    "an empty PDU": pdu(P_DATA, b""),
    "a second request": associate(),
    "an unknown PDU": pdu(0x7F, b"x" * 20),
    "an accept from the requestor": pdu(2, b"\0" * 80),
    "a short release": pdu(RELEASE_RQ, b""),
    "a command of random bytes": pdu(P_DATA, fragment(3, b"\xa5" * 30, command=True)),
    "a command that ends in an element": pdu(P_DATA, fragment(3, command_set(1)[:-3], command=True)),
    "an empty command": pdu(P_DATA, fragment(3, b"", command=True)),
    "a command longer than any": pdu(P_DATA, fragment(3, b"\0" * 70000, last=False, command=True)),
    "an answer without a question": pdu(P_DATA, fragment(3, command_set(0x8001), command=True)),
    "two commands": store_command() + store_command(),
    "a dataset in another context": store_command() + pdu(P_DATA, fragment(1, film())),
    "a release inside a message": store_command() + pdu(RELEASE_RQ, b"\0" * 4),
    "a command in two contexts": pdu(
        P_DATA, fragment(1, command_set(0x30)[:20], last=False, command=True) + fragment(3, b"x", command=True)
    ),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_rule_aborts_the_association(node: Running, data: bytes) -> None:
    with node.peer().associate() as peer:
        peer.send(data)
        assert peer.read()[0] == ABORT
    assert nothing_stays(node)
    assert served(node)


STRANGERS = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": bytes.fromhex("16030100520100004e0303") + b"\0" * 78,
    "SSH": b"SSH-2.0-x\r\n",
    "zeros": b"\0" * 1000,
    "a release first": pdu(RELEASE_RQ, b"\0" * 4),
    "data first": store_command(),
    "a request of no length": pdu(1, b""),
    "a request of zeros": pdu(1, b"\0" * 200),
    "a blank AE title": associate(called=b" ", calling=b" "),
    "no context": associate(()),
}


@pytest.mark.parametrize("data", STRANGERS.values(), ids=STRANGERS.keys())
def test_what_is_no_request_is_aborted(node: Running, data: bytes) -> None:
    with node.peer() as peer:
        peer.send(data)
        assert peer.read()[0] in (ABORT, 0)
    assert served(node)


@pytest.mark.parametrize("how", ["close", "reset", "abort"])
def test_a_peer_that_vanishes_inside_a_dataset_leaves_nothing(node: Running, how: str) -> None:
    for cut in (10, 60, 200):
        with node.peer().associate() as peer:
            peer.send(store_command() + pdu(P_DATA, fragment(3, film()))[:cut])
            if how == "abort":
                peer.send(pdu(ABORT, b"\0" * 4))
            if how == "reset":
                peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert nothing_stays(node)


def test_an_empty_fragment_flood_is_only_slow(node: Running) -> None:
    with node.peer().associate() as peer:
        peer.send(store_command())
        peer.send(pdu(P_DATA, fragment(3, b"", last=False) * 2000))
        peer.send(pdu(P_DATA, fragment(3, film())))
        assert peer.status() == 0x0000


def test_mutated_requests_and_messages_never_stop_the_node(node: Running) -> None:
    rng = random.Random(7)
    request, message = associate(), store_command() + pdu(P_DATA, fragment(3, film()))
    for _ in range(60):
        with node.peer() as peer:
            hostile = rng.random() < 0.5
            peer.send(_mutated(rng, request) if hostile else request)
            peer.sock.settimeout(0.05)
            try:
                peer.sock.recv(1000)
                peer.send(_mutated(rng, message))
                peer.sock.recv(1000)
            except OSError:
                continue
    assert served(node)
    node.wait_for(lambda: len(node.receiver._running) == 0)
    assert node.unfinished() == []


def _mutated(rng: random.Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(rng.choice((1, 2, 4, 8))):
        place = rng.randrange(len(found))
        if rng.random() < 0.5:
            found[place] = rng.choice((0, 0xFF, 0x7F, 1, rng.randrange(256)))
        else:
            found[place:place] = rng.randbytes(rng.randrange(1, 20))
    return bytes(found)


def test_the_log_never_holds_what_a_dataset_says(node: Running, logs: list[dict[str, object]]) -> None:
    with node.peer().associate() as peer:
        peer.store(film({0x00100010: "CANARY^NAME", 0x00100020: "CANARYID", 0x0020000D: None}))
        peer.store(film({0x00100010: "CANARY^NAME"})[:-5])
        peer.release()
    node.wait_for(lambda: any(entry["event"] == "association ended" for entry in logs))
    assert "set aside" in [entry["event"] for entry in logs]
    assert "CANARY" not in repr(logs)
