"""What modalities and archives tell of a study, as datasets: Modality Performed Procedure Step (PS3.4 annex F) and
Instance Availability Notification (PS3.4 annex R).

Of both only UIDs, codes and AE titles are read: who the patient is, they are not asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

from node.errors import PermanentError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PERFORMED_STEP = "1.2.840.10008.3.1.2.3.3"
AVAILABILITY = "1.2.840.10008.5.1.4.33"
#: Most instances that one of them may name: no study has so many.
MOST = 100_000
#: Most studies that one step may belong to.
MOST_STUDIES = 100
#: Why a step is discontinued, codes of DCM (PS3.16 CID 9300): those that tell of the procedure. Others tell of the
#: patient, and are not kept.
DISCONTINUED = {
    "110501": "equipment failure",
    "110502": "incorrect procedure ordered",
    "110510": "duplicate order",
    "110512": "incorrect side ordered",
    "110513": "discontinued for unspecified reason",
    "110514": "incorrect worklist entry selected",
    "110516": "equipment change",
}
#: Of these the one after which the images are somebody else's.
WRONG_ENTRY = "110514"

#: Type 1 of N-CREATE (PS3.4 table F.7.2-1), beside what is read.
_REQUIRED = (
    "PerformedProcedureStepID",
    "PerformedStationAETitle",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "Modality",
)
_UID = re.compile(r"[0-9.]{1,64}")
_AE_TITLE = re.compile(r"[ -\[\]-~]{0,16}")


class Kind(StrEnum):
    """Which of both."""

    STEP = "MPPS"
    AVAILABILITY = "IAN"


class StepStatus(StrEnum):
    """Performed Procedure Step Status (0040,0252)."""

    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"


class Availability(StrEnum):
    """Instance Availability (0008,0056), PS3.3 C.4.23.1.1."""

    ONLINE = "ONLINE"
    NEARLINE = "NEARLINE"
    OFFLINE = "OFFLINE"
    UNAVAILABLE = "UNAVAILABLE"


class Fault(Enum):
    """What is wrong with a dataset."""

    MISSING = "missing"
    EMPTY = "without value"
    INVALID = "invalid"
    TOO_MANY = "too many"


class Outcome(Enum):
    """What became of it."""

    TAKEN = 1
    DUPLICATE = 2  # there is one of this SOP Instance UID
    UNKNOWN = 3  # there is none
    ENDED = 4  # it is COMPLETED or DISCONTINUED, and stays as it is
    OTHER_STUDIES = 5  # to what it belongs cannot be changed


class Refused(PermanentError):
    """The dataset is none of these. Args: fault; keyword: of the attribute."""

    def __init__(self, fault: Fault, keyword: str) -> None:
        super().__init__(f"{keyword} is {fault.value}")
        self.fault, self.keyword = fault, keyword


@dataclass(frozen=True)
class Named:
    """An instance that there is. `availability`, `retrieve_ae`: where it can be had; empty: it is not said."""

    series_instance_uid: str
    sop_instance_uid: str
    availability: str = ""
    retrieve_ae: str = ""


@dataclass(frozen=True)
class Step:
    """What a message says of a performed procedure step; None and no studies: nothing of that.

    Attributes:
        studies: Study Instance UIDs of the Scheduled Step Attributes Sequence.
        named: images and other objects of the Performed Series Sequence.
        discontinued: of :data:`DISCONTINUED`; empty when none of them is given.
    """

    status: StepStatus | None
    studies: tuple[str, ...]
    named: tuple[Named, ...] | None
    discontinued: str = ""


@dataclass(frozen=True)
class Notification:
    """What an Instance Availability Notification says."""

    study_instance_uid: str
    named: tuple[Named, ...]


def is_uid(text: str) -> bool:
    """Whether it may stand in the ledger as one; components with leading zeros are forgiven."""
    return _UID.fullmatch(text) is not None


def created_step(ds: Dataset) -> Step:
    """Of an N-CREATE (PS3.4 F.7.2.1); raises :class:`Refused`."""
    for keyword in _REQUIRED:
        _text(ds, keyword)
    if _status(ds) is not StepStatus.IN_PROGRESS:
        raise Refused(Fault.INVALID, "PerformedProcedureStepStatus")
    return Step(StepStatus.IN_PROGRESS, _studies(ds), _performed(ds))


def changed_step(ds: Dataset) -> Step:
    """Of an N-SET (PS3.4 F.7.2.2); raises :class:`Refused`.

    A step that ends without any series is taken, although there should be one: who refuses it waits for its end.
    """
    return Step(
        _status(ds) if "PerformedProcedureStepStatus" in ds else None,
        _studies(ds) if "ScheduledStepAttributesSequence" in ds else (),
        _performed(ds),
        _discontinued(ds),
    )


def notification(ds: Dataset) -> Notification:
    """Of an N-CREATE (PS3.4 R.3.2.1); raises :class:`Refused`."""
    study = _uid(ds, "StudyInstanceUID")
    found = {}
    for series in _items(ds, "ReferencedSeriesSequence"):
        series_uid = _uid(series, "SeriesInstanceUID")
        for one in _items(series, "ReferencedSOPSequence"):
            uid, where = _reference(one), _availability(one)
            found[uid] = Named(series_uid, uid, *where)
            _not_too_many(found, "ReferencedSOPSequence")
    return Notification(study, tuple(found.values()))


def _status(ds: Dataset) -> StepStatus:
    text = _text(ds, "PerformedProcedureStepStatus")
    if text not in tuple(StepStatus):
        raise Refused(Fault.INVALID, "PerformedProcedureStepStatus")
    return StepStatus(text)


def _studies(ds: Dataset) -> tuple[str, ...]:
    items = _items(ds, "ScheduledStepAttributesSequence")
    if len(items) > MOST_STUDIES:
        raise Refused(Fault.TOO_MANY, "ScheduledStepAttributesSequence")
    return tuple(sorted({_uid(one, "StudyInstanceUID") for one in items}))


def _performed(ds: Dataset) -> tuple[Named, ...] | None:
    if "PerformedSeriesSequence" not in ds:
        return None
    found = {}
    for series in _items(ds, "PerformedSeriesSequence", required=False):
        series_uid = _uid(series, "SeriesInstanceUID")
        for one in _objects(series):
            uid = _reference(one)
            found[uid] = Named(series_uid, uid)
            _not_too_many(found, "ReferencedImageSequence")
    return tuple(found.values())


def _objects(series: Dataset) -> Iterator[Dataset]:
    for keyword in ("ReferencedImageSequence", "ReferencedNonImageCompositeSOPInstanceSequence"):
        yield from _items(series, keyword, required=False)


def _discontinued(ds: Dataset) -> str:
    """Only a code of the table: what else is written there may be anything."""
    codes = _items(ds, "PerformedProcedureStepDiscontinuationReasonCodeSequence", required=False)
    told = [str(one.get("CodeValue", "")).strip() for one in codes if one.get("CodingSchemeDesignator") == "DCM"]
    return next((code for code in told if code in DISCONTINUED), "")


def _reference(item: Dataset) -> str:
    _uid(item, "ReferencedSOPClassUID")
    return _uid(item, "ReferencedSOPInstanceUID")


def _availability(item: Dataset) -> tuple[str, str]:
    availability, retrieve_ae = _text(item, "InstanceAvailability"), _text(item, "RetrieveAETitle")
    if availability not in tuple(Availability):
        raise Refused(Fault.INVALID, "InstanceAvailability")
    if not _AE_TITLE.fullmatch(retrieve_ae):
        raise Refused(Fault.INVALID, "RetrieveAETitle")
    return availability, retrieve_ae


def _not_too_many(found: dict[str, Named], keyword: str) -> None:
    if len(found) > MOST:
        raise Refused(Fault.TOO_MANY, keyword)


def _uid(ds: Dataset, keyword: str) -> str:
    text = _text(ds, keyword)
    if not is_uid(text):
        raise Refused(Fault.INVALID, keyword)
    return text


def _text(ds: Dataset, keyword: str) -> str:
    if keyword not in ds:
        raise Refused(Fault.MISSING, keyword)
    value = ds.get(keyword)
    text = "" if value is None else str(value).strip("\0 ")
    if not text:
        raise Refused(Fault.EMPTY, keyword)
    return text


def _items(ds: Dataset, keyword: str, *, required: bool = True) -> list[Dataset]:
    """The items of a sequence. Args: required: there has to be one."""
    from pydicom.sequence import Sequence  # the ledger needs the values of this file alone

    if keyword not in ds:
        if required:
            raise Refused(Fault.MISSING, keyword)
        return []
    value = ds.get(keyword)
    if not value:
        if required:
            raise Refused(Fault.EMPTY, keyword)
        return []
    if not isinstance(value, Sequence):
        raise Refused(Fault.INVALID, keyword)
    return list(value)
