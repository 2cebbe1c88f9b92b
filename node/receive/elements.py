"""Walks the elements of a dataset (PS3.5 7): lengths and nesting are checked, values of a few tags are picked up.

Hostile input is expected: no recursion, no allocation by a declared length, bounded steps and depth.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Container
from dataclasses import dataclass

UNDEFINED = 0xFFFFFFFF
PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})  # float, double float, integer

REQUEST_ATTRIBUTES = 0x00400275  # a sequence, whose items are picked up as they are

#: Most element and item headers looked at, and deepest nesting followed.
MOST_STEPS, DEEPEST = 1_000_000, 64
#: Longest piece of a value that is picked up, bytes.
LONGEST_VALUE = 1 << 12

_SHORT = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())  # PS3.5 table 7.1-1
_KNOWN = _SHORT | _LONG

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

Data = bytes | memoryview | mmap.mmap


class Malformed(Exception):
    """The dataset is not what it should be; the message says why, without values."""


@dataclass(frozen=True)
class Encoding:
    """How elements are encoded (PS3.5 10 and annex A)."""

    explicit: bool = True
    big_endian: bool = False
    deflated: bool = False
    native: bool = False


class Walker:
    """One walk over one dataset.

    Args:
        data: holds the dataset.
        encoding: by its transfer syntax.
        wanted: tags whose values are picked up at the top level.
        whole: False when `data` is only the beginning.
    """

    def __init__(self, data: Data, encoding: Encoding, wanted: Container[int], whole: bool = True) -> None:
        self._data, self._end, self._whole = data, len(data), whole
        self._encoding, self._wanted = encoding, wanted
        order = ">" if encoding.big_endian else "<"
        self._explicit = struct.Struct(f"{order}HH2sH").unpack_from
        self._implicit = struct.Struct(f"{order}HHL").unpack_from
        self._long = struct.Struct(f"{order}L").unpack_from
        self._steps = 0
        self.values: dict[int, bytes] = {}

    def walk(self, offset: int = 0) -> None:
        """From `offset` to the end. Raises :class:`Malformed`; `values` holds what was found until then."""
        self._refuse_explicit_sent_as_implicit(offset)
        while offset < self._end:
            tag, vr, length, offset = self._header(offset, self._encoding.explicit)
            if tag >> 16 < 8 or tag >> 16 == 0xFFFE:
                raise Malformed(f"an element ({tag >> 16:04X},{tag & 0xFFFF:04X}) does not belong in a dataset")
            if length == UNDEFINED:
                begin, offset = offset, self._skip_undefined(tag, vr, offset)
                if tag == REQUEST_ATTRIBUTES:
                    self.values[tag] = bytes(self._data[begin : min(offset, begin + LONGEST_VALUE)])
                continue
            if tag in PIXEL_DATA and not self._whole:
                return
            if length > self._end - offset:
                raise Malformed(self._too_long(tag))
            if tag in self._wanted:
                self.values[tag] = bytes(self._data[offset : offset + min(length, LONGEST_VALUE)])
            offset += length

    def _too_long(self, tag: int) -> str:
        if not self._whole:
            return "the header is longer than what is inflated of a dataset"
        return f"truncated, or in another transfer syntax: ({tag >> 16:04X},{tag & 0xFFFF:04X}) is longer than the rest"

    def _refuse_explicit_sent_as_implicit(self, offset: int) -> None:
        """As a length, the VR of a first element would be 16 kB and more; no first element is that long."""
        if not self._encoding.explicit and bytes(self._data[offset + 4 : offset + 6]) in _KNOWN:
            raise Malformed("sent with explicit VRs in an implicit transfer syntax")

    def _header(self, offset: int, explicit: bool) -> tuple[int, bytes, int, int]:
        """Tag, VR, length, and where the value begins."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise Malformed("more elements than a dataset may have")
        if self._end - offset < 8:
            raise Malformed("truncated: it ends inside an element")
        if not explicit:
            group, element, length = self._implicit(self._data, offset)
            return group << 16 | element, b"", length, offset + 8
        group, element, vr, length = self._explicit(self._data, offset)
        if vr in _SHORT:
            return group << 16 | element, vr, length, offset + 8
        if group == 0xFFFE:  # items have no VR (PS3.5 7.5)
            return group << 16 | element, b"", self._long(self._data, offset + 4)[0], offset + 8
        if vr not in _LONG:
            raise Malformed(f"({group:04X},{element:04X}) has no known VR: damaged, or sent in another transfer syntax")
        if self._end - offset < 12:
            raise Malformed("truncated: it ends inside an element")
        return group << 16 | element, vr, self._long(self._data, offset + 8)[0], offset + 12

    def _skip_undefined(self, tag: int, vr: bytes, offset: int) -> int:
        """Past the delimiter of a sequence, or of encapsulated pixel data (PS3.5 7.5, A.4)."""
        if vr not in (b"SQ", b"UN", b"") and tag not in PIXEL_DATA:
            raise Malformed(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) has an undefined length, but is no sequence")
        if tag in PIXEL_DATA and self._encoding.native:
            raise Malformed("pixel data of undefined length in a native transfer syntax")
        explicit = self._encoding.explicit and vr != b"UN"  # PS3.5 6.2.2: UN holds implicit VRs
        stack = [(True, explicit)]  # (inside a sequence, else inside an item; explicit)
        while stack:
            in_sequence, explicit = stack[-1]
            tag, vr, length, offset = self._header(offset, explicit)
            if tag == (_SEQUENCE_END if in_sequence else _ITEM_END):
                stack.pop()
            elif in_sequence and tag != _ITEM:
                raise Malformed("a sequence holds something that is no item")
            elif length == UNDEFINED:
                self._refuse_depth(len(stack))
                stack.append((not in_sequence, explicit and vr != b"UN"))
            elif length > self._end - offset:
                raise Malformed(self._too_long(tag))
            else:
                offset += length
        return offset

    def within(self, wanted: int) -> list[bytes]:
        """Values of an element in items of the sequence that is all of the data; what is damaged ends the search."""
        found, offset = [], 0
        try:
            while offset < self._end:
                tag, _, length, offset = self._header(offset, self._encoding.explicit)
                if tag == _ITEM or length == UNDEFINED:
                    continue
                if tag == wanted:
                    found.append(bytes(self._data[offset : offset + min(length, LONGEST_VALUE)]))
                offset += length
        except Malformed:
            pass
        return found

    @staticmethod
    def _refuse_depth(depth: int) -> None:
        if depth >= DEEPEST:
            raise Malformed(f"nested deeper than {DEEPEST} levels")
