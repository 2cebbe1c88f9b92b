"""One object made free of its patient."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset

from node.confidentiality import Choices, Dates, Keep
from node.deidentify.descriptions import clean_description
from node.deidentify.pixels import Region, clean
from node.deidentify.private import safe_elements
from node.deidentify.profile import REGISTERED, Action, action_on, basic_action_on
from node.deidentify.pseudonyms import Pseudonyms
from node.deidentify.reason import LeftOut
from node.deidentify.residue import Residue
from node.deidentify.structured import clean_content

#: Dummies by VR (PS3.15 E.1.1: "a non-zero length value that may be a dummy value").
_DUMMIES: dict[str, Any] = {
    "DA": "19000101", "DT": "19000101000000", "TM": "000000", "PN": "ANONYMOUS", "AS": "000Y", "CS": "ANONYMIZED",
    "DS": "0", "IS": "0", "AE": "ANONYMIZED", "OB": b"\0\0", "UI": "2.25.0", "US": 0, "UR": "urn:anonymized",
}  # fmt: skip
_CONTENT = tag_for_keyword("ContentSequence")
_OLDEST = "090Y"
#: Texts of our own objects, written by the node (among them that a result is for research only); the profile replaces
#: those of others.
_OUR_TEXTS = frozenset(
    {
        "UnformattedTextValue", "ContentDescription", "SegmentDescription", "GraphicLayerDescription", "TrackingID",
        "SeriesDescription", "DerivationDescription", "ContributionDescription",
    }
)  # fmt: skip
#: Coding schemes whose meanings are their own words, not a site's (PS3.16 table 8-1).
_PUBLIC_SCHEMES = frozenset(
    {"DCM", "SCT", "SRT", "SNM3", "LN", "RADLEX", "UCUM", "FMA", "UMLS", "I9C", "I10", "ICD-11"}
)
_DESCRIPTIVE = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
#: CID 7050, De-identification Method.
_METHODS = {
    "profile": ("113100", "Basic Application Confidentiality Profile"),
    "pixels": ("113101", "Clean Pixel Data Option"),
    "content": ("113104", "Clean Structured Content Option"),
    Dates.KEEP: ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    Dates.SHIFT: ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    Keep.PATIENT: ("113108", "Retain Patient Characteristics Option"),
    Keep.DEVICE: ("113109", "Retain Device Identity Option"),
    Keep.UIDS: ("113110", "Retain UIDs Option"),
    Keep.INSTITUTION: ("113112", "Retain Institution Identity Option"),
    Keep.SAFE_PRIVATE: ("113111", "Retain Safe Private Option"),
    "descriptors": ("113105", "Clean Descriptors Option"),
}


class Deidentifier:
    """Makes objects free of their patients.

    Args:
        pseudonyms: of the node.
        choices: options of the profile.
        regions: where text is burned into the pixels of which images.
    """

    def __init__(self, pseudonyms: Pseudonyms, choices: Choices, regions: Sequence[Region] = ()) -> None:
        self._pseudonyms, self._regions = pseudonyms, tuple(regions)
        self.choices = choices

    def apply(self, ds: Dataset, *, is_ours: bool) -> Dataset:
        """A copy without the patient.

        Args:
            ds: the object, with its file meta information.
            is_ours: a result of this node: no text in it is a person's.

        Raises:
            LeftOut: it cannot be made free of the patient; the message says why.
        """
        about = _patient_of(ds)
        changes = _Changes(self._pseudonyms, self.choices, self._pseudonyms.days(*about), is_ours)
        copy, methods = changes.of(ds), ["profile"]
        if is_ours and _CONTENT in ds:
            copy.ContentSequence = clean_content(ds.ContentSequence, changes.of)
            methods.append("content")
        Residue(ds, changes.uid, is_ours=is_ours).clean(copy)
        copy.file_meta = _meta(ds)
        if clean(copy, ds, self._regions, is_ours=is_ours, believed=self.choices.pixels_are_clean):
            methods.append("pixels")
        copy.PatientName = copy.PatientID = self._pseudonyms.patient(*about)
        _sign(copy, methods, self.choices)
        copy.file_meta.MediaStorageSOPInstanceUID = copy.SOPInstanceUID
        return copy


@dataclass(frozen=True)
class _Changes:
    """What is done to each element of one object. `days`: how far its dates are shifted."""

    pseudonyms: Pseudonyms
    choices: Choices
    days: int
    is_ours: bool

    def of(self, ds: Dataset) -> Dataset:
        """A copy of a dataset or item; the content of our own documents is looked at elsewhere."""
        copy = Dataset()
        for element in ds:
            kept = None if element.tag == _CONTENT and self.is_ours else self._changed(element)
            if kept is not None:
                copy.add(kept)
        for element in safe_elements(ds) if Keep.SAFE_PRIVATE in self.choices.keep else ():
            copy.add(element)
        return copy

    def uid(self, uid: str) -> str:
        """What stands for a UID wherever it is quoted."""
        stays = Keep.UIDS in self.choices.keep or uid.startswith(REGISTERED)
        return uid if stays else self.pseudonyms.uid(uid)

    def _changed(self, element: DataElement) -> DataElement | None:
        ours = self.is_ours and element.keyword in _OUR_TEXTS
        action = Action.KEEP if ours else action_on(element, self.choices)
        words = ""
        if action is Action.CLEAN and element.VR != "SQ":
            words = clean_description(str(element.value or "")) if element.VR in _DESCRIPTIVE else ""
            action = Action.KEEP if words else basic_action_on(element)
        if action is Action.REMOVE:
            return None
        if words:
            return DataElement(element.tag, element.VR, words)
        if element.VR == "SQ":
            return DataElement(element.tag, "SQ", self._items(element, action))
        if action is Action.EMPTY or (action is not Action.KEEP and element.is_empty):
            return DataElement(element.tag, element.VR, None)
        return DataElement(element.tag, element.VR, self._value(element, action))

    def _items(self, element: DataElement, action: Action) -> list[Dataset]:
        if action is Action.EMPTY:
            return []
        if action is Action.DUMMY and element.keyword.endswith("CodeSequence"):
            return [_code("ANONYMIZED", "Anonymized", "99RADNODE")]
        items = list(element.value)
        if action is Action.CLEAN and element.keyword.endswith("CodeSequence"):
            items = [item for item in items if item.get("CodingSchemeDesignator", "") in _PUBLIC_SCHEMES]
        return [self.of(item) for item in items]

    def _value(self, element: DataElement, action: Action) -> Any:
        if action is Action.DUMMY:
            return _DUMMIES.get(element.VR, "ANONYMIZED")
        if action is Action.UID:
            return _each(element, self.pseudonyms.uid)
        if action is Action.DATE:
            return _each(element, lambda text: shifted(text, element.VR, self.days))
        if element.keyword == "PatientAge":
            return min(str(element.value), _OLDEST, key=_days_of_age)
        return element.value


def _patient_of(ds: Dataset) -> tuple[str, str]:
    """Issuer and Patient ID; without an id each study is of a patient of its own."""
    patient_id = str(ds.get("PatientID") or "").strip()
    return (str(ds.get("IssuerOfPatientID") or ""), patient_id) if patient_id else ("", f"study {ds.StudyInstanceUID}")


def _sign(copy: Dataset, methods: Sequence[str], choices: Choices) -> None:
    """PS3.15 E.1.1, step 6: what was done stands in the object."""
    methods = [*methods, *["descriptors"] * choices.clean_descriptors]
    chosen = [*methods, *([choices.dates] if choices.dates in _METHODS else []), *sorted(choices.keep)]
    codes = [_METHODS[one] for one in chosen]
    copy.PatientIdentityRemoved = "YES"
    copy.DeidentificationMethod = [meaning[:64] for _, meaning in codes]
    copy.DeidentificationMethodCodeSequence = [_code(*one) for one in codes]
    words = {Dates.KEEP: "UNMODIFIED", Dates.SHIFT: "MODIFIED", Dates.REMOVE: "REMOVED"}
    copy.LongitudinalTemporalInformationModified = words[choices.dates]


def blanked(copy: Dataset) -> bool:
    """Whether something was blanked in the pixels of a copy."""
    done = {str(one.CodeValue) for one in copy.DeidentificationMethodCodeSequence}
    return _METHODS["pixels"][0] in done


def shifted(text: str, vr: str, days: int) -> str:
    """A date (DA) or date with time (DT) so many days later; what is no full date is left out. Times stay (TM)."""
    if vr == "TM":
        return text
    try:
        day = dt.datetime.strptime(text[:8], "%Y%m%d").date() + dt.timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return f"{day:%Y%m%d}{text[8:] if vr == 'DT' else ''}"


def _each(element: DataElement, change: Any) -> Any:
    if element.VM > 1:
        return [change(str(one)) for one in element.value]
    return change(str(element.value))


def _days_of_age(text: str) -> int:
    """Of an age (AS). Above 89 years all are the same: so few people are older that their age would name them."""
    days = {"D": 1, "W": 7, "M": 30, "Y": 365}
    return int(text[:3]) * days.get(text[3:], 365) if text[:3].isdigit() else 0


def _code(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _meta(ds: Dataset) -> FileMetaDataset:
    """Nothing of who sent or wrote it."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = ds.SOPClassUID, ds.file_meta.TransferSyntaxUID
    return meta


__all__ = ["Deidentifier", "LeftOut", "blanked", "shifted"]
