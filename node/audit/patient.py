"""Who a study is about, for a collector that may know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_TAGS = ("PatientID", "PatientName", "AccessionNumber", "SpecificCharacterSet")


@dataclass(frozen=True)
class Patient:
    """As an object of the study names them; empty where it does not."""

    patient_id: str = ""
    name: str = ""
    accession_number: str = ""


#: Nobody is named.
NOBODY = Patient()


def read_patient(path: Path) -> Patient | None:
    """Of a DICOM file; None when it cannot be read: it came from strangers, or was purged."""
    import pydicom  # here: without `audit.phi` the node needs none of it for this

    try:
        ds = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
        return Patient(*(str(ds.get(tag) or "").strip() for tag in _TAGS[:3]))
    except Exception:  # an edge: whatever a broken header makes pydicom raise
        return None
