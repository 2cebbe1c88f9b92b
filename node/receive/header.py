"""Reads what the ledger and routing need from the header of a received file, and says when it cannot be processed."""

from __future__ import annotations

import hashlib
import mmap
import re
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from node.priority import DICOM_TERMS
from node.receive.elements import REQUEST_ATTRIBUTES, Data, Encoding, Malformed, Walker
from node.receive.text import Charset, shown_uid
from node.reviews import order_key, person_key
from node.study import Arrival, Attributes

#: Most bytes inflated of a deflated dataset: enough for any header, nothing for a bomb.
MOST_INFLATED = 4 << 20
_PIECE = 1 << 16

_DEFLATED = Encoding(deflated=True, native=True)
#: Transfer syntaxes that are not Explicit VR Little Endian (PS3.5 annex A).
ENCODINGS = {
    "1.2.840.10008.1.2": Encoding(explicit=False, native=True),
    "1.2.840.10008.1.20": Encoding(explicit=False, native=True),
    "1.2.840.10008.1.2.1": Encoding(native=True),
    "1.2.840.10008.1.2.2": Encoding(big_endian=True, native=True),
    "1.2.840.10008.1.2.1.99": _DEFLATED,
    "1.2.840.10008.1.2.4.95": _DEFLATED,
    "1.2.840.10008.1.2.4.205": _DEFLATED,
}

_CHARSET, _SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES = 0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
_STUDY_DATE, _PATIENT_ID, _ISSUER, _BIRTH_DATE, _AGE = 0x00080020, 0x00100020, 0x00100021, 0x00100030, 0x00101010
_IMAGE_TYPE, _LATERALITY, _IMAGE_LATERALITY = 0x00080008, 0x00200060, 0x00200062
_ROWS, _COLUMNS, _FRAMES = 0x00280010, 0x00280011, 0x00280008
_PRIORITY, _ACCESSION = 0x00401003, 0x00080050
_INSTANCE_NUMBER, _ACQUISITION_IMAGES, _STUDY_IMAGES = 0x00200013, 0x00201002, 0x00201208

#: Attributes that are Code Strings (upper case by PS3.5 6.2), and those that are text.
_CODES = {"modality": 0x00080060, "body_part": 0x00180015, "view": 0x00185101, "sex": 0x00100040}
_TEXTS = {
    "series_description": 0x0008103E,
    "study_description": 0x00081030,
    "protocol_name": 0x00181030,
    "manufacturer": 0x00080070,
    "model_name": 0x00081090,
    "department": 0x00081040,
}
_UIDS = (
    ("SOP Class UID", _SOP_CLASS),
    ("SOP Instance UID", _SOP_INSTANCE),
    ("Study Instance UID", _STUDY),
    ("Series Instance UID", _SERIES),
)
WANTED = frozenset(
    {
        *(_CHARSET, _SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES, _STUDY_DATE, _PATIENT_ID, _ISSUER, _BIRTH_DATE, _AGE),
        *(_IMAGE_TYPE, _LATERALITY, _IMAGE_LATERALITY, _ROWS, _COLUMNS, _FRAMES),
        *(
            _INSTANCE_NUMBER,
            _ACQUISITION_IMAGES,
            _STUDY_IMAGES,
            _PRIORITY,
            _ACCESSION,
            REQUEST_ATTRIBUTES,
            *_CODES.values(),
            *_TEXTS.values(),
        ),
    }
)

_UID = re.compile(rb"[0-9]+(\.[0-9]+)+", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)
_DAYS = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}


@dataclass(frozen=True)
class Claim:
    """What the peer said before it sent the dataset. UIDs as bytes, without padding."""

    sop_class_uid: bytes
    sop_instance_uid: bytes
    transfer_syntax_uid: str


