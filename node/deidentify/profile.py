"""Which action an attribute gets: table E.1-1 of PS3.15, its options, and what it does not name.

Where the table gives a choice by the attribute's type in its IOD (X/Z, X/D, X/Z/D, Z/D), the action that is right for
the stricter type is taken: what is empty or a dummy is never missing, and says no more than nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from functools import cache
from importlib.resources import files

from pydicom.datadict import dictionary_has_tag, tag_for_keyword
from pydicom.dataelem import DataElement

from node.confidentiality import Choices, Dates, Keep
from node.deidentify.texts import KEPT_TEXTS

#: Attributes that an option keeps (columns of table E.1-1), beside those that their VR decides.
_OPTIONS: Mapping[Keep, tuple[str, ...]] = {
    Keep.PATIENT: (
        "PatientSex", "PatientAge", "PatientSize", "PatientWeight", "PatientSexNeutered", "SmokingStatus",
        "PregnancyStatus", "EthnicGroup", "EthnicGroupCodeSequence",
    ),
    Keep.DEVICE: (
        "StationName", "DeviceSerialNumber", "DeviceUID", "DetectorID", "GantryID", "CassetteID", "PlateID",
        "GeneratorID", "DeviceDescription", "DeviceLabel", "LensSerialNumber", "LensMake", "LensModel",
        "ScheduledStationName", "PerformedStationName", "TransducerIdentificationSequence", "SourceSerialNumber",
        "TreatmentMachineName", "DateOfLastCalibration", "TimeOfLastCalibration", "DateOfLastDetectorCalibration",
        "TimeOfLastDetectorCalibration",
    ),
    Keep.INSTITUTION: (
        "InstitutionName", "InstitutionAddress", "InstitutionCodeSequence", "InstitutionalDepartmentName",
        "InstitutionalDepartmentTypeCodeSequence",
    ),
}  # fmt: skip
_TEMPORAL = ("DA", "DT", "TM")
_FREE_TEXTS = ("LO", "SH", "LT", "ST", "UT", "UC", "UR", "AE")
_CODE_STRING = re.compile(r"[A-Z0-9 _]{0,16}")
#: UIDs that name no instance: a class, a syntax, a scheme, a template.
_REGISTERED = "1.2.840.10008."
_CLASSES = frozenset(
    tag_for_keyword(name)
    for name in (
        "SOPClassUID", "ReferencedSOPClassUID", "TransferSyntaxUID", "MediaStorageSOPClassUID", "CodingSchemeUID",
        "ContextUID", "MappingResourceUID", "RelatedGeneralSOPClassUID", "OriginalSpecializedSOPClassUID",
    )
)  # fmt: skip


class Action(Enum):
    """Codes of table E.1-1; where it gives a choice, the stricter one."""

    REMOVE = "X"
    EMPTY = "Z"
    DUMMY = "D"
    UID = "U"
    DATE = "C"  # of dates alone
    KEEP = "K"
    ITEMS = "items"  # a sequence stays, and its items are looked at


_BY_CODE = {
    "X": Action.REMOVE, "Z": Action.EMPTY, "D": Action.DUMMY, "U": Action.UID, "X/Z": Action.EMPTY,
    "Z/D": Action.DUMMY, "X/D": Action.DUMMY, "X/Z/D": Action.DUMMY, "X/Z/U*": Action.ITEMS,
}  # fmt: skip


@cache
def table() -> Mapping[int, Action]:
    """Tag -> action of the basic profile."""
    lines = files("node.deidentify").joinpath("actions.txt").read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return {int(row[0], 16): _BY_CODE[row[1]] for row in rows}


@cache
def _kept(choices: Choices) -> frozenset[int | None]:
    return frozenset(tag_for_keyword(name) for one in choices.keep if one in _OPTIONS for name in _OPTIONS[one])


def action_on(element: DataElement, choices: Choices) -> Action:
    """What becomes of an element, wherever it stands; pixels are no matter of this."""
    tag, vr = element.tag, element.VR
    if tag.is_private or not dictionary_has_tag(tag) or vr == "UN" or tag.group in range(0x5000, 0x6000):
        return Action.REMOVE
    if tag.group in range(0x6000, 0x6100) and tag.element in (0x3000, 0x4000):
        return Action.REMOVE  # an overlay may hold text
    if tag in _kept(choices):
        return Action.KEEP
    named = table().get(int(tag))
    if vr in _TEMPORAL:
        return _action_on_time(named, choices)
    if vr == "UI":
        return _action_on_uid(element, named, choices)
    return named if named is not None else _unnamed(element)


def _action_on_time(named: Action | None, choices: Choices) -> Action:
    if choices.dates is Dates.KEEP:
        return Action.KEEP
    if choices.dates is Dates.SHIFT:
        return Action.DATE
    return named if named is not None else Action.EMPTY


def _action_on_uid(element: DataElement, named: Action | None, choices: Choices) -> Action:
    if named in (Action.REMOVE, Action.EMPTY):
        return named
    if Keep.UIDS in choices.keep or element.tag in _CLASSES:
        return Action.KEEP
    values = [element.value] if element.VM <= 1 else list(element.value)
    if named is None and all(str(value).startswith(_REGISTERED) for value in values):
        return Action.KEEP
    return Action.UID


def _unnamed(element: DataElement) -> Action:
    """What the table does not name stays if it can hold no patient: sequences for their items, numbers, codes."""
    if element.VR == "SQ":
        return Action.ITEMS
    if element.VR == "PN":
        return Action.EMPTY
    if element.VR in _FREE_TEXTS:
        return Action.KEEP if element.tag in KEPT_TEXTS else Action.REMOVE
    if element.VR == "CS":
        values = [element.value] if element.VM <= 1 else list(element.value)
        return Action.KEEP if all(_CODE_STRING.fullmatch(str(one or "")) for one in values) else Action.REMOVE
    return Action.KEEP
