"""Lookup tables as DICOM writes them (PS3.3 C.11.1.1, C.11.2.1.1, C.7.6.3.1.5), with their oddities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from node.errors import DecodeError

_MOST_ENTRIES = 65536


@dataclass(frozen=True)
class Lut:
    """A lookup table.

    Attributes:
        table: uint16 (entries,).
        first: input value that the first entry stands for; lower ones get the first, higher ones the last entry.
        bits: of the output.
    """

    table: npt.NDArray[np.uint16]
    first: int
    bits: int

    def apply(self, values: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
        """The entries for `values`, in their shape; fractions are rounded."""
        index = values if np.issubdtype(values.dtype, np.integer) else np.rint(values)
        return self.table[np.clip(index - float(self.first), 0, len(self.table) - 1).astype(np.intp)]

    @property
    def top(self) -> int:
        """Largest output value that the table can mean."""
        return max((1 << self.bits) - 1, int(self.table.max()))


def read_lut(descriptor: Sequence[int], data: Any, *, little_endian: bool, signed: bool) -> Lut:
    """Read LUT Descriptor and LUT Data.

    Args:
        descriptor: number of entries (0 means 65536), first input value, bits of an entry.
        data: bytes (OW, and what VR is unknown) or whole numbers (US, SS).
        little_endian: byte order of `data` as bytes.
        signed: the input values can be negative.

    Raises:
        DecodeError: they do not make a table.
    """
    entries, first, bits = _descriptor(descriptor, signed)
    table = _entries(data, entries, "<" if little_endian else ">")
    if not len(table):
        raise DecodeError("a lookup table has no entries")
    if len(table) < entries:
        table = np.concatenate([table, np.repeat(table[-1:], entries - len(table))])
    return Lut(table[:entries], first, bits)


def read_segmented_lut(descriptor: Sequence[int], data: bytes, *, little_endian: bool, signed: bool) -> Lut:
    """Read a Segmented Palette Color Lookup Table (PS3.3 C.7.9.2); arguments and errors as of :func:`read_lut`."""
    entries, first, bits = _descriptor(descriptor, signed)
    width = 1 if bits == 8 else 2
    kind = f"{'<' if little_endian else '>'}u{width}"
    words = np.frombuffer(data[: len(data) // width * width], kind).astype(int)
    table = _Segments(words.tolist(), width, entries).expand()
    if len(table) < entries:
        raise DecodeError(f"a segmented lookup table has {len(table)} of {entries} entries")
    return Lut(np.asarray(table[:entries], np.uint16), first, bits)


def _descriptor(descriptor: Sequence[int], signed: bool) -> tuple[int, int, int]:
    try:
        entries, first, bits = (int(value) for value in descriptor)
    except (TypeError, ValueError):
        raise DecodeError("a lookup table has no descriptor of three numbers") from None
    if not (0 <= entries <= _MOST_ENTRIES and 1 <= bits <= 16):
        raise DecodeError(f"a lookup table of {entries} entries with {bits} bits is impossible")
    if signed and first > 32767:
        first -= 65536
    elif not signed and first < 0:
        first += 65536
    return entries or _MOST_ENTRIES, first, bits


def _entries(data: Any, entries: int, order: str) -> npt.NDArray[np.uint16]:
    """Words, or bytes when there are too few for words: 8-bit entries may be packed (PS3.3 C.7.6.3.1.6)."""
    if isinstance(data, bytes):
        kind = f"{order}u2" if len(data) >= 2 * entries else "u1"
        return np.frombuffer(data[: len(data) // 2 * 2], kind).astype(np.uint16)
    return (np.atleast_1d(np.asarray(data, np.int64)) & 0xFFFF).astype(np.uint16)


@dataclass(frozen=True)
class _Segments:
    """Segmented data as words of `width` bytes; expanded never far beyond `entries`."""

    words: list[int]
    width: int
    entries: int

    def expand(self) -> list[int]:
        table: list[int] = []
        self._walk(0, table)
        return table

    def _walk(self, at: int, table: list[int], segments: int = -1) -> None:
        """Expand so many segments from `at` on (-1: all) onto `table`."""
        while at + 1 < len(self.words) and segments and len(table) < self.entries:
            opcode, length = self.words[at], self.words[at + 1]
            at += 2
            if opcode == 0:
                table += self.words[at : at + length]
                at += length
            elif opcode == 1 and table and length and at < len(self.words):
                table += np.rint(np.linspace(table[-1], self.words[at], length + 1)[1:]).astype(int).tolist()
                at += 1
            elif opcode == 2 and table and segments < 0:  # PS3.3 C.7.9.2.3: never to another indirect segment
                self._walk(self._target(at), table, length)
                at += 4 // self.width
            else:
                raise DecodeError("a segmented lookup table has an impossible segment")
            segments -= 1

    def _target(self, at: int) -> int:
        """Index of the segment that an indirect segment points to: a byte offset, least significant word first."""
        words = self.words[at : at + 4 // self.width]
        return sum(word << (8 * self.width * place) for place, word in enumerate(words)) // self.width