@dataclass(frozen=True)
class Header:
    """What a dataset says of itself; UIDs are safe to show.

    Attributes:
        patient_key: see :class:`node.study.Arrival`.
        person_key, order_key: the same.
        defect: why it cannot be processed; empty when it can.
        contradiction: the defect is that the dataset is not of the class or instance that was claimed.
    """

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    attributes: Attributes = field(default_factory=Attributes)
    patient_key: str = ""
    person_key: str = ""
    order_key: str = ""
    study_images: int | None = None
    acquisition_images: int | None = None
    instance_number: int = 0
    defect: str = ""
    contradiction: bool = False

    def arrival(self, claim: Claim, path: str, association: str) -> Arrival:
        """The row of this object; size, digest and peer are the caller's to fill in."""
        return Arrival(
            sop_instance_uid=self.sop_instance_uid,
            sop_class_uid=self.sop_class_uid,
            transfer_syntax_uid=claim.transfer_syntax_uid,
            study_instance_uid=self.study_instance_uid,
            series_instance_uid=self.series_instance_uid,
            path=path,
            size=0,
            sha256="",
            patient_key=self.patient_key,
            association=association,
            peer="",
            attributes=self.attributes,
            study_images=self.study_images,
            acquisition_images=self.acquisition_images,
            instance_number=self.instance_number,
            defect=self.defect,
            person_key=self.person_key,
            order_key=self.order_key,
        )


