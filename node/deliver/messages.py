"""DIMSE messages as bytes: command sets (PS3.7 6.3.1 and annex E), and their way into P-DATA (PS3.8 9.3.5, annex E)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

#: Command Field (0000,0100); of an answer, with RESPONSE.
C_STORE, C_GET, C_FIND, C_MOVE, C_ECHO, N_EVENT_REPORT, N_ACTION, C_CANCEL = (
    0x0001,
    0x0010,
    0x0020,
    0x0021,
    0x0030,
    0x0100,
    0x0130,
    0x0FFF,
)
RESPONSE = 0x8000
#: Statuses after which further answers come (PS3.4 C.4.1.1.4).
PENDING = frozenset({0xFF00, 0xFF01})
NO_DATASET, WITH_DATASET = 0x0101, 0x0001

#: Read from a file at once, bytes.
_BLOCK = 1 << 18
#: Largest PDU that we send, bytes after its header, to a peer that sets no limit or a higher one.
_LARGEST = 1 << 17
_PDU = struct.Struct(">BxLLBB")


def command_set(**values: int | str) -> bytes:
    """Encoded, with its group length. Args: values: by keyword, e.g. `CommandField=0x0030`."""
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    body = encoded(ds, implicit=True)
    return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


def store_request(message_id: int, sop_class_uid: str, sop_instance_uid: str) -> bytes:
    """A C-STORE-RQ (PS3.7 9.3.1.1), as :func:`command_set` would make it in a tenth of the time."""
    elements: Mapping[int, bytes] = {
        0x0002: _uid(sop_class_uid),
        0x0100: struct.pack("<H", C_STORE),
        0x0110: struct.pack("<H", message_id),
        0x0700: struct.pack("<H", 0),  # priority: medium
        0x0800: struct.pack("<H", WITH_DATASET),
        0x1000: _uid(sop_instance_uid),
    }
    body = b"".join(struct.pack("<HHL", 0, tag, len(value)) + value for tag, value in elements.items())
    return struct.pack("<HHLL", 0, 0, 4, len(body)) + body


def _uid(uid: str) -> bytes:
    return uid.encode("ascii") + b"\0" * (len(uid) % 2)


def encoded(ds: Dataset, *, implicit: bool) -> bytes:
    """A dataset in little endian; raises ValueError."""
    data = encode(ds, implicit, True)
    if data is None:
        raise ValueError("the dataset cannot be encoded")
    return bytes(data)


def decoded(data: bytes, *, implicit: bool) -> Dataset:
    """What :func:`encoded` made, or somebody else; raises anything on bytes that are no dataset."""
    return decode(BytesIO(data), implicit, True)


def is_answer(found: Dataset) -> bool:
    """Whether a command set is that of an answer; strangers may write several values, or none, where one is due."""
    command, status = found.get("CommandField"), found.get("Status")
    return isinstance(command, int) and bool(command & RESPONSE) and isinstance(status, int)


def file_blocks(path: Path, offset: int) -> Iterator[tuple[bytes, bool]]:
    """The dataset that begins there, as (bytes, whether they are the last); raises OSError, ValueError."""
    with path.open("rb") as stream:
        left = os.fstat(stream.fileno()).st_size - stream.seek(offset)
        if left <= 0:
            raise ValueError("there is no dataset")
        while left:
            block = stream.read(min(left, _BLOCK))
            if not block:
                raise ValueError("it was cut short meanwhile")
            left -= len(block)
            yield block, not left


def as_pdus(data: bytes, context_id: int, longest_pdu: int, *, is_command: bool = False, is_last: bool = True) -> bytes:
    """A part of a message. Args: longest_pdu: what the peer reads, counted after the PDU's own header; 0: no limit."""
    room = max(min(longest_pdu or _LARGEST, _LARGEST) - 6, 1)
    pieces = []
    for start in range(0, len(data), room):
        piece = data[start : start + room]
        control = is_command | (2 if is_last and start + room >= len(data) else 0)
        pieces += [_PDU.pack(4, len(piece) + 6, len(piece) + 2, context_id, control), piece]
    return b"".join(pieces)


def pdvs(body: bytes) -> Iterator[tuple[bool, bool, bytes]]:
    """What a P-DATA-TF carries, as (of the command set, the last of it, bytes); raises ValueError."""
    offset = 0
    while offset < len(body):
        if offset + 6 > len(body):
            raise ValueError("a PDV that ends inside its header")
        length, _, control = struct.unpack_from(">LBB", body, offset)
        if not 2 <= length <= len(body) - offset - 4:
            raise ValueError("a PDV that is longer than its PDU")
        yield bool(control & 1), bool(control & 2), body[offset + 6 : offset + 4 + length]
        offset += 4 + length
