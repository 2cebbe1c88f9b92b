"""A study as a message ORU^R01 of HL7 v2.5.1 (chapter 7), in UTF-8, with a carriage return after each segment.

MSH, PID, and for each plugin an OBR with what is to be known of all its answers (NTE). Then, in OBX: the Study Instance
UID, and for each claimed finding on each series its outcome (CE) and its probability (NM, per cent), which share a
sub-id, with the reasons (NTE). What became of it since the prior study follows with a sub-id below that one (1.1 of 1):
the change (CE), and the probability then (NM), observed on the day of that study. The message control id follows from
the content: who gets the same result twice can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from node.account import FindingAccount
from node.claims import Code, Outcome
from node.comparison import CHANGE_CODES, Change
from node.export import sentences
from node.export.answers import Answer, answers
from node.export.exported import ExportedAnalysis, ExportedStudy, Identity, Standing
from node.export.hl7_patient import pid, xcn
from node.export.hl7_text import ENCODING_CHARACTERS, Field, components, escaped, segment
from node.export.moment import hl7_instant, hl7_study_time

_APPLICATION = "radnode"
_CONTROL_ID_LENGTH = 20
#: Standing -> Result Status (OBR-25, table 0123): stored and not yet verified, a correction, none yet, none.
_RESULT_STATUS = {Standing.GIVEN: "R", Standing.WITHDRAWN: "C", Standing.AWAITED: "I", Standing.MISSING: "X"}
_PRELIMINARY, _NO_RESULT, _WRONG = "P", "X", "W"  # Observation Result Status (OBX-11, table 0085)
_VALUES = {
    Outcome.PRESENT: components("52101004", "Present", "SCT"),
    Outcome.ABSENT: components("272519000", "Absent", "SCT"),
    Outcome.UNDETERMINED: components("373068000", "Undetermined", "SCT"),
}
_ABNORMAL = "A"  # table 0078
_PER_CENT = components("%", "percent", "UCUM")
_CERTAINTY = components("111012", "Certainty of Finding", "DCM")
_CHANGE = components("111049", "Qualitative Difference", "DCM")
_STUDY = components("113014", "DICOM Study", "DCM")
_PROCEDURE = ("363679005", "Imaging procedure", "SCT")
_OWN_CODES = "99RADNODE"
_THEN = components("prior-probability", "Probability on the prior study", _OWN_CODES)
_EARLIER = components("earlier-probability", "Probability on a study before the prior one", _OWN_CODES)
#: Values of Modality (0008,0060).
_NOT_RADIOLOGY = frozenset({"DMS", "ES", "GM", "OP", "OPT", "OT", "SM", "XC"})


@dataclass(frozen=True)
class Parties:
    """Who sends and who receives (MSH-3 to MSH-6)."""

    sending_application: str = _APPLICATION
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""


_NOBODY_NAMED = Parties()


def message(study: ExportedStudy, parties: Parties = _NOBODY_NAMED) -> str:
    """The message; to be sent as UTF-8."""
    body = pid(study) + "".join(_order(study, analysis, n) for n, analysis in enumerate(study.analyses, start=1))
    return _msh(study, parties, body) + body


def _msh(study: ExportedStudy, parties: Parties, body: str) -> str:
    made = hl7_instant(study.made)
    told = "\n".join((study.study_instance_uid, made, repr(parties), body))
    fields: dict[int, Field | str] = {
        1: ENCODING_CHARACTERS,  # MSH-1 is the separator itself, so that numbers here are one less
        2: escaped(parties.sending_application),
        3: escaped(parties.sending_facility),
        4: escaped(parties.receiving_application),
        5: escaped(parties.receiving_facility),
        6: made,
        8: components("ORU", "R01", "ORU_R01"),
        9: sha256(told.encode()).hexdigest()[:_CONTROL_ID_LENGTH].upper(),
        10: "P",
        11: "2.5.1",
        17: "UNICODE UTF-8",
    }
    return segment("MSH", fields)


def _order(study: ExportedStudy, analysis: ExportedAnalysis, number: int) -> str:
    """OBR with its notes and observations."""
    observations = [_study_uid(study)]
    if analysis.account is not None:
        for sub_id, answer in enumerate(answers(analysis.account), start=1):
            observations += _observations(study, analysis, answer, str(sub_id))
    numbered = (segment("OBX", {1: str(n), **fields}) + notes for n, (fields, notes) in enumerate(observations, 1))
    return _obr(study, analysis, number) + _notes(sentences.of_analysis(analysis)) + "".join(numbered)


def _obr(study: ExportedStudy, analysis: ExportedAnalysis, number: int) -> str:
    identity = study.identity or Identity()
    algorithm = analysis.algorithm
    fields: dict[int, Field | str] = {
        1: str(number),
        3: escaped(identity.accession_number or study.study_instance_uid),
        4: components(*_PROCEDURE, algorithm.name, algorithm.title or algorithm.name, _OWN_CODES),
        7: hl7_study_time(identity),
        16: xcn(identity.referring_physician_name),
        18: escaped(identity.accession_number),
        22: hl7_instant(analysis.started),
        24: _section(study),
        25: _RESULT_STATUS[analysis.standing],
        44: components("", identity.study_description),
    }
    return segment("OBR", fields)


def _section(study: ExportedStudy) -> str:
    """Diagnostic Service Section ID (table 0074): radiology, unless only photographs and the like were analysed."""
    analysed = {series.modality for series in study.series if not series.plugin}
    return "OTH" if analysed and analysed <= _NOT_RADIOLOGY else "RAD"


#: The fields of an OBX by their numbers, and the NTE that follow it.
Observation = tuple[dict[int, Field | str], str]


def _study_uid(study: ExportedStudy) -> Observation:
    return {2: "HD", 3: _STUDY, 5: components("", study.study_instance_uid, "ISO"), 11: _PRELIMINARY}, ""


def _observations(
    study: ExportedStudy, analysis: ExportedAnalysis, answer: Answer, sub_id: str
) -> Iterator[Observation]:
    shared = {4: sub_id, 11: _status(analysis, answer), **_circumstances(study, analysis)}
    finding = answer.finding
    outcome = {2: "CE", 3: _concept(answer.claim.code, answer.claim.label)}
    notes = _notes((*sentences.caveats(analysis), *sentences.of_answer(answer)))
    if finding is None:
        yield {**outcome, **shared}, notes
        return
    value = Outcome(finding.outcome)
    yield {**outcome, 5: _VALUES[value], 8: _ABNORMAL if value is Outcome.PRESENT else "", **shared}, notes
    yield {2: "NM", 3: _CERTAINTY, **_probability(finding), **shared}, ""
    for fields in _change(analysis, finding):
        yield {**shared, 4: f"{sub_id}.1", **fields}, ""


def _change(analysis: ExportedAnalysis, finding: FindingAccount) -> Iterator[dict[int, Field | str]]:
    """What became of it, below the finding; nothing when it was not compared, or is not comparable."""
    code = CHANGE_CODES.get(Change(finding.change)) if finding.change else None
    if code is None:
        return
    yield {2: "CE", 3: _CHANGE, 5: components(code.value, code.meaning, code.scheme)}
    if finding.prior_probability is not None:
        day = analysis.account.prior_study_date if analysis.account else ""
        yield {2: "NM", 3: _THEN, 5: _number(finding.prior_probability), 6: _PER_CENT, 14: day}
    for one in reversed(finding.before_prior):
        yield {2: "NM", 3: _EARLIER, 5: _number(one.probability), 6: _PER_CENT, 14: one.study_date}


def _probability(finding: FindingAccount) -> dict[int, Field | str]:
    """In per cent; below the threshold of the operating point a finding is not present (OBX-7)."""
    return {5: _number(finding.probability), 6: _PER_CENT, 7: f"<{_number(finding.threshold)}"}


def _number(share: float) -> str:
    """A share as NM in per cent: no exponent, four decimals at most."""
    return f"{100.0 * share:.4f}".rstrip("0").rstrip(".")


def _status(analysis: ExportedAnalysis, answer: Answer) -> str:
    if analysis.standing is Standing.WITHDRAWN:
        return _WRONG
    return _PRELIMINARY if answer.finding else _NO_RESULT


def _circumstances(study: ExportedStudy, analysis: ExportedAnalysis) -> dict[int, Field | str]:
    """When, and by which method and device."""
    algorithm = analysis.algorithm
    return {
        14: hl7_study_time(study.identity) if study.identity else "",
        17: components(algorithm.name, algorithm.title or algorithm.name, _OWN_CODES),
        18: components(f"{algorithm.name} {algorithm.version}", _APPLICATION, *_universal(algorithm.device_uid)),
        19: hl7_instant(analysis.started),
    }


def _universal(uid: str) -> tuple[str, ...]:
    return (uid, "ISO") if uid else ()


def _concept(code: Code | None, label: str) -> Field:
    return components("", label) if code is None else components(code.value, label or code.meaning, code.scheme)


def _notes(told: Iterable[str]) -> str:
    """One NTE for each sentence; L: the source is who fills the order (table 0105)."""
    return "".join(segment("NTE", {1: str(n), 2: "L", 3: escaped(text)}) for n, text in enumerate(told, start=1))
