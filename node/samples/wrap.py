"""Wraps a JPEG film as a DICOM file, the compressed bytes unchanged: ``python -m node.samples.wrap FILM.jpg OUT.dcm``.

UIDs are derived from the bytes (PS3.5 B.2), so that the same film is the same instance wherever it is wrapped.
"""

from __future__ import annotations

import argparse
import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path

import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ComputedRadiographyImageStorage, JPEGBaseline8Bit


@dataclass(frozen=True)
class Film:
    """What is known of a film beside its pixels. `age` as in PatientAge, e.g. ``036Y``; `view` AP, PA or empty."""

    patient: str
    age: str = ""
    sex: str = ""
    view: str = ""
    description: str = "Chest film"


def wrap(jpeg: Path, film: Film) -> Dataset:
    """A CR image (PS3.3 A.2) around the bytes of a grey 8-bit baseline JPEG; raises ValueError for any other."""
    data = jpeg.read_bytes()
    with Image.open(jpeg) as image:
        if image.format != "JPEG" or image.mode != "L" or image.info.get("progressive"):
            raise ValueError(f"{jpeg} is no grey baseline JPEG")
        columns, rows = image.size
    ds = Dataset()
    _identify(ds, film, hashlib.sha256(data).hexdigest())
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.WindowCenter, ds.WindowWidth = "128", "256"
    ds.LossyImageCompression, ds.LossyImageCompressionMethod = "01", "ISO_10918_1"
    ds.LossyImageCompressionRatio = f"{rows * columns / len(data):.1f}"
    ds.PixelData = encapsulate([data])
    ds["PixelData"].VR = "OB"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def _identify(ds: Dataset, film: Film, digest: str) -> None:
    study, series, instance = (_uid(f"{kind} {digest}") for kind in ("study", "series", "instance"))
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.SOPClassUID, ds.SOPInstanceUID = ComputedRadiographyImageStorage, instance
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "20260101", "120000", ""
    ds.Modality, ds.Manufacturer, ds.ReferringPhysicianName = "CR", "", ""
    ds.StudyDescription, ds.SeriesDescription = film.description, film.description
    ds.PatientName, ds.PatientID = film.patient.replace("-", "^"), film.patient
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = "", film.sex, film.age
    ds.BodyPartExamined, ds.ViewPosition = "CHEST", film.view
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = "1", 1, 1
    ds.PatientOrientation = ["L", "F"]


def _uid(name: str) -> str:
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'radnode sample {name}').int}"


def main() -> None:
    """Wrap one film."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jpeg", type=Path)
    parser.add_argument("out", type=Path)
    for name, default in (("patient", "sample"), ("age", ""), ("sex", ""), ("view", ""), ("description", "Chest film")):
        parser.add_argument(f"--{name}", default=default)
    a = parser.parse_args()
    ds = wrap(a.jpeg, Film(a.patient, a.age, a.sex, a.view, a.description))
    pydicom.dcmwrite(a.out, ds, enforce_file_format=True)


if __name__ == "__main__":
    main()
