"""The size that a compressed frame gives itself: read from its header, before a decoder allocates memory for it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from node.errors import DecodeError

_SOI, _SIZ, _JP2 = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  "
#: SOF0..SOF15 without DHT, JPG and DAC (ITU-T T.81 B.1.1.3), and SOF55 of JPEG-LS (ITU-T T.87).
_START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_APP14 = 0xEE
_STANDALONE = {0x01, *range(0xD0, 0xD9)}


@dataclass(frozen=True)
class Codestream:
    """The header of one compressed frame.

    Attributes:
        rows, columns, samples: its shape.
        precision: bits of one sample.
        adobe: an Adobe marker before it says how colours are encoded.
    """

    rows: int
    columns: int
    samples: int
    precision: int
    adobe: bool = False


def read_codestream(frame: bytes) -> Codestream:
    """The header of a JPEG, JPEG-LS or (HT)JPEG 2000 frame.

    Raises:
        DecodeError: there is none.
    """
    try:
        start = _behind_boxes(frame) if frame.startswith(_JP2) else 0
        if frame[start : start + 4] == _SIZ:
            return _jpeg2000(frame, start + 4)
        return _jpeg(frame)
    except (struct.error, IndexError):
        raise DecodeError("the compressed pixel data has no readable header", hint="send the object again") from None


def _behind_boxes(frame: bytes) -> int:
    """Where the codestream of a JP2 file starts (ISO 15444-1 I.4); decoders have looped for ever over an empty box."""
    at = len(_JP2) + 4
    while frame[at + 4 : at + 8] != b"jp2c":
        length = int(struct.unpack_from(">I", frame, at)[0])
        if length < 8:
            raise IndexError
        at += length
    return at + 8


def _jpeg2000(frame: bytes, at: int) -> Codestream:
    """Image size from the SIZ segment (ISO 15444-1 A.5.1)."""
    x1, y1, x0, y0 = struct.unpack_from(">4I", frame, at + 4)
    samples, depth = struct.unpack_from(">HB", frame, at + 36)
    return Codestream(y1 - y0, x1 - x0, samples, (depth & 0x7F) + 1)


def _jpeg(frame: bytes) -> Codestream:
    """Image size from the frame header (ITU-T T.81 B.2.2)."""
    at = frame.index(_SOI) + 2 if _SOI in frame[:16] else len(frame)
    adobe = False
    while True:
        marker = frame[at + 1]
        if frame[at] != 0xFF or marker == 0xFF:
            at += 1
        elif marker in _STANDALONE:
            at += 2
        elif marker in _START_OF_FRAME:
            precision, rows, columns, samples = struct.unpack_from(">BHHB", frame, at + 4)
            return Codestream(rows, columns, samples, precision, adobe)
        else:
            adobe = adobe or (marker == _APP14 and frame[at + 4 : at + 9] == b"Adobe")
            at += 2 + struct.unpack_from(">H", frame, at + 2)[0]
