"""The rejection note: a Key Object Selection Document that takes delivered results back.

IHE's profile Imaging Object Change Management (IOCM) has archives hide what such a document lists. It tells four titles
of CID 7010 apart; two of them fit what an operator says of a result:

* ``quality``: (113001, DCM, Rejected for Quality Reasons). TID 2010 then asks why, of CID 7011, whose reasons are those
  of a radiograph (motion, exposure, positioning). None of them speaks of an analysis, so it is Other failure, and the
  operator's comment says which.
* ``incorrect``: (113037, DCM, Rejected for Patient Safety Reasons), the title of objects that may harm a patient when
  they are used. A wrong finding may. (113038) blames the worklist of the modality, so that an archive expects corrected
  images, and (113039) says that nobody needs the objects any longer.

The note is made from the report that is withdrawn, without plugin, source or ledger, so it can be made years later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, tzinfo

from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from node.report import identity, key_objects, provenance, source
from node.report.evidence import Reference
from node.states import Reason

KIND = "rejection"

#: Reason -> title of the document, what modifies it, and the words for a person.
_TITLES: Mapping[Reason, tuple[tuple[CodedConcept, ...], str]] = {
    Reason.QUALITY: (
        (
            CodedConcept("113001", "DCM", "Rejected for Quality Reasons"),
            CodedConcept("111220", "DCM", "Other failure"),
        ),
        "their quality does not suffice",
    ),
    Reason.INCORRECT: (
        (CodedConcept("113037", "DCM", "Rejected for Patient Safety Reasons"),),
        "they are incorrect",
    ),
}

#: What the note has in common with the report: patient, study, order and equipment.
_SHARED = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "TimezoneOffsetFromUTC",
    "ReferencedRequestSequence",
    "InstanceNumber",
    "Manufacturer",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "StationName",
    "ContributingEquipmentSequence",
    "ContentQualification",
)
#: From the series of reports to that of rejection notes, as :mod:`node.report.provenance` numbers them.
_SERIES_OFFSET = 8


def rejection(
    report: Dataset, listed: Sequence[Reference], reason: Reason, comment: str = "", moment: float = 0.0
) -> Dataset:
    """The note that withdraws `listed`, complete with File Meta Information.

    The same arguments give the same bytes; its UID follows from the report's and the title alone.

    Args:
        report: the complete report (kind ``sr``) of the withdrawn analysis, as this node wrote it.
        listed: every object that is withdrawn, one or more; else :class:`~node.errors.ReportError`.
        reason: decides the title.
        comment: the operator's own words.
        moment: seconds since the epoch: when it was withdrawn.
    """
    title, why = _TITLES[reason]
    ds = Dataset()
    for keyword in _SHARED:
        if (found := source.element(report, keyword)) is not None:
            ds[found.tag] = deepcopy(found)
    ds.SOPClassUID = KeyObjectSelectionDocumentStorage
    ds.SOPInstanceUID = identity.derived_uid(KIND, report.SOPInstanceUID, title[0].value)
    _add_series(ds, report)
    _add_times(ds, moment)
    words = f"Withdrawn by the operator of the node that made them, because {why}: {_whose(report)}. {comment}".rstrip()
    key_objects.fill(ds, title, words, [key_objects.listed_result(reference) for reference in listed])
    return provenance.finished(ds, report)


def moment_of(note: Dataset) -> float:
    """When the note says that it was made: seconds since the epoch."""
    moment = datetime.strptime(f"{note.ContentDate}{note.ContentTime}", "%Y%m%d%H%M%S")
    return moment.replace(tzinfo=_zone(note)).timestamp()


def _add_series(ds: Dataset, report: Dataset) -> None:
    """One series for all rejection notes of a plugin in a study."""
    ds.Modality = "KO"
    ds.SeriesInstanceUID = identity.derived_uid("series", report.StudyInstanceUID, report.ManufacturerModelName, KIND)
    ds.SeriesNumber = report.SeriesNumber + _SERIES_OFFSET
    whose, _, ending = report.SeriesDescription.rpartition(" report")
    ending = f" withdrawn{ending}"
    ds.SeriesDescription = whose[: 64 - len(ending)] + ending


def _add_times(ds: Dataset, moment: float) -> None:
    local = datetime.fromtimestamp(int(moment), UTC).astimezone(_zone(ds))
    ds.InstanceCreationDate = ds.ContentDate = local.strftime("%Y%m%d")
    ds.InstanceCreationTime = ds.ContentTime = local.strftime("%H%M%S")


def _zone(ds: Dataset) -> tzinfo | None:
    """The report's time zone, UTC when it names none, as in every result."""
    offset = source.value(ds, "TimezoneOffsetFromUTC")
    return datetime.strptime(offset, "%z").tzinfo if offset else UTC


def _whose(report: Dataset) -> str:
    return f"results of {report.ManufacturerModelName} {report.SoftwareVersions[0]}"
