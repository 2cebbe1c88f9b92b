"""The File Meta Information that we put before a dataset (PS3.10 7.1)."""

from __future__ import annotations

import struct

from node.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

_LONGEST = 64
_AE_TITLE = 16  # PS3.5 6.2; trailing spaces are not significant


def preface(sop_class_uid: bytes, sop_instance_uid: bytes, transfer_syntax_uid: str, calling_ae: str) -> bytes:
    """Preamble, prefix and group 0002; UIDs as the command had them, cut at 64 bytes.

    As long for one sender as for another, so that the same object sent by two makes the same number of bytes. The
    preamble is always zero: it is not sent over C-STORE, and might make the file executable (CVE-2019-11687).
    """
    group = struct.pack("<HH2sHL", 2, 0x0001, b"OB", 0, 2) + b"\0\1"
    group += _element(0x0002, b"UI", sop_class_uid, b"\0")
    group += _element(0x0003, b"UI", sop_instance_uid, b"\0")
    group += _element(0x0010, b"UI", transfer_syntax_uid.encode("ascii"), b"\0")
    group += _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID.encode("ascii"), b"\0")
    group += _element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode("ascii"), b" ")
    group += _element(0x0016, b"AE", calling_ae.encode("ascii", "replace").ljust(_AE_TITLE)[:_AE_TITLE], b" ")
    return b"\0" * 128 + b"DICM" + struct.pack("<HH2sHL", 2, 0, b"UL", 4, len(group)) + group


def _element(element: int, vr: bytes, value: bytes, padding: bytes) -> bytes:
    value = value[:_LONGEST]
    value += padding * (len(value) % 2)
    return struct.pack("<HH2sH", 2, element, vr, len(value)) + value
