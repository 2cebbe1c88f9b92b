"""DICOM files to send."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from node.deliver import Outgoing

DX = "1.2.840.10008.5.1.4.1.1.1.1"
SC = "1.2.840.10008.5.1.4.1.1.7"
SR = "1.2.840.10008.5.1.4.1.1.88.33"
SR_3D = "1.2.840.10008.5.1.4.1.1.88.34"
STUDY = "1.2.826.0.1.3680043.10.1"


def dicom_file(
    folder: Path, sop_class_uid: str = SC, transfer_syntax_uid: str = ExplicitVRLittleEndian, size: int = 0
) -> Outgoing:
    """Write a file with a new SOP Instance UID, and `size` bytes more than it needs."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class_uid, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = STUDY, f"{STUDY}.1"
    ds.PatientName, ds.PatientID, ds.Modality = "Doe^Jane", "4711", "OT"
    if size:
        ds.add_new(0x00420011, "OB", bytes(size))
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = transfer_syntax_uid
    path = folder / f"{ds.SOPInstanceUID}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return Outgoing(str(ds.SOPInstanceUID), sop_class_uid, STUDY, path)


def results(folder: Path, count: int = 2) -> list[Outgoing]:
    """Heatmaps and reports in turn."""
    return [dicom_file(folder, SR if number % 2 else SC) for number in range(count)]
