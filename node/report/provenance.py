"""The header of a result: patient and study as in the source, the equipment that made it, and when.

The clause for all of it is the composite IOD's common modules: PS3.3 C.7.1.1, C.7.2.1, C.7.3.1, C.7.5.1 and C.12.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from pydicom.charset import python_encoding
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from node import __version__
from node.implementation import IMPLEMENTATION_CLASS_UID
from node.report import identity, source
from node.report.codes import PROCESSING_EQUIPMENT
from node.study import MANUFACTURER, Analysis

#: Copied as they are; a type 2 element that the source lacks is written empty.
_TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "StudyID",
    "ReferringPhysicianName",
)
_TYPE_3 = (
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "IssuerOfAccessionNumberSequence",
    "StudyDescription",
    "TimezoneOffsetFromUTC",
)
_COPIED = frozenset(tag_for_keyword(keyword) for keyword in (*_TYPE_2, *_TYPE_3))
#: A name or an id is kept as received even where it breaks its VR: it says whose result this is.
_IDENTIFYING = ("PatientName", "PatientID", "AccessionNumber", "IssuerOfPatientID")
_SEXES = ("", "M", "F", "O")
#: What is written in the character set of the object.
_WORDS = frozenset(("PN", "LO", "SH", "LT", "ST", "UT", "UC"))

#: Kind of object -> (words in the Series Description, offset from the plugin's series number).
_SERIES = {
    "sc": ("heatmap", 0),
    "sr": ("report", 1),
    "viewer-sr": ("regions", 2),
    "gsps": ("marks", 3),
    "seg": ("segments", 4),
    "pm": ("evidence", 5),
    "pdf": ("page", 6),
    "ko": ("list of results", 7),
    "comprehensive-sr": ("report", 8),
    "rejection": ("withdrawn", 9),
}
_RESEARCH = "RESEARCH - not for diagnosis"


@dataclass(frozen=True)
class Role:
    """Which object of an analysis is being made.

    Attributes:
        kind: one of :data:`node.kinds.KINDS`, or ``rejection``.
        sop_class_uid: of the object.
        modality: (0008,0060) of its series.
        index: counts the objects of that kind, from 0.
    """

    kind: str
    sop_class_uid: UID
    modality: str
    index: int = 0


def head(analysis: Analysis, origin: Dataset, role: Role) -> Dataset:
    """A data set with all common modules; `origin` is the header that patient and study are copied from."""
    ds = Dataset()
    _copy_patient_and_study(ds, origin)
    ds.StudyInstanceUID = analysis.study_instance_uid
    _add_series(ds, analysis, role)
    _add_equipment(ds, analysis)
    _add_times(ds, analysis)
    ds.SOPClassUID = role.sop_class_uid
    ds.SOPInstanceUID = identity.instance_uid(analysis, role.kind, role.index)
    if analysis.manifest.research_only:
        ds.ContentQualification = "RESEARCH"
    return ds


def finished(ds: Dataset, origin: Dataset) -> Dataset:
    """`ds`, completed by its character set and File Meta Information: ready to be written."""
    terms = _character_set(ds, origin)
    if terms:
        ds.SpecificCharacterSet = terms
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = f"{MANUFACTURER} {__version__}"[:16].upper()
    ds.file_meta = meta
    ds.preamble = bytes(128)
    return ds


def _copy_patient_and_study(ds: Dataset, origin: Dataset) -> None:
    for keyword in _TYPE_2:
        setattr(ds, keyword, "")
    for keyword in (*_TYPE_2, *_TYPE_3):
        found = source.element(origin, keyword)
        if found is not None and _is_fit(keyword, found):
            ds[found.tag] = deepcopy(found)


def _is_fit(keyword: str, found: DataElement) -> bool:
    if keyword == "PatientSex":
        return found.value in _SEXES
    return keyword in _IDENTIFYING or found.VR == "SQ" or source.is_valid(found)


def _add_series(ds: Dataset, analysis: Analysis, role: Role) -> None:
    manifest = analysis.manifest
    words, offset = _SERIES[role.kind]
    ds.Modality = role.modality
    ds.SeriesInstanceUID = identity.series_uid(analysis, role.kind)
    ds.SeriesNumber = manifest.series_number + offset
    ds.InstanceNumber = (analysis.revision - 1) * 10_000 + role.index + 1  # newest last: viewers take the last
    ending = f" {words}" + (f", {_RESEARCH}" if manifest.research_only else "")
    ds.SeriesDescription = f"AI {manifest.name} {manifest.version}"[: 64 - len(ending)] + ending


def _add_equipment(ds: Dataset, analysis: Analysis) -> None:
    manifest = analysis.manifest
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = manifest.name[:64]
    ds.DeviceSerialNumber = manifest.digest[:64]
    ds.SoftwareVersions = [manifest.version[:64], f"{MANUFACTURER} {__version__}"]
    if analysis.station_name:
        ds.StationName = analysis.station_name[:16]
    ds.ContributingEquipmentSequence = [_algorithm(analysis)]


def _algorithm(analysis: Analysis) -> Dataset:
    """The algorithm as contributing equipment (PS3.3 C.12.1.1.5)."""
    manifest = analysis.manifest
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [deepcopy(PROCESSING_EQUIPMENT)]
    item.Manufacturer = manifest.manufacturer[:64]
    item.ManufacturerModelName = manifest.name[:64]
    item.DeviceSerialNumber = manifest.digest[:64]
    item.DeviceUID = identity.device_uid(analysis)
    item.SoftwareVersions = manifest.version[:64]
    item.ContributionDateTime = _utc(analysis).strftime("%Y%m%d%H%M%S+0000")
    item.ContributionDescription = manifest.title[:1024]
    return item


def _utc(analysis: Analysis) -> datetime:
    return datetime.fromtimestamp(int(analysis.started), UTC)


def _add_times(ds: Dataset, analysis: Analysis) -> None:
    """Content and creation time are the start of the analysis, in the source's own time zone when it names one.

    Timezone Offset (0008,0201) would also speak for the copied study time, so none is made up; without it they are UTC.
    """
    moment = _utc(analysis).astimezone(_zone(ds))
    ds.InstanceCreationDate = ds.ContentDate = moment.strftime("%Y%m%d")
    ds.InstanceCreationTime = ds.ContentTime = moment.strftime("%H%M%S")


def _zone(ds: Dataset) -> timezone:
    match = re.fullmatch(r"([+-])(0\d|1[0-4])([0-5]\d)", source.value(ds, "TimezoneOffsetFromUTC"))
    if match is None:
        ds.pop("TimezoneOffsetFromUTC", None)
        return UTC
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)


def _character_set(ds: Dataset, origin: Dataset) -> list[str]:
    """The source's terms (PS3.3 C.12.1.1.2) where they hold all texts, else UTF-8; empty for plain ASCII."""
    terms = list(source.values(origin, "SpecificCharacterSet"))
    declared = any(terms)
    if not all(term in python_encoding for term in terms):
        return ["ISO_IR 192"]
    if not all(text.isascii() for text in _texts(ds, own_only=declared)):
        return ["ISO_IR 192"]
    return terms if declared else []


def _texts(ds: Dataset, own_only: bool) -> Iterator[str]:
    top = [found for found in ds if not (own_only and found.tag in _COPIED)]
    below = source.everything(item for found in top if found.VR == "SQ" for item in found.value)
    return (str(found.value) for found in (*top, *below) if found.VR in _WORDS)
