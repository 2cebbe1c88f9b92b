"""What is wanted of an archive, and whether an answer fits it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime

from pydicom.dataset import Dataset

from node.errors import PermanentError

#: PS3.5 6.2 and 9.1, with what archives get wrong (leading zeros) let pass.
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_DATES = re.compile(r"(\d{8})?(-?)(\d{8})?")
_ISO_DATE = re.compile(r"(?<!\d)(\d{4})-(\d\d)-(\d\d)(?!\d)")
_CODE = re.compile(r"[A-Z0-9_ ]{1,16}")  # CS, PS3.5 6.2
#: So many instances that an archive could not send are kept.
_MOST_FAILED = 1000


def is_uid(text: str) -> bool:
    """Whether it can be a UID."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def is_code(text: str) -> bool:
    """Whether it can be a Code String."""
    return _CODE.fullmatch(text) is not None


def dicom_dates(text: str) -> str:
    """A date, or a range, as people write them (ISO 8601), as DICOM has them; what is neither stays as it is.

    2026-11-28 -> 20261128; 2026-11-01/2026-11-30 -> 20261101-20261130; 2026-11-01/ -> 20261101-.
    """
    return _ISO_DATE.sub(r"\1\2\3", text.strip()).replace("/", "-")


@dataclass(frozen=True)
class Wanted:
    """Studies: all conditions that are given must hold, and one at least is given.

    Attributes:
        study: Study Instance UID.
        patient: Patient ID; never a part of one.
        accession: Accession Number; the same.
        modality: one of Modalities in Study.
        date: Study Date, YYYYMMDD, or a range YYYYMMDD-YYYYMMDD of which one end may be left out.
        body_part: Body Part Examined of one of its series.
        issuer, born, sex: of the patient (0010,0021), (0010,0030), (0010,0040); a study of which the archive tells
            another is none. Not asked for by them: few archives know all of these.

    Raises :class:`PermanentError` when it makes no sense.
    """

    study: str = ""
    patient: str = ""
    accession: str = ""
    modality: str = ""
    date: str = ""
    body_part: str = ""
    issuer: str = ""
    born: str = ""
    sex: str = ""

    def __post_init__(self) -> None:
        if not any(getattr(self, one.name) for one in fields(self)):
            hint = "give --study, --patient, --accession, --modality, --date or --body-part"
            raise PermanentError("nothing says which studies are wanted", hint=hint)
        if self.study and not is_uid(self.study):
            raise PermanentError("this is no UID", about=self.study)
        for name, longest in (("patient", 64), ("accession", 16)):
            text = getattr(self, name)
            if len(text) > longest or any(char in "*?\\" or not char.isprintable() for char in text):
                hint = f"{longest} characters at most, and no wildcards: another patient's studies must not come"
                raise PermanentError(f"--{name} cannot be asked for", hint=hint)
        for text in (self.modality, self.body_part):
            if text and not is_code(text):
                raise PermanentError("this is no code", about=text, hint="capital letters, digits, _; 16 at most")
        _ = self._dates()

    def _dates(self) -> tuple[str, str]:
        """First and last day; empty where there is no limit."""
        if not self.date:
            return "", ""
        match = _DATES.fullmatch(self.date)
        first, dash, last = match.groups("") if match else ("", "", "")
        hint = "2026-11-28, 2026-11-01/2026-11-30, 2026-11-01/ or /2026-11-30; or as DICOM has it, 20261101-20261130"
        try:
            days = [datetime.strptime(day, "%Y%m%d") for day in (first, last) if day]
        except ValueError:
            days = []
        if not days or days != sorted(days) or (last and not dash):
            raise PermanentError("this is no date or range of dates", about=self.date, hint=hint)
        return first, last if dash else first

    def keys(self) -> Dataset:
        """The Identifier of the C-FIND at level STUDY (PS3.4 C.6.2.1), with what is to be told of each study."""
        ds = Dataset()
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.QueryRetrieveLevel = "STUDY"
        ds.StudyInstanceUID, ds.PatientID, ds.AccessionNumber = self.study, self.patient, self.accession
        ds.StudyDate, ds.ModalitiesInStudy = self.date, self.modality
        ds.NumberOfStudyRelatedInstances = None
        for keyword, value in self._person.items():
            if value:
                setattr(ds, keyword, "")
        return ds

    @property
    def told(self) -> dict[str, str]:
        """What is asked for, by keyword, as far as others may read it."""
        keys = {"StudyInstanceUID": self.study, "StudyDate": self.date, "ModalitiesInStudy": self.modality}
        return {keyword: value for keyword, value in {**keys, "BodyPartExamined": self.body_part}.items() if value}

    @property
    def withheld(self) -> tuple[str, ...]:
        """Keywords of the rest, whose values are of patients."""
        keys = {"PatientID": self.patient, "AccessionNumber": self.accession, **self._person}
        return tuple(keyword for keyword, value in keys.items() if value)

    @property
    def _person(self) -> dict[str, str]:
        """What tells apart who shares an id, by keyword."""
        return {"IssuerOfPatientID": self.issuer, "PatientBirthDate": self.born, "PatientSex": self.sex}

    def _is_of_the_patient(self, ds: Dataset) -> bool:
        told = ((value, text_of(ds, keyword)) for keyword, value in self._person.items())
        return all(not mine or not theirs or mine == theirs for mine, theirs in told)

    def fits(self, ds: Dataset) -> bool:
        """Whether an answer is one to what was asked; raises anything when it cannot be read.

        Archives may ignore keys (PS3.4 C.2.2.1.3), and some ignore those that they must not. A patient's other studies
        are an annoyance, another patient's an incident.
        """
        first, last = self._dates()
        day = text_of(ds, "StudyDate")
        return (
            is_uid(text_of(ds, "StudyInstanceUID"))
            and self.study in ("", text_of(ds, "StudyInstanceUID"))
            and self.patient in ("", text_of(ds, "PatientID"))
            and self._is_of_the_patient(ds)
            and self.accession in ("", text_of(ds, "AccessionNumber"))
            and (not self.date or (day >= first and (not last or day <= last) and bool(day)))
            and (not self.modality or not ds.get("ModalitiesInStudy") or self.modality in modalities_of(ds))
        )

    @property
    def may_need_series(self) -> bool:
        """Whether :meth:`needs_series` may be true of a study."""
        return bool(self.body_part or self.modality)

    def needs_series(self, modalities: Iterable[str]) -> bool:
        """Whether only its series can say if a study is wanted. Args: modalities: that the archive told of it."""
        return bool(self.body_part or (self.modality and not list(modalities)))

    def fits_series(self, modality: str, body_part: str) -> bool:
        """Whether a series makes its study a wanted one."""
        return self.modality in ("", modality) and self.body_part in ("", body_part)


