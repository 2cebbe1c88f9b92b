"""Operations besides storing, and how answers are framed."""

from __future__ import annotations

import pytest

from tests.receive.conftest import Running
from tests.receive.material import CT, DX, EXPLICIT, IMPLICIT, VERIFICATION, film
from tests.receive.peer import P_DATA, RELEASE_RP, Peer, command_set, fragment, parse_command, pdu, store_command


def ask(peer: Peer, field: int, *, dataset: bool = False, context_id: int = 1, sop_class: str = VERIFICATION) -> int:
    peer.send(pdu(P_DATA, fragment(context_id, command_set(field, sop_class, dataset=dataset), command=True)))
    if dataset:
        peer.send(pdu(P_DATA, fragment(context_id, b"whatever")))
    return peer.status()


def test_echo(node: Running) -> None:
    with node.peer().associate() as peer:
        assert [peer.echo(), peer.echo()] == [0, 0]
        assert peer.release() == RELEASE_RP


@pytest.mark.parametrize("field", [0x0000, 0x0002, 0x0010, 0x0020, 0x0021, 0x0100, 0x0110, 0x0120, 0x0130, 0x0140])
@pytest.mark.parametrize("dataset", [False, True])
def test_an_unknown_operation_is_answered_as_unrecognized(node: Running, field: int, dataset: bool) -> None:
    with node.peer().associate() as peer:
        assert ask(peer, field, dataset=dataset) == 0x0211
        assert peer.echo() == 0x0000


def test_an_echo_with_a_dataset_is_forgiven_when_it_is_empty(node: Running) -> None:
    with node.peer().associate() as peer:
        peer.send(pdu(P_DATA, fragment(1, command_set(0x30, VERIFICATION, dataset=True), command=True)))
        peer.send(pdu(P_DATA, fragment(1, b"")))
        assert peer.status() == 0x0000


def test_a_cancel_has_no_answer(node: Running) -> None:
    with node.peer().associate() as peer:
        peer.send(pdu(P_DATA, fragment(1, command_set(0x0FFF), command=True)))
        assert peer.echo() == 0x0000


def test_a_store_without_dataset_is_not_understood(node: Running) -> None:
    with node.peer().associate() as peer:
        assert ask(peer, 1, context_id=3, sop_class=DX) == 0xC000


def test_a_store_on_a_verification_context_is_refused(node: Running) -> None:
    with node.peer().associate() as peer:
        assert ask(peer, 1, dataset=True) == 0x0122
        assert peer.echo() == 0x0000
    assert node.files() == []


def test_a_store_of_another_class_than_its_context_is_refused(node: Running) -> None:
    with node.peer().associate() as peer:
        assert peer.store(film(), sop_class=CT) == 0xA900
        assert peer.store(film()) == 0x0000


def test_the_answer_repeats_what_was_asked(node: Running) -> None:
    with node.peer().associate() as peer:
        peer.send(store_command() + pdu(P_DATA, fragment(3, film())))
        answer = peer.answer()
    assert answer[0x0002].rstrip(b"\0") == DX.encode()
    assert answer[0x1000].rstrip(b"\0") == b"1.2.3.4"
    assert answer[0x0100] == b"\x01\x80"
    assert answer[0x0120] == b"\x05\0"
    assert answer[0x0800] == b"\x01\x01"


def test_an_answer_is_cut_to_the_longest_pdu_of_the_peer(node: Running) -> None:
    with node.peer().associate(longest_pdu=64) as peer:
        peer.send(store_command() + pdu(P_DATA, fragment(3, film())))
        data, bodies = b"", []
        while not bodies or not bodies[-1][5] & 2:
            kind, body = peer.read()
            assert kind == P_DATA
            bodies.append(body)
            data += body[6:]
    assert max(map(len, bodies)) <= 64
    assert len(bodies) > 1
    assert parse_command(data)[0x0900] == b"\0\0"


def test_an_answer_leaves_in_one_write(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Header and body written apart would wait 40 ms for the delayed acknowledgement of the peer."""
    from node.receive.connection import Connection

    sent: list[bytes] = []
    true_send = Connection.send

    def send(self: Connection, data: bytes, seconds: float) -> None:
        sent.append(data)
        true_send(self, data, seconds)

    monkeypatch.setattr(Connection, "send", send)
    with node.peer().associate(((VERIFICATION, (IMPLICIT,)), (DX, (EXPLICIT,)))) as peer:
        peer.store(film())
    assert [data[0] for data in sent] == [2, P_DATA]
