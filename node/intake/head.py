"""The File Meta Information of a Part 10 file (PS3.10 7.1), read from bytes as they come."""

from __future__ import annotations

import re
import struct

from node.intake.reasons import Reason, Refused
from node.receive.header import Claim

#: Longest File Meta Information that is read, preamble included, bytes.
LONGEST = 1 << 16

_BEGIN = 128 + 4  # preamble, "DICM"
_GROUP = 0x0002
_GROUP_LENGTH, _SOP_CLASS, _SOP_INSTANCE, _SYNTAX, _SOURCE = 0x0000, 0x0002, 0x0003, 0x0010, 0x0016
_BARE = re.compile(rb"\x02\x00..[A-Z]{2}", re.DOTALL)  # the first element of the group
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())  # PS3.5 7.1.2: their length has four bytes
_HEADER = struct.Struct("<HH2sH")


class Head:
    """Collects bytes until the dataset begins: where the group's length says, else where another group begins."""

    def __init__(self) -> None:
        self._data, self._offset, self._end = bytearray(), 0, 0
        self._values: dict[int, bytes] = {}

    def add(self, piece: bytes | memoryview) -> bytes | None:
        """What lies beyond the group, once that is whole; None before. Raises :class:`Refused`."""
        self._data += piece
        if len(self._data) < _BEGIN + _HEADER.size:
            return None
        if not self._offset and not self._is_bare:
            self._offset = _BEGIN
            if not self._has_preamble:
                raise Refused(Reason.NO_DICOM)
        while not self._ends():
            if not self._take_element():
                if len(self._data) > LONGEST:
                    raise Refused(Reason.BAD_META)
                return None
        return bytes(self._data[self._offset :])

    def short(self) -> Refused:
        """Why a file that ended before its dataset is none."""
        return Refused(Reason.EMPTY if self._has_preamble or self._is_bare else Reason.NO_DICOM)

    @property
    def _has_preamble(self) -> bool:
        return self._data[_BEGIN - 4 : _BEGIN] == b"DICM"

    @property
    def _is_bare(self) -> bool:
        """Whether preamble and prefix are left out, as pydicom does with datasets that were never a file."""
        return not self._has_preamble and _BARE.match(self._data) is not None

    @property
    def claim(self) -> Claim:
        """What it says of the dataset. Raises :class:`Refused` when it does not."""
        names = [self._values.get(element, b"").rstrip(b"\0 ") for element in (_SOP_CLASS, _SOP_INSTANCE, _SYNTAX)]
        if not all(names):
            raise Refused(Reason.BAD_META)
        return Claim(names[0], names[1], names[2].decode("ascii", "replace"))

    @property
    def source(self) -> str:
        """Source Application Entity Title; empty when there is none."""
        return self._values.get(_SOURCE, b"").decode("ascii", "replace").strip(" \0")[:16]

    def _ends(self) -> bool:
        if self._end:
            if self._offset > self._end:
                raise Refused(Reason.BAD_META)
            return self._offset == self._end
        left = self._data[self._offset : self._offset + 2]
        return len(left) == 2 and int.from_bytes(left, "little") != _GROUP

    def _take_element(self) -> bool:
        """Go past one element; False: it is not all there yet."""
        data, offset = self._data, self._offset
        if len(data) - offset < 12:  # the longest header of an element
            return False
        group, element, vr, length = _HEADER.unpack_from(data, offset)
        if group != _GROUP:
            raise Refused(Reason.BAD_META)
        offset += _HEADER.size
        if vr in _LONG:
            (length,) = struct.unpack_from("<L", data, offset)
            offset += 4
        if offset + length > max(len(data), LONGEST):
            raise Refused(Reason.BAD_META)
        if offset + length > len(data):
            return False
        self._values[element] = bytes(data[offset : offset + length])
        self._offset = offset + length
        if element == _GROUP_LENGTH and length == 4:
            self._end = self._offset + int.from_bytes(self._values[element], "little")
        return True
