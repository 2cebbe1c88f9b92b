"""Sources of every kind: modalities, character sets and transfer syntaxes, each a table of ways to make one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from tests.peers.dcmtk import compress
from tests.peers.hospital import Hospital

_SHARED = Path(__file__).parents[1] / "data" / "assemble"
Make = Callable[[Hospital, int], list[Dataset]]
Encode = Callable[[Path, Path], Path]

#: Modality -> SOP Class UID of those that the hospital cannot make by itself.
_MORE = {
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "NM": "1.2.840.10008.5.1.4.1.1.20",
    "XA": "1.2.840.10008.5.1.4.1.1.12.1",
    "XC": "1.2.840.10008.5.1.4.1.1.77.1.4",
    "OP": "1.2.840.10008.5.1.4.1.1.77.1.5.1",
    "ES": "1.2.840.10008.5.1.4.1.1.77.1.1",
    "SC": "1.2.840.10008.5.1.4.1.1.7",
    "US": "1.2.840.10008.5.1.4.1.1.3.1",
}


def _films(modality: str, **changes: Any) -> Make:
    return lambda hospital, patient: [hospital.image(patient, modality=modality, **changes)]


def _slices(modality: str, **changes: Any) -> Make:
    def make(hospital: Hospital, patient: int) -> list[Dataset]:
        return [hospital.image(patient, image=number, modality=modality, **changes) for number in (1, 2, 3)]

    return make


def _like(base: str, modality: str, make: Callable[[str], Make]) -> Make:
    """Objects of another class, made as those of `base` are."""

    def made(hospital: Hospital, patient: int) -> list[Dataset]:
        found = make(base)(hospital, patient)
        for ds in found:
            ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = _MORE[modality]
            ds.Modality = "OT" if modality == "SC" else modality
        return found

    return made


def _frames(make: Make) -> Make:
    """The first of the objects with its pixels three times."""

    def made(hospital: Hospital, patient: int) -> list[Dataset]:
        ds = make(hospital, patient)[0]
        ds.NumberOfFrames, ds.PixelData = 3, ds.PixelData * 3
        return [ds]

    return made


def _coloured(make: Make) -> Make:
    """The objects in RGB of eight bits."""

    def made(hospital: Hospital, patient: int) -> list[Dataset]:
        found = make(hospital, patient)
        for ds in found:
            grey = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns) >> 4
            ds.PixelData = np.stack([grey, grey // 2, 255 - grey], axis=-1).astype(np.uint8).tobytes()
            ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
            ds.BitsAllocated = ds.BitsStored = 8
            ds.HighBit = 7
            del ds.WindowCenter, ds.WindowWidth
        return found

    return made


def _enhanced_mr(hospital: Hospital, patient: int) -> list[Dataset]:
    """A real Enhanced MR of ten frames, as a study of this hospital, with the functional groups that it lacks."""
    ds = pydicom.dcmread(_SHARED / "emri_small_jpeg_ls_lossless.dcm")
    ds.decompress()
    plain = hospital.image(patient, modality="MR")
    ds.StudyInstanceUID, ds.SeriesInstanceUID = plain.StudyInstanceUID, plain.SeriesInstanceUID
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = plain.SOPInstanceUID
    ds.PatientID, ds.BodyPartExamined = plain.PatientID, "BRAIN"
    shared = _group(PixelMeasuresSequence={"PixelSpacing": [1, 1], "SliceThickness": 2})
    shared.update(_group(PlaneOrientationSequence={"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}))
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = [
        _group(PlanePositionSequence={"ImagePositionPatient": [0, 0, 2 * number]})
        for number in range(ds.NumberOfFrames)
    ]
    return [ds]


def _group(**macros: dict[str, Any]) -> Dataset:
    """Functional group macros (PS3.3 C.7.6.16), each with one item."""
    group = Dataset()
    for keyword, attributes in macros.items():
        item = Dataset()
        for name, value in attributes.items():
            setattr(item, name, value)
        setattr(group, keyword, [item])
    return group


#: What a scanner sends, in 32 x 32 pixels of noise but for the Enhanced MR.
MODALITIES: Mapping[str, Make] = {
    "CR": _films("CR"),
    "DX": _films("DX"),
    "DX, MONOCHROME1": _films("DX", PhotometricInterpretation="MONOCHROME1"),
    "MG": _like("DX", "MG", lambda base: _films(base, ImageLaterality="L", BodyPartExamined="BREAST")),
    "CT": _slices("CT"),
    "MR": _slices("MR"),
    "PT": _like("CT", "PT", _slices),
    "Enhanced MR": _enhanced_mr,
    "US, multi-frame": _frames(_like("US", "US", _films)),
    "NM, multi-frame": _frames(_like("US", "NM", _films)),
    "XA, multi-frame": _frames(_like("DX", "XA", _films)),
    "XC": _coloured(_like("US", "XC", _films)),
    "OP": _coloured(_like("US", "OP", lambda base: _films(base, ImageLaterality="R", BodyPartExamined="EYE"))),
    "ES": _coloured(_like("US", "ES", _films)),
    "SC": _coloured(_like("US", "SC", _films)),
}

#: Character sets (PS3.3 C.12.1.1.2) with a name that needs them; examples of PS3.5 H to K, and of daily life.
CHARACTER_SETS: Mapping[str, tuple[list[str], str]] = {
    "IR 6": ([], "Doe^Jane^Q"),
    "IR 13": (["ISO_IR 13"], "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    "IR 87": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "IR 13+87": (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
    "IR 149": (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    "IR 100": (["ISO_IR 100"], "Müller^Jürg^Çelik"),
    "IR 101": (["ISO_IR 101"], "Wałęsa^Žofie"),
    "IR 126": (["ISO_IR 126"], "Διονυσιος^Ελενη"),
    "IR 144": (["ISO_IR 144"], "Люксембург^Анна"),
    "IR 166": (["ISO_IR 166"], "นามสกุล^ชื่อ"),
    "GB18030": (["GB18030"], "Wang^XiaoDong=王^小东"),
    "UTF-8": (["ISO_IR 192"], "Müller^Žofie=王^小东=やまだ"),
}


def named(ds: Dataset, terms: list[str], name: str) -> Dataset:
    """The object with texts in that character set."""
    made = deepcopy(ds)
    if terms:
        made.SpecificCharacterSet = terms
    made.PatientName = made.ReferringPhysicianName = name
    made.StudyDescription = name.split("=")[-1].replace("^", " ")
    return made


def _dcmtk(program: str, *options: str) -> Encode:
    return lambda path, target: compress(program, path, target, *options)


def codec(syntax: str) -> Encode:
    """Writes a file in a transfer syntax that pydicom has an encoder for."""

    def encode(path: Path, target: Path) -> Path:
        ds = pydicom.dcmread(path)
        ds.compress(syntax, generate_instance_uid=False)
        ds.save_as(target, enforce_file_format=True)
        return target

    return encode


#: Transfer syntaxes (PS3.5 A) with a way to write them.
SYNTAXES: Mapping[str, Encode] = {
    "explicit": lambda path, target: path.rename(target),
    "implicit": _dcmtk("dcmconv", "+ti"),
    "big endian": _dcmtk("dcmconv", "+tb"),
    "deflated": _dcmtk("dcmconv", "+td"),
    "RLE": codec(RLELossless),
    "JPEG lossless": _dcmtk("dcmcjpeg", "+e1"),
    "JPEG baseline": _dcmtk("dcmcjpeg", "+eb", "+q", "90", "+un"),
    "JPEG-LS": codec(JPEGLSLossless),
    "JPEG 2000": codec(JPEG2000Lossless),
}
