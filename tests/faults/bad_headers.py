"""Rows 33, 34 and 36: what is missing, contradicts itself, is encoded wrongly, or has no proper UID."""

from __future__ import annotations

import struct
from typing import Any

from pydicom.dataset import Dataset

from tests.faults.bad_files import (
    COLUMNS,
    PIXEL_DATA,
    ROWS,
    SERIES,
    SOP_CLASS,
    SOP_INSTANCE,
    STUDY,
    BadFile,
    Maker,
    P,
    Q,
    R,
    encoded,
    uid_element,
)
from tests.peers import Hospital
from tests.receive.material import DEFLATED, EXPLICIT, IMPLICIT, SC, UNDEFINED, element, item

_SR, _PDF = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.104.1"
#: Attribute -> what may become of an image without it.
_MISSING = {
    "Modality": P | Q,
    "PatientID": P | Q,
    "PatientName": P | Q,
    "StudyDate": P | Q,
    "AccessionNumber": P | Q,
    "Rows": Q,
    "Columns": Q,
    "BitsAllocated": Q,
    "SamplesPerPixel": Q,
    "PhotometricInterpretation": Q,
    "PixelData": Q,
}
_CONTRADICTIONS: dict[str, tuple[frozenset[Any], dict[str, Any]]] = {
    "no rows": (Q, {"Rows": 0}),
    "7 bits allocated": (Q, {"BitsAllocated": 7}),
    "more bits stored than allocated": (P | Q, {"BitsStored": 40, "HighBit": 39}),
    "4 samples in MONOCHROME2": (Q, {"SamplesPerPixel": 4}),
    "an unknown photometric interpretation": (P | Q, {"PhotometricInterpretation": "HACKED"}),
    "a palette without its table": (Q, {"PhotometricInterpretation": "PALETTE COLOR"}),
    "-5 frames": (P | Q, {"NumberOfFrames": -5}),
    "100 of 2,048 bytes": (Q, {"PixelData": bytes(100)}),
    "no pixel bytes": (Q, {"PixelData": b""}),
    "three times too many pixel bytes": (P | Q, {"PixelData": bytes(3 * 2048)}),
    "a rescale to infinity": (P | Q, {"RescaleSlope": "1e308", "RescaleIntercept": "-1e308"}),
    "a window of no width": (P | Q, {"WindowWidth": 0}),
}


def missing(hospital: Hospital) -> list[BadFile]:
    """33."""
    maker = Maker(hospital)
    for keyword, tag in {
        "SOPInstanceUID": SOP_INSTANCE,
        "SOPClassUID": SOP_CLASS,
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": SERIES,
    }.items():
        maker.add(f"no {keyword}", Q | R, raw={tag: None})
    for keyword, allowed in _MISSING.items():
        maker.add(f"no {keyword}", allowed, _without(maker.image(), keyword))
    for name, (allowed, attributes) in _CONTRADICTIONS.items():
        maker.add(name, allowed, maker.image(**attributes))
    maker.add("a command of another SOP class", Q | R, sop_class=SC)
    maker.add("a command of another instance", Q | R, instance="1.2.826.0.1.3680043.8.498.9.9")
    ds = maker.image()
    ds.SeriesInstanceUID = ds.SOPInstanceUID = ds.StudyInstanceUID
    maker.add("one UID for study, series and instance", P | Q, ds)
    maker.add("a report without a content tree", Q | R, _of_class(maker.image(), _SR, "SR"))
    maker.add("a document without its document", Q | R, _of_class(maker.image(), _PDF, "DOC"))
    maker.add("a SOP class of nobody", Q | R, _of_class(maker.image(), "1.2.3.4.5.6.7.8.9", "OT"))
    return maker.files


def _without(ds: Dataset, *keywords: str) -> Dataset:
    for keyword in keywords:
        delattr(ds, keyword)
    return ds


def _of_class(ds: Dataset, sop_class: str, modality: str) -> Dataset:
    ds.SOPClassUID, ds.Modality = sop_class, modality
    return _without(ds, "PixelData", "Rows", "Columns")


