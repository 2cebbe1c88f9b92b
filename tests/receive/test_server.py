"""The listener: its address, its end, and what it does when there is too much of everything."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Callable

import pytest

from node.receive.association import Association
from tests.receive.conftest import Running, Start
from tests.receive.material import film
from tests.receive.peer import ABORT, P_DATA, Peer, associate, fragment, pdu, store_command


def in_background(action: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def test_a_port_in_use_is_an_error(node: Running, start: Start) -> None:
    taken = node.receiver._settings.node.model_copy(update={"port": node.port})
    other = type(node.receiver)(node.receiver._settings.model_copy(update={"node": taken}), node.spool, node.ledger)
    with pytest.raises(OSError, match=rf"in use: '127.0.0.1:{node.port}'"):
        other.start()


def test_it_listens_on_ipv6_as_well(start: Start) -> None:
    node = start(node={"host": "::1"})
    with socket.create_connection(("::1", node.port), timeout=5) as sock:
        sock.sendall(associate())
        assert sock.recv(1) == b"\2"


def test_several_receivers_share_a_port_when_there_are_several_processes(start: Start) -> None:
    first = start(processes=2)
    settings = first.receiver._settings
    shared = settings.node.model_copy(update={"port": first.port})
    with type(first.receiver)(settings.model_copy(update={"node": shared}), first.spool, first.ledger) as second:
        assert second.port == first.port
        for _ in range(20):
            with first.peer().associate() as peer:
                assert peer.echo() == 0x0000


def test_a_drained_receiver_takes_nobody(start: Start) -> None:
    node = start()
    port = node.port
    node.receiver.drain(0)
    with pytest.raises(ConnectionRefusedError):
        Peer(port)


def test_draining_lets_a_running_association_finish(start: Start) -> None:
    node = start()
    with node.peer().associate() as peer:
        peer.send(store_command())
        draining = in_background(lambda: node.receiver.drain(5))
        time.sleep(0.1)
        peer.send(pdu(P_DATA, fragment(3, film())))
        assert peer.status() == 0x0000
        peer.release()
        draining.join(5)
        assert not draining.is_alive()
    assert [row["ending"] for row in node.rows("SELECT ending FROM associations")] == ["released"]


def test_what_does_not_finish_is_aborted_and_leaves_nothing(start: Start) -> None:
    node = start()
    with node.peer().associate() as peer:
        peer.send(store_command() + pdu(P_DATA, fragment(3, film()[:100], last=False)))
        time.sleep(0.1)
        began = time.monotonic()
        node.receiver.drain(0.2)
        assert time.monotonic() - began < 10
        assert peer.read() == (ABORT, b"\0\0\0\0")
    assert node.unfinished() == []
    assert [row["ending"] for row in node.rows("SELECT ending FROM associations")] == ["the node stops"]


def test_stopping_twice_is_once(start: Start) -> None:
    node = start()
    node.receiver.stop()
    node.receiver.stop()


def test_as_a_context_manager_it_ends_with_its_block(start: Start) -> None:
    node = start()
    with node.peer().associate() as peer:
        node.receiver.__exit__(None, None, None)
        assert peer.read()[0] == ABORT


def test_it_goes_on_when_there_are_no_descriptors_for_a_while(
    start: Start, monkeypatch: pytest.MonkeyPatch, logs: list[dict[str, object]]
) -> None:
    node = start()
    true_accept = socket.socket.accept
    failures = [OSError(errno.EMFILE, "Too many open files")] * 3

    def accept(self: socket.socket) -> tuple[socket.socket, tuple[str, int]]:
        sock, address = true_accept(self)
        if failures:
            sock.close()
            raise failures.pop()
        return sock, address

    monkeypatch.setattr(socket.socket, "accept", accept)
    for _ in range(4):  # one that is in accept() already does not fail
        with node.peer() as peer:
            peer.is_cut(0.2)
    with node.peer().associate() as peer:
        assert peer.echo() == 0x0000
    assert [entry["event"] for entry in logs].count("accept failed") == 1, "once, however often it fails"


def test_too_many_strangers_are_closed_at_once(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.receive.server.MOST_STRANGERS", 4)
    node = start(max_associations=1)
    strangers = [Peer(node.port, source=source) for source in ("127.0.0.2", "127.0.0.3") for _ in range(2)]
    node.wait_for(lambda: node.receiver._house.strangers._taken.total() == 4)
    with node.peer() as peer:
        assert peer.is_cut(20)
    for stranger in strangers:
        stranger.sock.close()
    node.wait_for(lambda: len(node.receiver._running) == 0)
    with node.peer().associate() as peer:
        assert peer.echo() == 0x0000


def test_a_thread_that_cannot_start_costs_one_connection(
    start: Start, monkeypatch: pytest.MonkeyPatch, logs: list[dict[str, object]]
) -> None:
    node = start()

    def no_thread(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr("node.receive.server.threading.Thread.start", no_thread)
        with node.peer() as peer:
            assert peer.is_cut(20)
    (told,) = [entry for entry in logs if entry["event"] == "association refused"]
    assert told["why"] == "can't start new thread"
    node.wait_for(lambda: len(node.receiver._running) == 0)
    with node.peer().associate() as peer:
        assert peer.echo() == 0x0000


def test_an_error_in_an_association_ends_that_one_only(
    start: Start, monkeypatch: pytest.MonkeyPatch, logs: list[dict[str, object]]
) -> None:
    node = start()

    def fail(self: Association, *_: object) -> str:
        raise KeyError("secret")

    with monkeypatch.context() as patched:
        patched.setattr(Association, "_serve", fail)
        with node.peer() as peer:
            assert peer.read()[0] == ABORT
    node.wait_for(lambda: len(node.receiver._running) == 0)
    assert "association failed" in [entry["event"] for entry in logs]
    assert "secret" not in repr(logs)
    with node.peer().associate() as peer:
        assert peer.echo() == 0x0000


def test_no_thread_and_no_descriptor_is_left_behind(node: Running) -> None:
    def state() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    with node.peer().associate() as peer:
        peer.store(film())
        peer.release()
    node.wait_for(lambda: len(node.receiver._running) == 0)
    before = state()
    for number in range(30):
        with node.peer().associate() as peer:
            peer.send(store_command() + pdu(P_DATA, fragment(3, film()))[: 20 + number])
    node.wait_for(lambda: len(node.receiver._running) == 0)
    node.wait_for(lambda: state() == before)
