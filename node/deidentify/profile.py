"""Which action an attribute gets: table E.1-1 of PS3.15, its options, and what it does not name.

Where the table gives a choice by the attribute's type in its IOD (X/Z, X/D, X/Z/D, Z/D), the action that is right for
the stricter type is taken: what is empty or a dummy is never missing, and says no more than nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files

from pydicom.datadict import dictionary_has_tag, tag_for_keyword
from pydicom.dataelem import DataElement

from node.confidentiality import Choices, Dates, Keep
from node.deidentify.descriptions import is_of_the_trade
from node.deidentify.texts import KEPT_TEXTS

_TEMPORAL = ("DA", "DT", "TM")
_FREE_TEXTS = ("LO", "SH", "LT", "ST", "UT", "UC", "UR", "AE")
_CODE_STRING = re.compile(r"[A-Z0-9 _]{0,16}")
#: UIDs that name no instance: a class, a syntax, a scheme, a template.
REGISTERED = "1.2.840.10008."
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
    DATE = "C"  # of dates: shifted
    CLEAN = (
        "words"  # of texts: the words of the trade stay, and what is left of none gets the action without the option
    )
    KEEP = "K"
    ITEMS = "items"  # a sequence stays, and its items are looked at


_BY_CODE = {
    "X": Action.REMOVE, "Z": Action.EMPTY, "D": Action.DUMMY, "U": Action.UID, "X/Z": Action.EMPTY,
    "Z/D": Action.DUMMY, "X/D": Action.DUMMY, "X/Z/D": Action.DUMMY, "X/Z/U*": Action.ITEMS,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A line of the table. Attributes: action: of the basic profile; options: letters, see `actions.txt`."""

    action: Action
    options: str


#: The table removes them, but an object is none without them (PS3.3 C.11.10, type 1): a dummy says no more.
_NEEDED = frozenset(tag_for_keyword(name) for name in ("PresentationCreationDate", "PresentationCreationTime"))


@cache
def table() -> Mapping[int, Row]:
    """Tag -> its line."""
    lines = files("node.deidentify").joinpath("actions.txt").read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    found = {int(row[0], 16): Row(_BY_CODE[row[1]], row[2].strip("-")) for row in rows}
    return {tag: Row(Action.DUMMY, row.options) if tag in _NEEDED else row for tag, row in found.items()}


def action_on(element: DataElement, choices: Choices) -> Action:
    """What becomes of an element, wherever it stands; pixels and safe private attributes are no matter of this."""
    tag, vr = element.tag, element.VR
    if tag.is_private or not dictionary_has_tag(tag) or vr == "UN" or tag.group & 0xFF00 in (0x5000, 0x6000):
        return Action.REMOVE  # curves and overlays may hold text, and are none without their data
    row = table().get(int(tag))
    if row is not None and (chosen := _by_option(row, vr, choices)) is not None:
        return chosen
    if vr == "UI":
        return _action_on_uid(element, row, choices)
    return row.action if row is not None else _unnamed(element, choices)


def basic_action_on(element: DataElement) -> Action:
    """The same without any option."""
    return action_on(element, Choices())


def _by_option(row: Row, vr: str, choices: Choices) -> Action | None:
    """What an option says; of those that clean AE titles, curves and overlays none is offered."""
    if any(letter in row.options for letter in _kept_letters(choices)):
        return Action.KEEP
    if "t" in row.options and choices.dates is Dates.SHIFT and vr in _TEMPORAL:
        return Action.DATE
    cleaned = "s" * choices.clean_descriptors + "P" * (Keep.PATIENT in choices.keep)
    return Action.CLEAN if any(letter in row.options for letter in cleaned) else None


@cache
def _kept_letters(choices: Choices) -> str:
    letters = {Keep.PATIENT: "p", Keep.DEVICE: "d", Keep.INSTITUTION: "i", Keep.UIDS: "u"}
    return "".join(letters.get(one, "") for one in choices.keep) + "t" * (choices.dates is Dates.KEEP)


def _action_on_uid(element: DataElement, row: Row | None, choices: Choices) -> Action:
    if row is not None and row.action in (Action.REMOVE, Action.EMPTY):
        return row.action
    if Keep.UIDS in choices.keep or element.tag in _CLASSES:
        return Action.KEEP
    values = [element.value] if element.VM <= 1 else list(element.value)
    if row is None and all(str(value).startswith(REGISTERED) for value in values):
        return Action.KEEP
    return Action.UID


def _unnamed(element: DataElement, choices: Choices) -> Action:
    """What the table does not name stays if it can hold no patient: sequences for their items, numbers, codes.

    A text or a date becomes a dummy and is not removed, since it may be of type 1 (as Stack ID).
    """
    if element.VR in _TEMPORAL:
        return {Dates.KEEP: Action.KEEP, Dates.SHIFT: Action.DATE}.get(choices.dates, Action.DUMMY)
    if element.VR == "SQ":
        return Action.ITEMS
    if element.VR == "PN":
        return Action.EMPTY
    values = [element.value] if element.VM <= 1 else list(element.value)
    if element.VR in _FREE_TEXTS:
        says_nothing = all(is_of_the_trade(str(one or "")) for one in values)
        return Action.KEEP if element.tag in KEPT_TEXTS or says_nothing else Action.DUMMY
    if element.VR == "CS":
        return Action.KEEP if all(_CODE_STRING.fullmatch(str(one or "")) for one in values) else Action.REMOVE
    return Action.KEEP