def read(path: Path, start: int, claim: Claim) -> Header:
    """The header of the dataset that begins at byte `start` of a Part 10 file. Raises OSError, nothing else."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return scan(data, start, claim)


def scan(data: Data, start: int, claim: Claim) -> Header:
    """The same for bytes at hand."""
    encoding = ENCODINGS.get(claim.transfer_syntax_uid, Encoding())
    walker, defect = None, ""
    try:
        if encoding.deflated:
            inflated, whole = _inflate(data, start)
            walker = Walker(inflated, encoding, WANTED, whole)
            walker.walk()
        else:
            walker = Walker(data, encoding, WANTED)
            walker.walk(start)
    except Malformed as error:
        defect = str(error)
    return _Values(walker.values if walker else {}, encoding).header(claim, defect)


def _inflate(data: Data, start: int) -> tuple[bytes, bool]:
    """The first bytes of a deflated dataset (PS3.5 A.5), and whether they are all. Raises :class:`Malformed`."""
    inflater, found = zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
    try:
        for offset in range(start, len(data), _PIECE):
            found += inflater.decompress(bytes(data[offset : offset + _PIECE]), MOST_INFLATED - len(found))
            if inflater.eof:
                return bytes(found), True
            if len(found) >= MOST_INFLATED:
                return bytes(found), False
    except zlib.error:
        raise Malformed("it cannot be inflated") from None
    raise Malformed("truncated: the deflated bytes do not end")


class _Values:
    """The raw values of one header, decoded on demand."""

    def __init__(self, raw: dict[int, bytes], encoding: Encoding) -> None:
        self._raw, self._encoding = raw, encoding
        self._short = struct.Struct(">H" if encoding.big_endian else "<H")
        self._charset = Charset(raw.get(_CHARSET, b""))

    def header(self, claim: Claim, defect: str) -> Header:
        """All of it; `defect` is what the walk found."""
        contradiction = "" if defect else self._contradiction(claim)
        return Header(
            sop_instance_uid=shown_uid(claim.sop_instance_uid or self._uid(_SOP_INSTANCE)),
            sop_class_uid=shown_uid(claim.sop_class_uid),
            study_instance_uid=shown_uid(self._uid(_STUDY)),
            series_instance_uid=shown_uid(self._uid(_SERIES)),
            attributes=self._attributes(claim),
            patient_key=self._patient_key(),
            person_key=person_key(self._text(_PATIENT_ID)),
            order_key=order_key(self._text(_ACCESSION), self._text(_PATIENT_ID)),
            study_images=self._integer(_STUDY_IMAGES),
            acquisition_images=self._integer(_ACQUISITION_IMAGES),
            instance_number=self._integer(_INSTANCE_NUMBER) or 0,
            defect=defect or self._bad_uid() or contradiction or self._bad_size(),
            contradiction=bool(contradiction),
        )

    def _uid(self, tag: int) -> bytes:
        return self._raw.get(tag, b"").rstrip(b"\0 ")

    def _bad_uid(self) -> str:
        for name, tag in _UIDS:
            uid = self._uid(tag)
            if not uid:
                return f"it has no {name}"
            if len(uid) > 64 or not _UID.fullmatch(uid):  # PS3.5 9.1
                return f"its {name} is no UID"
        return ""

    def _contradiction(self, claim: Claim) -> str:
        if self._uid(_SOP_CLASS) != claim.sop_class_uid:
            return "it is of another SOP class than the command said"
        if self._uid(_SOP_INSTANCE) != claim.sop_instance_uid:
            return "it is another instance than the command said"
        return ""

    def _bad_size(self) -> str:
        for name, tag in (("Rows", _ROWS), ("Columns", _COLUMNS)):
            if len(self._raw.get(tag, b"")) not in (0, 2):
                return f"its {name} is no US"
        return ""

    def _attributes(self, claim: Claim) -> Attributes:
        return Attributes(
            sop_class_uid=shown_uid(claim.sop_class_uid),
            image_type=self._codes(_IMAGE_TYPE),
            laterality=self._code(_IMAGE_LATERALITY) or self._code(_LATERALITY),
            age_years=self._age_years(),
            rows=self._us(_ROWS),
            columns=self._us(_COLUMNS),
            frames=max(1, self._integer(_FRAMES) or 1),
            priority=self._priority(),
            **{name: self._code(tag) for name, tag in _CODES.items()},
            **{name: self._text(tag) for name, tag in _TEXTS.items()},
        )

    def _priority(self) -> str:
        """The most urgent of the known terms that it says of itself or of one of its requests; empty: none."""
        if not (sequence := self._raw.get(REQUEST_ATTRIBUTES, b"")) and _PRIORITY not in self._raw:
            return ""
        told = [self._raw.get(_PRIORITY, b""), *Walker(sequence, self._encoding, ()).within(_PRIORITY)]
        terms = {self._charset.decode(one, 16).upper() for one in told}
        return next((term for term in DICOM_TERMS if term in terms), "")

    def _text(self, tag: int, longest: int = 256) -> str:
        return self._charset.decode(self._raw.get(tag, b""), longest)

    def _code(self, tag: int) -> str:
        return self._text(tag, 64).upper()

    def _codes(self, tag: int) -> tuple[str, ...]:
        text = self._text(tag, 1024).upper()
        return tuple(value.strip() for value in text.split("\\")[:16]) if text else ()

    def _us(self, tag: int) -> int:
        raw = self._raw.get(tag, b"")
        return int(self._short.unpack(raw)[0]) if len(raw) == 2 else 0

    def _integer(self, tag: int) -> int | None:
        """An IS, within 32 bits; None for anything else."""
        text = self._text(tag, 16).split("\\")[0].strip()
        value = int(text) if _INTEGER.fullmatch(text) else None
        return value if value is not None and abs(value) < 1 << 31 else None

    def _patient_key(self) -> str:
        issuer, patient_id = self._text(_ISSUER), self._text(_PATIENT_ID)
        if not issuer and not patient_id:
            return ""
        return hashlib.sha256(f"{issuer}\0{patient_id}".encode()).hexdigest()

    def _age_years(self) -> float | None:
        """Patient's Age (PS3.5 6.2, AS), else from birth and study date."""
        age = re.fullmatch(r"([0-9]{1,3})([DWMY])", self._code(_AGE), re.ASCII)
        if age:
            return int(age[1]) * _DAYS[age[2]] / _DAYS["Y"]
        born, seen = self._date(_BIRTH_DATE), self._date(_STUDY_DATE)
        return round(seen - born, 3) if born and seen and seen >= born else None

    def _date(self, tag: int) -> float | None:
        """A DA as a year with its fraction."""
        date = re.fullmatch(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})", self._text(tag, 16), re.ASCII)
        if not date or not (1 <= int(date[2]) <= 12 and 1 <= int(date[3]) <= 31):
            return None
        return int(date[1]) + (int(date[2]) - 1) / 12 + (int(date[3]) - 1) / 372
