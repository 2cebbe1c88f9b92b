"""A result as the bytes of a Part 10 file, the same that pydicom writes, in a tenth of its time.

pydicom looks at every element anew, a dozen calls for each, and a report has thousands: the same codes and facts again
and again, which here are encoded once, because the tree holds them as one object. Any element that is not of the plain
kinds of a report, such as a name in another script, is left to pydicom's own writer.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from struct import pack

from pydicom.charset import default_encoding
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import correct_ambiguous_vr_element, write_data_element
from pydicom.sequence import Sequence as DicomSequence
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

#: What may hold plain text, with the byte that makes its length even (PS3.5 6.2).
_TEXTS = dict.fromkeys(["AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UR", "UT"], b" ") | {
    "UI": b"\0"
}
_BYTES = ("OB", "OF", "OW")
_NUMBERS = {"US": "H", "UL": "I", "SS": "h", "SL": "i", "FL": "f", "FD": "d"}
_ITEM = 0xE000FFFE  # (FFFE,E000) as it is written
_LONGEST_SHORT = 0xFFFF
_GROUP_LENGTH = 0x00020000
_Encodings = str | list[str]


def part10(ds: Dataset) -> bytes:
    """The file: preamble, File Meta Information, data set in Explicit VR Little Endian (PS3.10 7.1, PS3.5 A.2).

    Args:
        ds: as :func:`node.report.provenance.finished` leaves it.

    Example::

        path.write_bytes(part10(ds))
    """
    facts = copy(ds.file_meta)
    facts.pop(_GROUP_LENGTH, None)  # it is counted anew
    meta = _Encoder().dataset(facts, default_encoding)
    length = pack("<HH2sHI", 2, 0, b"UL", 4, len(meta))
    return b"".join((ds.preamble, b"DICM", length, meta, *_Encoder().elements(ds, default_encoding)))


class _Encoder:
    """Encodes one data set; each item below it once, wherever it stands."""

    def __init__(self) -> None:
        self._items: dict[int, bytes] = {}  # by identity: all of them live as long as the data set

    def dataset(self, ds: Dataset, encodings: _Encodings) -> bytes:
        return b"".join(self.elements(ds, encodings))

    def elements(self, ds: Dataset, encodings: _Encodings) -> Iterable[bytes]:
        """Each element, in the order of tags."""
        encodings = ds.get("SpecificCharacterSet", encodings) if 0x00080005 in ds else encodings
        for tag, found in sorted(ds.items(), key=_tag):
            found = ds[tag] if found.is_raw else found
            if len(found.VR) != 2:
                correct_ambiguous_vr_element(found, ds, is_little_endian=True)
            yield from self._element(int(tag), found, encodings)

    def _element(self, tag: int, found: DataElement, encodings: _Encodings) -> Iterable[bytes]:
        value = self._sequence(found, encodings) if found.VR == "SQ" else _plain(found)
        is_long = found.VR in EXPLICIT_VR_LENGTH_32
        if value is None or (len(value) > _LONGEST_SHORT and not is_long):
            yield _by_pydicom(found, encodings)
            return
        form, blank = ("<HH2sxxI", len(value)) if is_long else ("<HH2sH", len(value))
        yield pack(form, tag >> 16, tag & 0xFFFF, found.VR.encode(), blank)
        yield value

    def _sequence(self, found: DataElement, encodings: _Encodings) -> bytes | None:
        below: DicomSequence = found.value
        if found.is_undefined_length or any(item.is_undefined_length_sequence_item for item in below):
            return None
        return b"".join(self._item(item, encodings) for item in below)

    def _item(self, item: Dataset, encodings: _Encodings) -> bytes:
        known = self._items.get(id(item))
        if known is None:
            body = self.dataset(item, encodings)
            known = self._items[id(item)] = pack("<II", _ITEM, len(body)) + body
        return known


def _tag(pair: tuple[int, object]) -> int:
    return int(pair[0])


def _plain(found: DataElement) -> bytes | None:
    """The value, of even length; None where it is not plain."""
    value = found.value
    if found.VR in _TEXTS:
        if not (isinstance(value, str) and value.isascii()):
            return None
        return _even(value.encode(), _TEXTS[found.VR])
    if found.VR in _NUMBERS:
        return pack("<" + _NUMBERS[found.VR], value) if isinstance(value, int | float) else None
    return _even(value, b"\0") if found.VR in _BYTES and isinstance(value, bytes) else None


def _even(value: bytes, padding: bytes) -> bytes:
    return value + padding if len(value) % 2 else value


def _by_pydicom(found: DataElement, encodings: _Encodings) -> bytes:
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_data_element(stream, found, encodings)
    return bytes(stream.getvalue())