def series_keys(study_instance_uid: str) -> Dataset:
    """The Identifier of a C-FIND at level SERIES (PS3.4 C.6.2.1)."""
    ds = Dataset()
    ds.QueryRetrieveLevel, ds.StudyInstanceUID, ds.SeriesInstanceUID = "SERIES", study_instance_uid, ""
    ds.Modality, ds.BodyPartExamined, ds.NumberOfSeriesRelatedInstances = "", "", None
    return ds


def image_keys(study_instance_uid: str, series_instance_uid: str) -> Dataset:
    """The Identifier of a C-FIND at level IMAGE (PS3.4 C.6.2.1)."""
    ds = Dataset()
    ds.QueryRetrieveLevel, ds.StudyInstanceUID = "IMAGE", study_instance_uid
    ds.SeriesInstanceUID, ds.SOPInstanceUID = series_instance_uid, ""
    return ds


def class_keys(study_instance_uid: str, series_instance_uid: str = "") -> Dataset:
    """The Identifier of a C-FIND for the SOP classes of a study, or, at level IMAGE, of a series."""
    if series_instance_uid:
        ds = image_keys(study_instance_uid, series_instance_uid)
        ds.SOPClassUID = ""
        return ds
    ds = Dataset()
    ds.QueryRetrieveLevel, ds.StudyInstanceUID, ds.SOPClassesInStudy = "STUDY", study_instance_uid, ""
    return ds


def whole_study(study_instance_uid: str) -> Dataset:
    """The Identifier of a C-MOVE or C-GET for all of a study (PS3.4 C.6.2.1)."""
    ds = Dataset()
    ds.QueryRetrieveLevel, ds.StudyInstanceUID = "STUDY", study_instance_uid
    return ds


def instances_of(study_instance_uid: str, series_instance_uid: str, uids: Iterable[str]) -> Dataset:
    """The same for some instances of a series."""
    ds = Dataset()
    ds.QueryRetrieveLevel, ds.StudyInstanceUID = "IMAGE", study_instance_uid
    ds.SeriesInstanceUID, ds.SOPInstanceUID = series_instance_uid, list(uids)
    return ds


def failed_instances(ds: Dataset | None) -> tuple[str, ...]:
    """Failed SOP Instance UID List (0008,0058) of an answer, as far as it can be read; not more than are kept."""
    try:
        value = ds.get("FailedSOPInstanceUIDList") if ds is not None else None
        words = [value] if isinstance(value, str) else list(value or ())
    except Exception:  # the library raises anything on a value that is none
        return ()
    found = dict.fromkeys(str(word) for word in words if is_uid(str(word)))
    return tuple(found)[:_MOST_FAILED]


def text_of(ds: Dataset, keyword: str) -> str:
    """A value as text; empty when there is none."""
    value = ds.get(keyword)
    return "" if value is None else str(value).strip("\0 ")


def modalities_of(ds: Dataset) -> tuple[str, ...]:
    """Modalities in Study (0008,0061), those that are codes."""
    value = ds.get("ModalitiesInStudy") or ()
    words = [value] if isinstance(value, str) else list(value)
    return tuple(str(word) for word in words[:100] if _CODE.fullmatch(str(word)))
