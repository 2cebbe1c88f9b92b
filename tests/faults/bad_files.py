"""Objects that are wrong in one place, each with what may become of it, and the means to make more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from tests.peers import Hospital
from tests.receive.material import BIG_ENDIAN, DEFLATED, DX, EXPLICIT, IMPLICIT, deflate, element, item

SOP_CLASS, SOP_INSTANCE, STUDY, SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
PATIENT_NAME, PATIENT_ID, CHARSET = 0x00100010, 0x00100020, 0x00080005
ROWS, COLUMNS, PIXEL_DATA = 0x00280010, 0x00280011, 0x7FE00010


class Fate(StrEnum):
    """What became of an object; the last two are never right."""

    PROCESSED = "processed"  # there is a finding
    SET_ASIDE = "set aside"  # kept, without a finding, and the node says why, be it in a report
    REFUSED = "refused"  # by a status, a rejected presentation context or an abort
    UNANSWERED = "no answer"
    LOST = "lost"  # answered Success, and nobody knows of it


P, Q, R = frozenset({Fate.PROCESSED}), frozenset({Fate.SET_ASIDE}), frozenset({Fate.REFUSED})


@dataclass(frozen=True)
class BadFile:
    """One object.

    Attributes:
        name: what is wrong with it.
        allowed: what may become of it.
        body: the dataset as it goes over the wire.
        syntax, sop_class, instance: what the sender says it is.
        study: Study Instance UID, as the node shows it; empty: it cannot be known.
    """

    name: str
    allowed: frozenset[Fate]
    body: bytes
    syntax: str = EXPLICIT
    sop_class: str = DX
    instance: str = ""
    study: str = ""


class Maker:
    """Makes them from images that are good. Args: hospital: gives each object a study of its own."""

    def __init__(self, hospital: Hospital) -> None:
        self._hospital, self._count = hospital, 0
        self.files: list[BadFile] = []

    def image(self, **attributes: Any) -> Dataset:
        """A good one with UIDs of its own; each keyword sets an attribute, None removes it."""
        self._count += 1
        return self._hospital.image(self._count, **attributes)

    def add(
        self,
        name: str,
        allowed: frozenset[Fate],
        ds: Dataset | None = None,
        raw: Mapping[int, bytes | None] | None = None,
        **changes: Any,
    ) -> None:
        """An object.

        Args:
            name, allowed: see :class:`BadFile`.
            ds: what it is made of; None: a good image.
            raw: tag -> the whole element as it goes over the wire; None leaves it out.
            changes: fields of :class:`BadFile` that are not what `ds` says.
        """
        ds = self.image() if ds is None else ds
        syntax = changes.get("syntax", EXPLICIT)
        facts = {
            "sop_class": str(ds.get("SOPClassUID", DX)),
            "instance": str(ds.get("SOPInstanceUID", "")),
            "study": str(ds.get("StudyInstanceUID", "")),
        }
        body = b"" if "body" in changes else encoded(ds, syntax, raw)
        self.files.append(BadFile(name, allowed, **{"body": body, **facts, **changes}))

    def compressed(self, name: str, allowed: frozenset[Fate], syntax: str, *frames: bytes, **attributes: Any) -> None:
        """An object with these bytes as its compressed frames."""
        ds = self.image(**attributes)
        items = (item(frame + b"\0" * (len(frame) % 2)) for frame in frames)
        ds.PixelData = item() + b"".join(items)  # an empty offset table first (PS3.5 A.4)
        ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
        self.add(name, allowed, ds, syntax=syntax)


def encoded(ds: Dataset, syntax: str = EXPLICIT, raw: Mapping[int, bytes | None] | None = None) -> bytes:
    """The dataset over the wire, in the order of its tags; `raw` as in :meth:`Maker.add`."""
    found: dict[int, bytes | None] = {}
    for one in ds:
        stream = DicomBytesIO()
        stream.is_little_endian, stream.is_implicit_VR = syntax != BIG_ENDIAN, syntax == IMPLICIT
        one.VR = "OW" if one.VR == "OB or OW" else one.VR  # what else an image holds says which
        alone = Dataset()
        alone.add(one)
        write_dataset(stream, alone, parent_encoding="utf-8")
        found[int(one.tag)] = stream.getvalue()
    found |= raw or {}
    body = b"".join(data for _, data in sorted(found.items()) if data is not None)
    return deflate(body) if syntax == DEFLATED else body


def uid_element(tag: int, uid: str) -> bytes:
    """A UI element with whatever it is given."""
    return element(tag, "UI", uid.encode())
