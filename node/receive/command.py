"""Command sets (PS3.7 6.3): read with bounds, answered in one piece."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from node.receive.connection import INVALID_PARAMETER, Cut
from node.receive.status import Status

#: Longest command set we read, bytes; a C-STORE-RQ has about 200.
LONGEST = 1 << 16

#: Command Field (0000,0100), PS3.7 E.1.
C_STORE, C_GET, C_ECHO, C_CANCEL = 0x0001, 0x0010, 0x0030, 0x0FFF
N_EVENT_REPORT, N_SET, N_ACTION, N_CREATE = 0x0100, 0x0120, 0x0130, 0x0140
RESPONSE = 0x8000
NO_DATASET, WITH_DATASET = 0x0101, 0x0001

_SOP_CLASS, _FIELD, _MESSAGE_ID, _DATASET_TYPE = 0x0002, 0x0100, 0x0110, 0x0800
_MESSAGE_ID_RESPONDED, _STATUS, _ERROR_COMMENT, _ERROR_ID, _SOP_INSTANCE = 0x0120, 0x0900, 0x0902, 0x0903, 0x1000
_REQUESTED_CLASS, _REQUESTED_INSTANCE, _EVENT_TYPE, _ACTION_TYPE = 0x0003, 0x1001, 0x1002, 0x1008
_COMPLETED, _FAILED, _WARNING = 0x1021, 0x1022, 0x1023
_ELEMENT = struct.Struct("<HHL")
_US = struct.Struct("<H")


@dataclass(frozen=True)
class Command:
    """A request, or an answer to one of ours. UIDs are as sent, without padding: nothing has looked at them.

    `message_id` of an answer is that of the request. `action_type`: of an N-ACTION; `status`: of an answer;
    `suboperations`: of one to a C-GET, those that are completed, failed, and completed with a warning; None: not told.
    """

    field: int
    message_id: int
    has_dataset: bool
    sop_class_uid: bytes = b""
    sop_instance_uid: bytes = b""
    action_type: int = 0
    status: int = 0
    suboperations: tuple[int | None, ...] = ()


def parse(data: bytes) -> Command:
    """A command set, always Implicit VR Little Endian (PS3.7 6.3.1). Raises :class:`Cut`."""
    values = _elements(data)
    try:
        return Command(
            field=_US.unpack(values[_FIELD])[0],
            message_id=_US.unpack(values[_MESSAGE_ID if _MESSAGE_ID in values else _MESSAGE_ID_RESPONDED])[0],
            has_dataset=_US.unpack(values[_DATASET_TYPE])[0] != NO_DATASET,
            sop_class_uid=values.get(_SOP_CLASS, values.get(_REQUESTED_CLASS, b"")).rstrip(b"\0 "),
            sop_instance_uid=values.get(_SOP_INSTANCE, values.get(_REQUESTED_INSTANCE, b"")).rstrip(b"\0 "),
            action_type=_US.unpack(values.get(_ACTION_TYPE, b"\0\0"))[0],
            status=_US.unpack(values.get(_STATUS, b"\0\0"))[0],
            suboperations=_suboperations(values) if _STATUS in values else (),
        )
    except (KeyError, struct.error):
        raise Cut("a command without field, message id or dataset type", INVALID_PARAMETER) from None


def _suboperations(values: dict[int, bytes]) -> tuple[int | None, ...]:
    return tuple(_US.unpack(values[tag])[0] if tag in values else None for tag in (_COMPLETED, _FAILED, _WARNING))


def _elements(data: bytes) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    offset = 0
    while offset < len(data):
        if offset + 8 > len(data):
            raise Cut("a command that ends inside an element", INVALID_PARAMETER)
        group, element, length = _ELEMENT.unpack_from(data, offset)
        offset += 8
        if group != 0 or length > len(data) - offset:
            raise Cut("a command with an element of another group or length", INVALID_PARAMETER)
        values[element] = data[offset : offset + length]
        offset += length
    return values


def answer(command: Command, context_id: int, status: Status, longest_pdu: int = 0) -> bytes:
    """The response to `command` (PS3.7 9.3.1.2, 9.3.5.2) as P-DATA, no PDU longer than the peer's `longest_pdu`."""
    body = _element(_SOP_CLASS, command.sop_class_uid, 64)
    body += _element(_FIELD, _US.pack(command.field | RESPONSE))
    body += _element(_MESSAGE_ID_RESPONDED, _US.pack(command.message_id))
    body += _element(_DATASET_TYPE, _US.pack(NO_DATASET))
    body += _element(_STATUS, _US.pack(status.code))
    if status.comment:
        body += _element(_ERROR_COMMENT, status.comment.encode("ascii"))
    if status.error:
        body += _element(_ERROR_ID, _US.pack(status.error))
    body += _element(_SOP_INSTANCE, command.sop_instance_uid, 64)
    return _as_pdus(_whole(body), context_id, longest_pdu)


def event(message_id: int, event_type: int, about: tuple[str, str], context_id: int, longest_pdu: int = 0) -> bytes:
    """An N-EVENT-REPORT-RQ (PS3.7 10.1.1.1) as P-DATA, whose dataset follows. Args: about: class and instance UID."""
    sop_class_uid, sop_instance_uid = about
    body = _element(_SOP_CLASS, sop_class_uid.encode())
    body += _element(_FIELD, _US.pack(N_EVENT_REPORT))
    body += _element(_MESSAGE_ID, _US.pack(message_id))
    body += _element(_DATASET_TYPE, _US.pack(WITH_DATASET))
    body += _element(_SOP_INSTANCE, sop_instance_uid.encode())
    body += _element(_EVENT_TYPE, _US.pack(event_type))
    return _as_pdus(_whole(body), context_id, longest_pdu)


def dataset(data: bytes, context_id: int, longest_pdu: int = 0) -> bytes:
    """A dataset as P-DATA."""
    return _as_pdus(data, context_id, longest_pdu, is_command=0)


def _whole(body: bytes) -> bytes:
    """With its group length in front."""
    return _element(0, struct.pack("<L", len(body))) + body


def _element(element: int, value: bytes, longest: int = 1 << 10) -> bytes:
    """An element; nothing for an empty value and for one that is no value of its kind."""
    if not 0 < len(value) <= longest:
        return b""
    padding = b"" if len(value) % 2 == 0 else b" " if element == _ERROR_COMMENT else b"\0"
    return _ELEMENT.pack(0, element, len(value) + len(padding)) + value + padding


def _as_pdus(command_set: bytes, context_id: int, longest_pdu: int, is_command: int = 1) -> bytes:
    """PS3.8 9.3.5 and annex E.2: the maximum length counts what follows the PDU's own header."""
    room = max(longest_pdu - 6, 32) if longest_pdu else len(command_set)
    pdus = bytearray()
    for start in range(0, len(command_set), room):
        piece = command_set[start : start + room]
        last = 2 if start + room >= len(command_set) else 0
        pdus += struct.pack(">BxLLBB", 4, len(piece) + 6, len(piece) + 2, context_id, is_command | last) + piece
    return bytes(pdus)
