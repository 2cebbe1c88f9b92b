"""What a result object of this node says of its patient, its study and its maker.

Our own objects are read, but their identity was copied from strangers as it came: whatever is not there is empty.
"""

from __future__ import annotations

from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue

from node.account import Account
from node.export.exported import Algorithm, Identity


def read_header(path: Path) -> Dataset:
    """The object without its pixels; an empty one when it cannot be read, as after a purge."""
    try:
        return pydicom.dcmread(path, stop_before_pixels=True)
    except (OSError, EOFError, ValueError, InvalidDicomError):
        return Dataset()


def text(ds: Dataset, keyword: str) -> str:
    """The value as text, several with a backslash between them; empty when there is none."""
    value = ds.get(keyword)
    several = value if isinstance(value, MultiValue) else [value]
    return "\\".join(str(one) for one in several if one is not None).strip()


def identity(ds: Dataset) -> Identity:
    """Who and what the object is about."""
    return Identity(
        patient_name=text(ds, "PatientName"),
        patient_id=text(ds, "PatientID"),
        issuer_of_patient_id=text(ds, "IssuerOfPatientID"),
        patient_birth_date=text(ds, "PatientBirthDate"),
        patient_sex=text(ds, "PatientSex"),
        accession_number=text(ds, "AccessionNumber"),
        study_id=text(ds, "StudyID"),
        study_date=text(ds, "StudyDate"),
        study_time=text(ds, "StudyTime"),
        timezone_offset_from_utc=text(ds, "TimezoneOffsetFromUTC"),
        study_description=text(ds, "StudyDescription"),
        referring_physician_name=text(ds, "ReferringPhysicianName"),
    )


def algorithm(account: Account, ds: Dataset) -> Algorithm:
    """Who made the object, by its Contributing Equipment (PS3.3 C.12.1.1.5)."""
    maker = next(iter(ds.get("ContributingEquipmentSequence") or ()), Dataset())
    return Algorithm(
        name=account.plugin,
        version=account.version,
        title=account.title,
        manufacturer=text(maker, "Manufacturer"),
        serial_number=text(maker, "DeviceSerialNumber"),
        device_uid=text(maker, "DeviceUID"),
        research_only=text(ds, "ContentQualification") in ("", "RESEARCH"),
    )


def number(ds: Dataset) -> int:
    """Instance Number (0020,0013); 0 when there is none."""
    value = text(ds, "InstanceNumber")
    return int(value) if value.isdecimal() else 0
