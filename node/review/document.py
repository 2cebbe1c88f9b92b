"""A reader's Structured Report: what it says of findings that somebody tracks.

What is understood, in any template that nests its content in containers (TID 1500 of PS3.16 and what viewers make of
it): a container that names a finding, by Tracking Unique Identifier (112040, DCM) or by Finding (121071, DCM), and says

- Agreement with prior findings (122775, DCM) or Disagreement with prior findings (122776, DCM), CID 3217: accepted or
  rejected; or
- whether it is there: any item of Presence of property (121052, DCM) or another name, with the value Present,
  Absent or Undetermined (CID 240, SCT): that is right, whatever the node said.

A finding that is named by its code alone is one of ours when the report refers to one of our objects, as content, as
evidence or as predecessor. So our own report counts once a person has verified it (Verification Flag).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from node.claims import Outcome
from node.errors import DecodeError, where
from node.review.hl7 import moment
from node.reviews import Judgement, Statement

#: A report with more bytes, or with more content items, says nothing that a reader has written.
LONGEST_BYTES = 8 << 20
MOST_ITEMS = 50_000
_DEEPEST = 40

_TRACKING_UID, _FINDING = ("112040", "DCM"), ("121071", "DCM")
_OBSERVER_TYPE, _PERSON = ("121005", "DCM"), ("121006", "DCM")
_PERSON_NAME = ("121008", "DCM")
_LATERALITY = ("272741003", "SCT")
_SIDES: Mapping[tuple[str, str], str] = {
    ("7771000", "SCT"): "L",
    ("24028007", "SCT"): "R",
    ("51440002", "SCT"): "B",
}
_JUDGEMENTS: Mapping[tuple[str, str], Judgement] = {
    ("122775", "DCM"): Judgement.ACCEPTED,
    ("122776", "DCM"): Judgement.REJECTED,
}
_OUTCOMES: Mapping[tuple[str, str], Outcome] = {
    ("52101004", "SCT"): Outcome.PRESENT,
    ("272519000", "SCT"): Outcome.ABSENT,
    ("373068000", "SCT"): Outcome.UNDETERMINED,
}
#: Of a document: what it refers to by study and series.
_LISTS = (
    "CurrentRequestedProcedureEvidenceSequence",
    "PertinentOtherEvidenceSequence",
    "PredecessorDocumentsSequence",
)
#: History, Request, Indications, Prior procedures (PS3.16 CID 7001, 7002): of a finding they say nothing.
NOT_OF_NOW = {
    *((value, "DCM") for value in ("121060", "121061", "121062", "121065", "121066", "121109", "121110", "121068")),
    *((value, "LN") for value in ("11329-0", "55115-0", "18785-6", "55114-3", "18834-2")),
}
#: Procedure reported, Target Region, Finding Site: in the root of a document.
_REPORTED_ON = {("121058", "DCM"), ("123014", "DCM"), ("363698007", "SCT")}
Code = tuple[str, str]


@dataclass(frozen=True)
class Document:
    """What a report says.

    Attributes:
        person: who stands behind it, a digest of the name; empty when it is no person.
        statements: of findings that somebody tracks.
        signed: what it says in words, of a report that a person has verified; empty of any other.
        predecessors: documents that it takes the place of, by SOP Instance UID (Predecessor Documents Sequence).
        subject: digest of what makes two signed reports of a study versions of one; empty of a report without title.
        signed_at: when it was verified, a moment for :func:`~node.reviews.is_earlier`; else of when its content is.
    """

    person: str
    statements: tuple[Statement, ...]
    signed: str = ""
    predecessors: tuple[str, ...] = ()
    subject: str = ""
    signed_at: str = ""


def read_document(path: Path) -> Document:
    """Read a Structured Report; raises :class:`~node.errors.DecodeError` for one that cannot be read."""
    try:
        if path.stat().st_size > LONGEST_BYTES:
            raise DecodeError(f"the report is longer than {LONGEST_BYTES >> 20} MiB")
        return _document(pydicom.dcmread(path, force=True))
    except DecodeError:
        raise
    except Exception as error:  # an edge: strangers' bytes make pydicom raise nearly anything
        raise DecodeError(f"the report cannot be read: {where(error)}") from error


def _document(ds: Dataset) -> Document:
    items = list(_walk(ds))
    references = frozenset(uid for item in (ds, *items) for uid in _references(item))
    said = (_statement(item, references) for item in (ds, *items))
    return Document(
        _person(ds, items),
        statements=tuple(one for one in said if one is not None),
        signed="\n".join(_texts(ds)) if _is_signed(ds) else "",
        predecessors=tuple(_listed(ds, "PredecessorDocumentsSequence")),
        subject=_subject(ds),
        signed_at=_signed_at(ds),
    )


def _is_signed(ds: Dataset) -> bool:
    """PS3.3 C.17.2: what is verified may be told to be preliminary nevertheless."""
    return _text(ds, "VerificationFlag") == "VERIFIED" and _text(ds, "PreliminaryFlag") != "PRELIMINARY"


def _subject(ds: Dataset) -> str:
    """Document title, who verifies, the requests that it fulfills, and what it says to have reported on."""
    title = _code(ds, "ConceptNameCodeSequence")
    if title is None:
        return ""
    observers, requests = ds.get("VerifyingObserverSequence") or (), ds.get("ReferencedRequestSequence") or ()
    by = {_text(one, "VerifyingOrganization") or _text(one, "VerifyingObserverName") for one in observers}
    ordered = {_text(one, "AccessionNumber") + "\0" + _text(one, "RequestedProcedureID") for one in requests}
    named = {(name, value) for child in _children(ds) for name, value in _named(child) if name in _REPORTED_ON}
    told = repr((title, sorted(by), sorted(ordered), sorted(named, key=repr)))
    return sha256(f"document\0{told}".encode()).hexdigest()


def _signed_at(ds: Dataset) -> str:
    verified = [_text(one, "VerificationDateTime") for one in ds.get("VerifyingObserverSequence") or ()]
    told = max(verified, default="") or _text(ds, "ContentDate") + _text(ds, "ContentTime")
    offset = "" if "+" in told or "-" in told else _text(ds, "TimezoneOffsetFromUTC")
    return moment(told + offset)


def _texts(item: Dataset, depth: int = 0) -> Iterator[str]:
    """The texts of a report that are about its images: not why they were made, and not what was before."""
    for child in _children(item) if depth < _DEEPEST else ():
        if _code(child, "ConceptNameCodeSequence") not in NOT_OF_NOW:
            yield _text(child, "TextValue")
            yield from _texts(child, depth + 1)


def _walk(ds: Dataset) -> Iterator[Dataset]:
    """Every content item, at whatever depth, parents first."""
    waiting = deque((item, 1) for item in _children(ds))
    count = 0
    while waiting:
        item, depth = waiting.popleft()
        count += 1
        if count > MOST_ITEMS or depth > _DEEPEST:
            raise DecodeError(f"the report has more than {MOST_ITEMS} content items, or is nested too deeply")
        yield item
        waiting += [(child, depth + 1) for child in _children(item)]


def _children(item: Dataset) -> list[Dataset]:
    return list(item.get("ContentSequence") or ())


def _statement(item: Dataset, references: frozenset[str]) -> Statement | None:
    """What a container says of a finding; None when it says nothing."""
    values = {name: value for child in _children(item) for name, value in _named(child)}
    stated = [value for value in values.values() if isinstance(value, tuple)]
    judgement = next((_JUDGEMENTS[value] for value in stated if value in _JUDGEMENTS), None)
    outcome = next((_OUTCOMES[value] for value in stated if value in _OUTCOMES), None)
    tracking_uid, code = str(values.get(_TRACKING_UID, "")), values.get(_FINDING)
    if (judgement or outcome) is None or not (tracking_uid or isinstance(code, tuple)):
        return None
    if judgement is Judgement.ACCEPTED:
        outcome = None  # the reader agrees, and says once more with what
    side = values.get(_LATERALITY)
    return Statement(
        judgement=judgement if outcome is None else None,
        outcome=outcome,
        tracking_uid=tracking_uid,
        code=code if isinstance(code, tuple) else None,
        laterality=_SIDES.get(side, "") if isinstance(side, tuple) else "",
        references=references,
    )


def _named(item: Dataset) -> Iterator[tuple[Code, Code | str]]:
    """Name and value of a CODE or UIDREF."""
    name = _code(item, "ConceptNameCodeSequence")
    value = _code(item, "ConceptCodeSequence") or str(item.get("UID") or "")
    if name and value:
        yield name, value


def _code(item: Dataset, keyword: str) -> Code | None:
    codes = item.get(keyword) or ()
    return next(((_text(one, "CodeValue"), _text(one, "CodingSchemeDesignator")) for one in codes), None)


def _references(item: Dataset) -> Iterator[str]:
    """What a content item, or the evidence and predecessors of the document refer to."""
    for one in item.get("ReferencedSOPSequence") or ():
        yield _text(one, "ReferencedSOPInstanceUID")
    for keyword in _LISTS:
        yield from _listed(item, keyword)


def _listed(item: Dataset, keyword: str) -> Iterator[str]:
    for study in item.get(keyword) or ():
        for series in study.get("ReferencedSeriesSequence") or ():
            yield from _references(series)


def _person(ds: Dataset, items: list[Dataset]) -> str:
    """Who verified it, else who authored it, else who is named as a person who observed."""
    if _text(ds, "VerificationFlag") == "VERIFIED":
        for one in ds.get("VerifyingObserverSequence") or ():
            return _digest(_text(one, "VerifyingObserverName"))
    for one in ds.get("AuthorObserverSequence") or ():
        if _text(one, "ObserverType") == "PSN":
            return _digest(_text(one, "PersonName"))
    named = {_code(item, "ConceptNameCodeSequence"): item for item in items}
    if _PERSON_NAME in named:
        return _digest(_text(named[_PERSON_NAME], "PersonName"))
    observer = named.get(_OBSERVER_TYPE, Dataset())
    return _digest("") if _code(observer, "ConceptCodeSequence") == _PERSON else ""


def _digest(name: str) -> str:
    """Tells readers apart without naming them."""
    return sha256(f"reader {name}".encode()).hexdigest()[:8]


def _text(ds: Dataset, keyword: str) -> str:
    value: Any = ds.get(keyword)  # pydicom's values have no common type
    return "" if value is None else str(value).strip()
