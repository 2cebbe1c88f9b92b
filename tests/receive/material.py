"""Datasets built byte by byte, so that a test can make them wrong in exactly one place."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Any

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG = "1.2.840.10008.1.2.4.50"

DX = "1.2.840.10008.5.1.4.1.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
SC = "1.2.840.10008.5.1.4.1.1.7"
VERIFICATION = "1.2.840.10008.1.1"

LONG_VRS = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
UNDEFINED = 0xFFFFFFFF

#: tag: (VR, value); what a small, valid film says of itself.
FILM: dict[int, tuple[str, Any]] = {
    0x00080005: ("CS", "ISO_IR 192"),
    0x00080008: ("CS", "ORIGINAL\\PRIMARY"),
    0x00080016: ("UI", DX),
    0x00080018: ("UI", "1.2.3.4"),
    0x00080020: ("DA", "20260101"),
    0x00080060: ("CS", "DX"),
    0x00080070: ("LO", "Maker"),
    0x00081030: ("LO", "Thorax"),
    0x0008103E: ("LO", "Thorax PA"),
    0x00081090: ("LO", "Model"),
    0x00100010: ("PN", "Doe^Jane"),
    0x00100020: ("LO", "P1"),
    0x00100030: ("DA", "19700101"),
    0x00100040: ("CS", "F"),
    0x00180015: ("CS", "CHEST"),
    0x00181030: ("LO", "Chest"),
    0x00185101: ("CS", "PA"),
    0x0020000D: ("UI", "1.2.3"),
    0x0020000E: ("UI", "1.2.3.1"),
    0x00200013: ("IS", "7"),
    0x00200060: ("CS", "L"),
    0x00280002: ("US", 1),
    0x00280010: ("US", 4),
    0x00280011: ("US", 8),
    0x7FE00010: ("OW", b"\1\2" * 32),
}


def element(tag: int, vr: str, value: Any, syntax: str = EXPLICIT, length: int | None = None) -> bytes:
    """One element; `length` overrides the true one."""
    order = ">" if syntax == BIG_ENDIAN else "<"
    raw = _encode(vr, value, order)
    size = len(raw) if length is None else length
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if syntax == IMPLICIT:
        return head + struct.pack("<L", size) + raw
    if vr in LONG_VRS:
        return head + vr.encode() + struct.pack(f"{order}HL", 0, size) + raw
    return head + vr.encode() + struct.pack(f"{order}H", size) + raw


def _encode(vr: str, value: Any, order: str) -> bytes:
    if isinstance(value, int):
        return struct.pack(f"{order}H", value)
    raw: bytes = value if isinstance(value, bytes) else str(value).encode()
    return raw + (b"\0" if vr in ("UI", "OB", "OW", "UN") else b" ") * (len(raw) % 2)


def item(body: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(body) if length is None else length) + body


ITEM_END = struct.pack("<HHL", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


def film(changes: Mapping[int, Any] | None = None, syntax: str = EXPLICIT, **uids: str) -> bytes:
    """The dataset of a film. `changes`: tag to value, None removes it, a tuple sets VR and value.

    `uids`: `instance`, `series`, `study`, `patient`.
    """
    found = dict(FILM)
    named = {"instance": 0x00080018, "series": 0x0020000E, "study": 0x0020000D, "patient": 0x00100020}
    for tag, value in {**{named[name]: uid for name, uid in uids.items()}, **(changes or {})}.items():
        found.pop(tag, None) if value is None else found.update({tag: _with_vr(tag, value)})
    inner = EXPLICIT if syntax == DEFLATED else syntax
    body = b"".join(element(tag, vr, value, inner) for tag, (vr, value) in sorted(found.items()))
    return deflate(body) if syntax == DEFLATED else body


def _with_vr(tag: int, value: Any) -> tuple[str, Any]:
    if isinstance(value, tuple):
        return value
    return (FILM[tag][0] if tag in FILM else "LO"), value


def deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = packer.compress(body) + packer.flush()
    return raw + b"\0" * (len(raw) % 2)


def fragments(*pieces: bytes) -> bytes:
    """Encapsulated pixel data with an empty offset table (PS3.5 A.4)."""
    head = struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, UNDEFINED)
    return head + item() + b"".join(item(piece) for piece in pieces) + SEQUENCE_END
