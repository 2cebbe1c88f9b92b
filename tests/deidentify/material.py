"""Objects to be made free of a patient, and what makes them so."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from node.confidentiality import Choices
from node.deidentify import Deidentifier, Pseudonyms

CANARY = "KANARI"
PSEUDONYMS = Pseudonyms(b"k" * 32)


def image(**values: Any) -> Dataset:
    """A film without pixels. Args: values: its further attributes."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = "1.2.3.2", "1.2.3.3", "DX"
    ds.PatientName, ds.PatientID = f"{CANARY}^Anna", f"{CANARY}1"
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.SourceApplicationEntityTitle = CANARY
    return ds


def copied(ds: Dataset, *, ours: bool = False, **choices: Any) -> Dataset:
    """Its copy. Args: choices: of :class:`Choices`."""
    return Deidentifier(PSEUDONYMS, Choices(**choices)).apply(ds, is_ours=ours)


def item(**values: Any) -> Dataset:
    """An item of a sequence."""
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds
