from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.dimse_messages import C_STORE_RSP
from pynetdicom.pdu import P_DATA_TF

from node.receive.command import C_STORE, Command, answer, parse
from node.receive.connection import Cut
from node.receive.status import NO_SPACE, SUCCESS, Status
from tests.receive.material import DX
from tests.receive.peer import command_set

STORE = Command(C_STORE, 5, True, DX.encode(), b"1.2.3.4")


def test_a_request_is_read() -> None:
    assert parse(command_set(1, DX, "1.2.3.4", dataset=True)) == STORE


def test_a_request_without_dataset() -> None:
    assert parse(command_set(0x30)) == Command(0x30, 5, False)


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_truncated_request_is_refused(cut: int) -> None:
    with pytest.raises(Cut):
        parse(command_set(0x30)[:-cut])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        struct.pack("<HHL", 8, 0x16, 0),
        struct.pack("<HHL", 0, 0x100, 0xFFFFFFFF),
        command_set(1).replace(struct.pack("<HHLH", 0, 0x100, 2, 1), struct.pack("<HHL", 0, 0x100, 0)),
    ],
)
def test_a_broken_request_is_refused(data: bytes) -> None:
    with pytest.raises(Cut):
        parse(data)


def test_the_group_length_is_not_believed() -> None:
    lie = struct.pack("<HHLL", 0, 0, 4, 0xFFFFFFF0) + command_set(0x30)[12:]
    assert parse(lie).field == 0x30


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with contextlib.suppress(Cut):
        parse(data)


def _decoded(pdus: bytes) -> C_STORE_RSP:
    """The answer as another implementation reads it."""
    message, offset, complete = C_STORE_RSP(), 0, False
    while offset < len(pdus):
        length = struct.unpack_from(">L", pdus, offset + 2)[0]
        pdu = P_DATA_TF()
        pdu.decode(pdus[offset : offset + 6 + length])
        complete = message.decode_msg(pdu.to_primitive())
        offset += 6 + length
    assert complete
    return message


@pytest.mark.parametrize("longest_pdu", [0, 40, 64, 100, 16384])
@pytest.mark.parametrize("status", [SUCCESS, NO_SPACE], ids=["success", "failure"])
def test_another_implementation_reads_the_answer(longest_pdu: int, status: Status) -> None:
    found = _decoded(answer(STORE, 3, status, longest_pdu)).command_set
    assert found.Status == status.code
    assert found.MessageIDBeingRespondedTo == 5
    assert found.CommandField == 0x8001
    assert found.AffectedSOPInstanceUID == "1.2.3.4"
    assert found.get("ErrorComment", "") == status.comment


def test_a_uid_that_is_none_is_not_repeated() -> None:
    found = _decoded(answer(Command(C_STORE, 5, True, DX.encode(), b"9" * 65), 3, SUCCESS)).command_set
    assert "AffectedSOPInstanceUID" not in found


@given(st.integers(1, 300))
def test_no_pdu_is_longer_than_the_peer_reads(longest_pdu: int) -> None:
    pdus, offset = answer(STORE, 3, NO_SPACE, longest_pdu), 0
    while offset < len(pdus):
        length = struct.unpack_from(">L", pdus, offset + 2)[0]
        assert length <= max(longest_pdu, 38)
        offset += 6 + length
