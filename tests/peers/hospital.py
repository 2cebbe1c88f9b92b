"""Studies to send: one builder, and the real samples."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from node.samples import sample_paths

SOP_CLASSES = {
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
}
#: In every patient's name and id: it must never be seen in a log or on the operator's screen.
CANARY = "KANARI"


class Hospital:
    """Makes images whose UIDs no other hospital has. Args: folder: where files are written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._root = f"1.2.826.0.1.3680043.8.498.{uuid.uuid4().int % 10**12}"

    def study_uid(self, patient: int = 1, study: int = 1) -> str:
        """Study Instance UID."""
        return f"{self._root}.{patient}.{study}"

    def image(
        self,
        patient: int = 1,
        study: int = 1,
        series: int = 1,
        image: int = 1,
        modality: str = "DX",
        size: int = 32,
        **changes: Any,
    ) -> Dataset:
        """One image; each further keyword sets an attribute, None removes it."""
        ds = Dataset()
        ds.SOPClassUID = SOP_CLASSES[modality]
        ds.StudyInstanceUID = self.study_uid(patient, study)
        ds.SeriesInstanceUID = f"{ds.StudyInstanceUID}.{series}"
        ds.SOPInstanceUID = f"{ds.SeriesInstanceUID}.{image}"
        ds.PatientName, ds.PatientID = f"{CANARY}^Patient{patient}", f"{CANARY}{patient}"
        ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = "19601230", "F", "065Y"
        ds.StudyDate, ds.StudyTime, ds.StudyID = "20260102", "101112", f"{study}"
        ds.AccessionNumber, ds.ReferringPhysicianName = f"A{patient}-{study}", ""
        ds.Modality, ds.SeriesNumber, ds.InstanceNumber = modality, series, image
        ds.Manufacturer, ds.SeriesDescription = "Maker", f"{modality} {series}"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"] if modality in ("CT", "MR") else ["ORIGINAL", "PRIMARY"]
        _place(ds, modality, image)
        _pixels(ds, modality, size, patient * 1000 + study * 100 + series * 10 + image)
        for keyword, value in changes.items():
            if value is None:
                delattr(ds, keyword)
            else:
                setattr(ds, keyword, value)
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        return ds

    def write(self, ds: Dataset, name: str = "") -> Path:
        """As a Part 10 file."""
        path = self.folder / f"{name or ds.SOPInstanceUID}.dcm"
        ds.save_as(path, enforce_file_format=True)
        return path

    def film(self, patient: int = 1, study: int = 1, modality: str = "DX", **changes: Any) -> Path:
        """A study of one image."""
        return self.write(self.image(patient, study, modality=modality, **changes))

    def slices(self, count: int, patient: int = 1, study: int = 1, series: int = 2, modality: str = "CT") -> list[Path]:
        """A study of one series of so many slices."""
        return [self.write(self.image(patient, study, series, number, modality)) for number in range(1, count + 1)]

    def samples(self, *names: str) -> list[Path]:
        """Real images as a study of this hospital: new UIDs and a new patient; all, or those in folders so named."""
        wanted = [path for path in sample_paths() if not names or path.parent.name in names]
        return [self.write(self._renamed(pydicom.dcmread(path), path.parent.name)) for path in wanted]

    def _renamed(self, ds: Dataset, study: str) -> Dataset:
        patient = int(study.split("-")[0]) + 100
        ds.StudyInstanceUID, series = self.study_uid(patient), ds.SeriesInstanceUID
        ds.SeriesInstanceUID = f"{ds.StudyInstanceUID}.{_number(series)}"
        ds.SOPInstanceUID = f"{ds.SeriesInstanceUID}.{_number(ds.SOPInstanceUID)}"
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.PatientName, ds.PatientID = f"{CANARY}^Patient{patient}", f"{CANARY}{patient}"
        ds.AccessionNumber = f"A{patient}-1"
        return ds


def uids(paths: Iterable[Path]) -> list[str]:
    """SOP Instance UIDs of files."""
    return [str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID) for path in paths]


def study_uids(paths: Iterable[Path]) -> list[str]:
    """Study Instance UIDs of files, each once."""
    found = (str(pydicom.dcmread(path, specific_tags=["StudyInstanceUID"]).StudyInstanceUID) for path in paths)
    return list(dict.fromkeys(found))


def _number(uid: str) -> int:
    return uuid.uuid5(uuid.NAMESPACE_OID, uid).int % 10**7


def _place(ds: Dataset, modality: str, image: int) -> None:
    if modality in ("CT", "MR"):
        ds.FrameOfReferenceUID = f"{ds.StudyInstanceUID}.9"
        ds.PositionReferenceIndicator = ""
        ds.ImageOrientationPatient, ds.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, float(image)]
        ds.PixelSpacing, ds.SliceThickness = [1, 1], 1
        ds.BodyPartExamined = "HEAD"
    else:
        ds.BodyPartExamined, ds.ViewPosition, ds.Laterality = "CHEST", "PA", ""
        ds.PatientOrientation, ds.ImagerPixelSpacing = ["L", "F"], [0.2, 0.2]


def _pixels(ds: Dataset, modality: str, size: int, seed: int) -> None:
    stored = np.random.default_rng(seed).integers(0, 4096, (size, size), dtype=np.uint16)
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = size
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.WindowCenter, ds.WindowWidth = 2048, 4096
    if modality in ("CT", "DX"):
        ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "HU" if modality == "CT" else "US"
    if modality == "DX":
        ds.PresentationIntentType, ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = (
            "FOR PRESENTATION",
            "LOG",
            -1,
        )
    ds.PixelData = stored.tobytes()