def misencoded(hospital: Hospital) -> list[BadFile]:
    """34."""
    maker = Maker(hospital)

    def add(name: str, allowed: frozenset[Any], change: Any, syntax: str = EXPLICIT, like: str = EXPLICIT) -> None:
        ds = maker.image()
        maker.add(name, allowed, ds, syntax=syntax, body=change(encoded(ds, like)))

    add("half a dataset", Q | R, lambda body: body[: len(body) // 2])
    add("the end inside an element's head", Q | R, lambda body: body[:61])
    add("no dataset", Q | R, lambda _: b"")
    add("20,000 random bytes", Q | R, lambda body: bytes(place * 31 % 253 for place in range(20000)))
    add("implicit sent as explicit", Q | R, lambda body: body, like=IMPLICIT)
    add("explicit sent as implicit", Q | R, lambda body: body, IMPLICIT)
    add("no deflate stream sent as one", Q | R, lambda body: body, DEFLATED)
    add("half a deflate stream", Q | R, lambda body: body[: len(body) // 2], DEFLATED, DEFLATED)
    add("an element of 4 GiB", Q | R, lambda body: body + element(0x7FE11010, "OB", b"abcd", length=0xFFFFFFFE))
    add("a sequence that never ends", Q | R, lambda body: body + _open_sequence() + item(length=UNDEFINED))
    add("an unknown VR", P | Q | R, lambda body: body.replace(b"\x08\0\x60\0CS", b"\x08\0\x60\0ZZ"))
    add("a tag twice, with another UID", P | Q | R, lambda body: body + uid_element(SOP_INSTANCE, "1.2.3.4.5.6"))
    add("a tag out of order", P | Q | R, lambda body: body + element(0x00100010, "PN", "KANARI^Late"))
    add("file meta information inside", P | Q | R, lambda body: element(0x00020010, "UI", IMPLICIT) + body)
    add("command elements inside", P | Q | R, lambda body: element(0x00000900, "US", 0) + body)
    add("an odd length", P | Q | R, lambda body: body.replace(b"LO\x06\0Maker ", b"LO\x05\0Maker"))
    wrong = {
        "Rows as text": {ROWS: element(ROWS, "LO", "many")},
        "Rows and Columns as UL": {tag: element(tag, "UL", struct.pack("<L", 65536)) for tag in (ROWS, COLUMNS)},
        "3,000 nested sequences": {PIXEL_DATA: (_open_sequence(0x0040A730) + item(length=UNDEFINED)) * 3000},
        "pixel data of undefined length, native": {PIXEL_DATA: element(PIXEL_DATA, "OW", b"", length=UNDEFINED)},
    }
    for name, raw in wrong.items():
        maker.add(name, Q | R, raw=raw)
    maker.add("50,000 empty items", P | Q | R, raw={0x00081140: element(0x00081140, "SQ", item() * 50000)})
    maker.add("a text of 60,000 characters", P | Q | R, maker.image(ImageComments="A" * 60000))
    return maker.files


def _open_sequence(tag: int = 0x7FE11010) -> bytes:
    return element(tag, "SQ", b"", length=UNDEFINED)


#: What stands where the SOP Instance UID should -> what may become of it.
_IMPROPER = {
    "": Q | R,
    ".": Q | R,
    "..": Q | R,
    "abc.def": Q | R,
    "1.02.003": P | Q | R,
    "1." + "2" * 63: P | Q | R,
    "1." + "2" * 998: Q | R,
    "1." + "2" * 3998: Q | R,
}


def improper_uids(hospital: Hospital) -> list[BadFile]:
    """36."""
    maker = Maker(hospital)
    for uid, allowed in _IMPROPER.items():
        name = f"UID of {len(uid)} characters" if len(uid) > 20 else f"UID '{uid}'"
        maker.add(name, allowed, raw={SOP_INSTANCE: uid_element(SOP_INSTANCE, uid)}, instance=uid)
    for tag, word in ((STUDY, "Study"), (SERIES, "Series")):
        for uid in ("", "study", "1." + "2" * 998):
            name = f"{word} Instance UID of {len(uid)} characters"
            maker.add(name, Q | R, raw={tag: uid_element(tag, uid)}, **({"study": ""} if tag == STUDY else {}))
    return maker.files
