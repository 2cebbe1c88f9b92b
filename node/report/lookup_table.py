"""Lookup tables of a source, written anew: a copy would carry the source's byte order and its doubtful VRs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from node.report import source

_MOST_ENTRIES = 65536
_Words = npt.NDArray[np.uint16]


def lookup_table(item: Dataset, *, has_unit: bool, signed: bool, little_endian: bool) -> Dataset | None:
    """LUT Descriptor, Explanation and Data of `item` (PS3.3 C.11.1.1, C.11.2.1.1); None where they make no table.

    A table that is too short goes on with its last entry. Entries always get 16 bits: 8 are packed by some writers and
    padded by others.

    Args:
        item: of a Modality LUT Sequence or VOI LUT Sequence.
        has_unit: the entries are values of the modality, not shades of the whole range of a display.
        signed: the values that go into the table can be negative; decides the VR of the descriptor.
        little_endian: byte order of the source's file.
    """
    descriptor = _words(item, "LUTDescriptor", 3, little_endian=little_endian)
    if descriptor is None or len(descriptor) != 3 or not 1 <= descriptor[2] <= 16:
        return None
    entries = int(descriptor[0]) or _MOST_ENTRIES
    table = _words(item, "LUTData", entries, little_endian=little_endian)
    if table is None or not len(table):
        return None
    table = np.pad(table[:entries], (0, max(0, entries - len(table))), mode="edge")
    made = Dataset()
    table = table if has_unit else _spread(table, int(descriptor[2]))
    descriptor[2] = 16
    made.add_new("LUTDescriptor", "SS" if signed else "US", descriptor.astype("i2" if signed else "u2").tolist())
    explanation = source.element(item, "LUTExplanation")
    if explanation is not None and explanation.value and source.is_valid(explanation):
        made.LUTExplanation = str(explanation.value)
    made.add_new("LUTData", "OW", table.astype("<u2").tobytes())
    return made


def _spread(table: _Words, bits: int) -> _Words:
    """Shades of so many bits over the range of 16."""
    bits = max(bits, int(table.max()).bit_length())  # some writers state fewer than they use
    spread: _Words = np.rint(table * (65535.0 / ((1 << bits) - 1))).astype(np.uint16)
    return spread


def _words(item: Dataset, keyword: str, count: int, *, little_endian: bool) -> _Words | None:
    """The value as 16-bit words, be it numbers or bytes; None when missing or broken."""
    try:
        value: Any = item[keyword].value
        if not isinstance(value, bytes):
            return (np.atleast_1d(np.asarray(value, np.int64)) & 0xFFFF).astype(np.uint16)
    except source.BROKEN:
        return None
    kind = "u2" if len(value) >= 2 * count else "u1"  # 8-bit entries may be packed (PS3.3 C.7.6.3.1.6)
    order = "<" if little_endian else ">"
    return np.frombuffer(value[: len(value) // 2 * 2], f"{order}{kind}").astype(np.uint16)
