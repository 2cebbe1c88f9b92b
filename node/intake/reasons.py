"""Why something is not taken, in words and as a status, and what its owner can do."""

from __future__ import annotations

from enum import Enum

from node.errors import PermanentError
from node.receive.header import Claim


class Reason(Enum):
    """What is wrong, what to do about it, and the Failure Reason (0008,1197), PS3.18 table I.2-2."""

    NO_DICOM = ("it is no DICOM file: there is no DICM behind a preamble of 128 bytes", "send Part 10 files", 0xC000)
    BAD_META = (
        "its File Meta Information is damaged, or lacks a UID",
        "write it anew with a program that makes whole Part 10 files",
        0xC000,
    )
    METADATA = (
        "its metadata are no DICOM JSON, or XML, that can be written as a dataset",
        "compare them with PS3.18 F.2, or PS3.19 A.1; or send Part 10 files",
        0xC000,
    )
    BULK_DATA = (
        "bulk data that its metadata refer to have not come, or not all frames, or more than one for an element",
        "send a part for each BulkDataURI, with that as its Content-Location, and for each compressed frame",
        0xC000,
    )
    EMPTY = ("there is no dataset in it", "send the whole file", 0xC000)
    SOP_CLASS = (
        "its SOP class is none that is stored here, as that of a DICOMDIR",
        "send the images themselves; receive.unknown_sop_classes lets in classes that no dictionary has",
        0x0122,
    )
    SYNTAX = ("its transfer syntax is not known", "send it in a transfer syntax of the standard", 0xC122)
    TOO_LONG = (
        "it is longer than receive.max_object_mb allows",
        "raise the limit, if the object is what it should be",
        0xA700,
    )
    OTHER_STUDY = ("it is of another study than the request said", "send it to its own study", 0xA901)

    def __init__(self, what: str, hint: str, failure: int) -> None:
        self.what, self.hint, self.failure = what, hint, failure


class Refused(PermanentError):
    """Nothing of it is kept. Args: claim: what it said of itself, as far as that could be read."""

    def __init__(self, reason: Reason, claim: Claim | None = None) -> None:
        super().__init__(reason.what, hint=reason.hint)
        self.reason, self.claim = reason, claim
