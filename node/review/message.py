"""A signed report in an HL7 message: what ORU^R01 (7.3.1) and MDM^T02, T06, T08, T10 (9.6) say. Pure.

Each order of an ORU (OBR with its OBX) is a report of its own; an MDM is one. Only what is final or corrected counts,
by OBR-25 and OBX-11, or TXA-17; of the texts those in OBX of type TX, FT, ST, CWE or CE. An addendum is an MDM^T06, or
an order whose texts are all told to be one: by the suffix ADT of OBX-3, as Addendum (55107-7, LN), or as appended
(OBX-11 B).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from node.review.document import NOT_OF_NOW
from node.review.hl7 import Message, Segment, Unfit, moment
from node.review.rich_text import plain
from node.reviews import HeardReport, ReportStatus, order_key, person_key

#: MSH-12 that are taken, and MSH-9 -> whether what it brings replaces what came before.
VERSIONS = ("2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2")
EVENTS: Mapping[tuple[str, str], ReportStatus] = {
    ("ORU", "R01"): ReportStatus.FINAL,
    ("MDM", "T02"): ReportStatus.FINAL,
    ("MDM", "T06"): ReportStatus.CORRECTED,
    ("MDM", "T08"): ReportStatus.CORRECTED,
    ("MDM", "T10"): ReportStatus.CORRECTED,
}
#: The document stands beside the one that it adds to, instead of taking its place.
_ADDENDUM = "T06"
PRELIMINARY = "it is preliminary, or no longer valid, by its result status"
TAKEN_BACK = "it is an addendum that was taken back"
NO_TEXT = "it has no text that is final: no OBX of type TX, FT, ST, CWE or CE"
#: OBR-25 (table 0123) of what counts.
_COUNTS = {"F": ReportStatus.FINAL, "C": ReportStatus.CORRECTED}
#: OBX-11 (table 0085) of what counts; since v2.8 A: amended, B: appended, V: verified.
_LINE_COUNTS = {**_COUNTS, "A": ReportStatus.CORRECTED, "B": ReportStatus.CORRECTED, "V": ReportStatus.FINAL}
#: OBX-11: final by now; the text is that of the preliminary one, and most often not told again.
_NOW_FINAL = "U"
#: OBX-11: it is taken back, or was wrong, as for another patient.
_TAKEN_BACK = ("D", "W", "X")
_TEXTS = ("TX", "FT", "ST", "CWE", "CE")
#: TXA-17 of a document that somebody has signed: authenticated, legally authenticated.
_SIGNED = ("AU", "LA")
#: TXA-19 (table 0273) of a document that was taken back: deleted, obsolete; and of one that is not for patient care.
_GONE, _UNAVAILABLE = ("CA", "OB"), "UN"
#: Of OBX-3: Study Instance UID, Accession Number; the words for those who use no code.
_STUDY_CODES, _STUDY_WORDS = {"113014", "110180", "0020000D"}, "study instance uid"
_ACCESSION_CODE = "121022"
_UID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*)){1,40}", re.ASCII)
#: Of OBX-3: the suffix (chapter 7) and the code of an addendum; OBX-11 of what is appended.
_SUFFIX, _ADDENDUM_CODE, _APPENDED = "ADT", "55107-7", "B"
#: Fields of OBR in which RIS have an accession number: Placer Field 1 (as IHE has it), order numbers, others.
_ACCESSIONS = (18, 3, 2, 19, 20)


@dataclass(frozen=True)
class Line:
    """The text of an OBX. Attributes: status: OBX-11; is_addendum: it is told to be one."""

    status: str
    text: str
    is_addendum: bool = False


@dataclass
class Told:
    """One report while it is read. `lines`: its texts, `status`: of all of it.

    `adds`: it is an addendum to another one.
    """

    source: str
    patients: list[str]
    status: str = ""
    key: str = ""
    told_at: str = ""
    sent_at: str = ""
    signer: str = ""
    uids: list[str] = field(default_factory=list)
    accessions: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    adds: bool = False

    @property
    def text(self) -> str:
        """What counts of it."""
        return "\n".join(one.text for one in self.lines if self._counts(one))

    @property
    def reader(self) -> str:
        """Who stands behind it, without a name."""
        return f"{self.source} {sha256(f'reader {self.signer}'.encode()).hexdigest()[:8]}"

    def _counts(self, line: Line) -> bool:
        status = line.status or self.status
        return self.status != "X" and (status in _LINE_COUNTS or (status == _NOW_FINAL and bool(line.text.strip())))

    def heard(self) -> HeardReport:
        """For the ledger."""
        status, reason = self._judged()
        names = [*self.uids]
        names += [key for number in self.accessions for one in self.patients if (key := order_key(number, one))]
        key = self.key or next(iter(self.accessions), "")
        return HeardReport(
            status,
            names=tuple(dict.fromkeys(names)),
            patients=tuple(dict.fromkeys(person_key(one) for one in self.patients)),
            report_key=sha256(f"report\0{key}".encode()).hexdigest() if key else "",
            told_at=self.told_at,
            reason=reason,
            adds=self.adds,
            sent_at=self.sent_at,
            takes_back=status is ReportStatus.CORRECTED and not any(map(self._counts, self.lines)),
        )

    def _judged(self) -> tuple[ReportStatus, str]:
        """What it is, and why it is kept aside."""
        if self.adds and self.status == "X":
            return ReportStatus.ASIDE, TAKEN_BACK
        if self.status and self.status not in (*_COUNTS, "X"):
            return ReportStatus.ASIDE, PRELIMINARY
        counted = [one.status or self.status for one in self.lines if self._counts(one)]
        if self.status == "X" or (not counted and any(one.status in _TAKEN_BACK for one in self.lines)):
            return ReportStatus.CORRECTED, ""  # by nothing
        if not counted:
            is_without = not self.lines or any(one.status == _NOW_FINAL for one in self.lines)
            return ReportStatus.ASIDE, NO_TEXT if is_without else PRELIMINARY
        kinds = {_LINE_COUNTS.get(status) for status in (*counted, self.status)}
        return ReportStatus.CORRECTED if ReportStatus.CORRECTED in kinds else ReportStatus.FINAL, ""


def source_of(header: Segment) -> str:
    """Sending Application and Facility (MSH-3, MSH-4), as they may be shown."""
    said = " ".join(filter(None, (header.part(3), header.part(4))))
    return "".join(one for one in said if one.isascii() and one.isprintable())[:64]


def check_header(header: Segment) -> None:
    """Raise :class:`~node.review.hl7.Unfit` for what is not taken, whatever else is in it."""
    if not header.part(10):
        raise Unfit("AE", "101", "it has no Message Control ID (MSH-10)")
    if header.part(9) not in {kind for kind, _ in EVENTS}:
        raise Unfit("AR", "200", "only ORU and MDM messages are taken (MSH-9)")
    if (header.part(9), header.part(9, 2)) not in EVENTS:
        raise Unfit("AR", "201", "only the events ORU^R01, MDM^T02, T06, T08 and T10 are taken (MSH-9)")
    if header.part(11) not in ("P", ""):
        raise Unfit("AR", "202", "only messages of production are taken: Processing ID P (MSH-11)")
    if header.part(12) not in VERSIONS:
        raise Unfit("AR", "203", f"only versions {VERSIONS[0]} to {VERSIONS[-1]} are taken (MSH-12)")


def read_reports(message: Message) -> tuple[Told, ...]:
    """The reports of a message, in their order. Raises :class:`~node.review.hl7.Unfit`."""
    check_header(message.header)
    is_document = message.header.part(9) == "MDM"
    found: list[Told] = []
    patients: list[str] = []
    pending = Told("", [])  # what stands before the first order is about all of them
    for one in message.segments[1:]:
        if one.name == "PID":
            patients = _patients(one)
        elif one.name == ("TXA" if is_document else "OBR"):
            told = Told(source_of(message.header), patients)
            (_read_document if is_document else _read_order)(told, one)
            found.append(told)
        else:
            _ADD.get(one.name, _nothing)(found[-1] if found else pending, one)
    if not found:
        raise Unfit("AE", "100", f"it has no {'TXA' if is_document else 'OBR'} segment")
    if not any(told.patients or told.uids or pending.uids for told in found):
        raise Unfit("AE", "101", "it names neither a patient (PID-3) nor a study")
    event = message.header.part(9, 2)
    for told in found:
        told.uids += pending.uids
        told.accessions += pending.accessions
        told.sent_at = moment(message.header.part(7))
        told.adds = event == _ADDENDUM if is_document else _is_addendum(told)
        if is_document and EVENTS["MDM", event] is ReportStatus.CORRECTED and told.status == "F":
            told.status = "C"
    return tuple(told for told in found if told.lines or told.status == "X") or (found[0],)


def _is_addendum(told: Told) -> bool:
    """Of an order, which is canceled as a whole."""
    said = [one for one in told.lines if one.text.strip()] or told.lines
    return told.status != "X" and bool(said) and all(one.is_addendum for one in said)


def _patients(pid: Segment) -> list[str]:
    """Every Patient ID: PID-3, and PID-2 of earlier versions."""
    ids = [pid.parts(one, 1) for number in (3, 2) for one in pid.repeated(number)]
    return list(dict.fromkeys(one for one in ids if one))


def _read_order(told: Told, obr: Segment) -> None:
    told.status, told.told_at = obr.part(25).upper(), moment(obr.part(22))
    told.key = obr.part(3) or obr.part(2)
    told.signer = " ".join(obr.leaves(32)).strip()
    told.accessions += _given(obr.part(number) for number in _ACCESSIONS)
    told.uids += [uid for number in (18, 19, 20, 21) for uid in _uids(obr, number) if uid.count(".") > 1]


def _read_document(told: Told, txa: Segment) -> None:
    availability = txa.part(19).upper()
    is_signed = txa.part(17).upper() in _SIGNED and availability != _UNAVAILABLE
    told.status = "X" if availability in _GONE else "F" if is_signed else "P"
    told.told_at = moment(txa.part(8) or txa.part(6) or txa.part(4))
    told.key = txa.part(15) or txa.part(14) or txa.part(13) or txa.part(12)
    told.signer = " ".join(txa.leaves(22)).strip()
    told.accessions += _given(txa.part(number) for number in (15, 14))


def _read_observation(told: Told, obx: Segment) -> None:
    name = {obx.part(3), obx.part(3, 4)}
    words = " ".join(obx.leaves(3)).lower()
    if name & _STUDY_CODES or _STUDY_WORDS in words:
        told.uids += _uids(obx, 5)
    elif _ACCESSION_CODE in name:
        told.accessions += _given([obx.part(5)])
    elif obx.part(2) in _TEXTS and not _is_of_before(obx):
        told.lines.append(_line(obx))
        told.signer = told.signer or " ".join(obx.leaves(16)).strip()


def _read_study(told: Told, zds: Segment) -> None:
    told.uids += _uids(zds, 1)


def _read_imaging(told: Told, ipc: Segment) -> None:
    told.uids += _uids(ipc, 3)
    told.accessions += _given([ipc.part(1)])


def _read_related_order(told: Told, obr: Segment) -> None:
    """An OBR beside the TXA of a document."""
    told.accessions += _given(obr.part(number) for number in _ACCESSIONS)


def _nothing(*_: object) -> None:
    """Other segments say nothing of it."""


_ADD = {"OBX": _read_observation, "ZDS": _read_study, "IPC": _read_imaging, "OBR": _read_related_order}


def _is_of_before(obx: Segment) -> bool:
    """History, indication and the like, as :mod:`node.review.document` knows them."""
    return bool({(obx.part(3, at), obx.part(3, at + 2)) for at in (1, 4)} & NOT_OF_NOW)


def _line(obx: Segment) -> Line:
    """OBX-5: each repetition is a line; of a coded value the words."""
    if obx.part(2) in ("CWE", "CE"):
        text = "\n".join(obx.parts(one, 9) or obx.parts(one, 2) or obx.parts(one, 1) for one in obx.repeated(5))
    else:
        text = plain("\n".join(obx.decoded(one) for one in obx.repeated(5)))
    status, codes = obx.part(11).upper(), (obx.part(3), obx.part(3, 4))
    is_addendum = status == _APPENDED or any(
        code == _ADDENDUM_CODE or code.rpartition(obx.marks.subcomponent)[2] == _SUFFIX for code in codes
    )
    return Line(status, text, is_addendum)


def _uids(segment: Segment, number: int) -> list[str]:
    return [one for one in segment.leaves(number) if len(one) <= 64 and _UID.fullmatch(one)]


def _given(values: Iterable[str]) -> list[str]:
    return [one for one in values if one]
