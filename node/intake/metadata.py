"""Objects that are told in DICOM JSON (PS3.18 F.2) or XML (PS3.19 A.1), and their bulk data apart: as the bytes of a
Part 10 file.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.valuerep import DSfloat

from node import logs
from node.errors import RadnodeError
from node.intake import native
from node.intake.bulk import Piece, Scratch, is_native, syntax_of
from node.intake.multipart import Malformed
from node.intake.native import Table
from node.intake.reasons import Reason, Refused
from node.receive.header import Claim
from node.receive.part10 import preface

#: Media types of metadata.
JSON, XML = ("application/dicom+json", "application/json"), ("application/dicom+xml", "application/xml", "text/xml")
_PLAIN = "1.2.840.10008.1.2.1"
_CLASS, _INSTANCE, _FRAMES, _BITS, _PIXELS = "00080016", "00080018", "00280008", "00280100", "7FE00010"
_URI = "BulkDataURI"
_TAG, _VR = re.compile("[0-9A-F]{8}"), re.compile("([A-Z]{2})( or [A-Z]{2})*")  # pydicom says `OB or OW`
#: Groups that the file has of its own.
_META = ("0000", "0002")
#: PS3.5 7.1.2: their length has four bytes; any other VR has two.
_LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SV", "UC", "UN", "UR", "UT", "UV")
_TEXTS = ("DS", "IS", "LT", "ST", "UC", "UR", "UT")
_CHARACTER_SET = "ISO_IR 192"
#: Longest bulk data within an item of a sequence: they are held in memory.
_LONGEST_NESTED = 32 << 20
_LONGEST_DS = 16
_ITEM, _ITEMS_END = 0xFFFEE000, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF

Pieces = Mapping[str, Sequence[Piece]]


class Described:
    """One object. Raises nearly anything where the table is no DICOM JSON. Args: table: of it."""

    def __init__(self, table: Table) -> None:
        self._table = {key: element for key, element in table.items() if key[:4] not in _META}
        self._apart = {key: _uri(self._table.pop(key)) for key in _with_bulk(table) if key in self._table}
        self._vrs = {key: _vr(table[key]["vr"]) for key in self._apart}
        if not all(map(_TAG.fullmatch, table)):
            raise ValueError("no tag")
        self._nested = frozenset(_nested(self._table))
        self._frames = int(_first(table, _FRAMES) or 1)
        self._class_uid, self._instance_uid = (str(_first(table, key)).encode("ascii") for key in (_CLASS, _INSTANCE))

    @property
    def claim(self) -> Claim:
        """What it says of itself; the transfer syntax is that of no pixel data."""
        return Claim(self._class_uid, self._instance_uid, _PLAIN)

    @property
    def locations(self) -> frozenset[str]:
        """URIs of its bulk data."""
        return self._nested | frozenset(self._apart.values())

    def is_whole(self, pieces: Pieces) -> bool:
        """Whether all of them are there."""
        of_pixels = pieces.get(self._apart.get(_PIXELS, ""), ())
        missing = [one for one in self.locations if not pieces.get(one)]
        return not missing and (
            not of_pixels or any(one.holds_all_frames for one in of_pixels) or len(of_pixels) >= self._frames
        )

    def file(self, pieces: Pieces, scratch: Scratch) -> Iterator[bytes]:
        """The file. Raises :class:`Refused`. Args: scratch: where the pieces lie."""
        syntax = self._syntax(pieces, scratch)
        yield preface(self._class_uid, self._instance_uid, syntax, "")
        try:
            with logs.pydicom_silent():
                ds = self._dataset(pieces, scratch)
                segments = self._segments(ds)
        except RadnodeError:
            raise
        except Exception as error:  # the decoder and the writer raise anything on what is no DICOM JSON
            raise Refused(Reason.METADATA, self.claim) from error
        for before, key in segments:
            yield before
            if key:
                yield from self._element(key, pieces[self._apart[key]], scratch, is_native(syntax))

    def _syntax(self, pieces: Pieces, scratch: Scratch) -> str:
        of_pixels = pieces.get(self._apart.get(_PIXELS, ""), ())
        try:
            return syntax_of(of_pixels, scratch) if of_pixels else _PLAIN
        except Refused as error:
            raise Refused(error.reason, self.claim) from error

    def _dataset(self, pieces: Pieces, scratch: Scratch) -> Dataset:
        """All but the bulk data at its top; text is in UTF-8, as it was in JSON."""

        def bulk(_: object, __: object, uri: str) -> bytes:
            if sum(piece.length for piece in pieces[uri]) > _LONGEST_NESTED:
                raise Refused(Reason.TOO_LONG, self.claim)
            return b"".join(chunk for piece in pieces[uri] for chunk in scratch.chunks(piece))

        ds = Dataset.from_json(self._table, bulk_data_uri_handler=bulk)
        ds.walk(_tidy)
        ds.SpecificCharacterSet = _CHARACTER_SET
        return ds

    def _segments(self, ds: Dataset) -> list[tuple[bytes, str]]:
        """What stands before each of the bulk data, encoded, and its tag; at the end no tag."""
        keys = sorted(self._apart)
        edges = [None, *(int(key, 16) for key in keys), None]
        return [(_encoded(ds[edges[i] : edges[i + 1]]), key) for i, key in enumerate([*keys, ""])]

    def _element(self, key: str, pieces: Sequence[Piece], scratch: Scratch, native: bool) -> Iterator[bytes]:
        ordered = sorted(pieces, key=lambda one: one.frame)
        if key == _PIXELS and not any(one.holds_all_frames for one in pieces):
            numbers = [one.frame for one in ordered]
            if any(numbers) and numbers != list(range(1, self._frames + 1)):
                raise Refused(Reason.BULK_DATA, self.claim)
        elif len(pieces) > 1:
            raise Refused(Reason.BULK_DATA, self.claim)
        if key == _PIXELS and not native:
            yield _header(key, "OB", _UNDEFINED) + _item(_ITEM, 0)
            for piece in ordered:
                yield _item(_ITEM, piece.length + piece.length % 2)
                yield from scratch.chunks(piece)
                yield b"\0" * (piece.length % 2)
            yield _item(_ITEMS_END, 0)
            return
        vr, length = self._vr_of(key), sum(piece.length for piece in ordered)
        if length >= (_UNDEFINED if vr in _LONG else 1 << 16) - 1:
            raise Refused(Reason.TOO_LONG, self.claim)
        yield _header(key, vr, length + length % 2)
        for piece in ordered:
            yield from scratch.chunks(piece)
        yield (b" " if vr in _TEXTS else b"\0") * (length % 2)

    def _vr_of(self, key: str) -> str:
        """PS3.5 A.2: native pixel data of more than eight bits are OW."""
        vr = self._vrs[key]
        is_wide = key == _PIXELS and (int(_first(self._table, _BITS) or 16) > 8 or vr not in ("OB", "OW"))
        return "OW" if is_wide else vr


def described(text: bytes, media_type: str) -> list[Described | None]:
    """Objects of a metadata part; None: it is no dataset. Raises :class:`Malformed` when none can be told apart."""
    if media_type in XML:
        return [_read(native.read(text))]
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed("the metadata is no JSON") from error
    return [_read(one) for one in (told if isinstance(told, list) else [told])]


def _read(table: Any) -> Described | None:  # JSON's edge
    try:
        return Described(table)
    except Exception:  # it can have any shape
        return None


def _with_bulk(table: Table) -> list[str]:
    return [key for key, element in table.items() if _URI in element]


def _nested(table: Table) -> Iterator[str]:
    for element in table.values():
        for item in element.get("Value") or () if element["vr"] == "SQ" else ():
            yield from (_uri(item[key]) for key in _with_bulk(item))
            yield from _nested(item)


def _uri(element: Table) -> str:
    value = element[_URI]
    return str(value[0] if isinstance(value, list) else value).strip()


def _vr(told: str) -> str:
    found = _VR.fullmatch(told)
    if found is None:
        raise ValueError("no value representation")
    return found[1]


def _first(table: Table, key: str) -> Any:  # JSON's edge
    return next(iter(table.get(key, {}).get("Value") or ()), "")


def _tidy(ds: Dataset, element: DataElement) -> None:
    """A callback of pydicom: numbers as text are cut to what a DS may have, and an item has no character set."""
    if element.tag == 0x00080005:
        element.value = _CHARACTER_SET
    elif element.VR == "DS" and not element.is_empty:
        values = element.value if element.VM > 1 else [element.value]
        if any(len(str(one)) > _LONGEST_DS for one in values):
            ds[element.tag].value = [DSfloat(float(one), auto_format=True) for one in values]


def _encoded(ds: Dataset) -> bytes:
    target = DicomBytesIO()
    target.is_little_endian, target.is_implicit_VR = True, False
    write_dataset(target, ds, "utf8")
    return bytes(target.getvalue())


def _header(key: str, vr: str, length: int) -> bytes:
    tag = (int(key[:4], 16), int(key[4:], 16))
    if vr in _LONG:
        return struct.pack("<HH2sHL", *tag, vr.encode("ascii"), 0, length)
    return struct.pack("<HH2sH", *tag, vr.encode("ascii"), length)


def _item(tag: int, length: int) -> bytes:
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, length)
