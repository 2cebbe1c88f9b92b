"""What a general acknowledgement says of a message (HL7 v2.5.1, 2.9.2 and 2.13): a table.

AE says that the content of the message is in error, AR that the message cannot be taken: for its header (type, version,
processing id), or for a reason of the receiver's own that passes. Which of them it is, the error code (ERR-3, table
0357) tells, so it decides where there is one. Without one nobody knows: receivers answer AE for a locked database as
often as for a bad field. The limit of attempts ends what does not pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.deliver.http import shown
from node.deliver.outcome import Verdict

#: MSA-1 (table 0008) -> what follows where no error code says more.
CODES: Mapping[str, Verdict] = {
    "AA": Verdict.DELIVERED,
    "CA": Verdict.DELIVERED,
    "AE": Verdict.NOT_UNDERSTOOD,
    "CE": Verdict.NOT_UNDERSTOOD,
    "AR": Verdict.TEMPORARY,
    "CR": Verdict.PERMANENT,  # 2.9.3.2: one of the values in MSH is not acceptable
}

#: ERR-3 (table 0357) -> whether the same message can be taken later.
ERRORS: Mapping[str, Verdict] = {
    "100": Verdict.PERMANENT,  # segment sequence error
    "101": Verdict.PERMANENT,  # required field missing
    "102": Verdict.PERMANENT,  # data type error
    "103": Verdict.PERMANENT,  # table value not found
    "200": Verdict.PERMANENT,  # unsupported message type
    "201": Verdict.PERMANENT,  # unsupported event code
    "202": Verdict.PERMANENT,  # unsupported processing id
    "203": Verdict.PERMANENT,  # unsupported version id
    "204": Verdict.TEMPORARY,  # unknown key identifier: the order or the patient may come yet
    "205": Verdict.PERMANENT,  # duplicate key identifier
    "206": Verdict.TEMPORARY,  # application record locked
    "207": Verdict.TEMPORARY,  # application internal error
}

Segment = list[str]


@dataclass(frozen=True)
class Acknowledgement:
    """What is read of one.

    Attributes:
        code: MSA-1.
        control_id: MSA-2: MSH-10 of the message that it speaks of.
        error: ERR-3.1 of the first error; empty when there is none.
        text: for a person, of MSA-3 and ERR; on one printable line.
    """

    code: str
    control_id: str
    error: str = ""
    text: str = ""


def read(answer: bytes) -> Acknowledgement | None:
    """The acknowledgement; None for what is none. Every kind of line end is taken, and its own separators."""
    segments = [line for line in answer.decode("utf-8", "replace").replace("\n", "\r").split("\r") if line.strip()]
    if not segments or not segments[0].startswith("MSH") or len(segments[0]) < 5:  # MSH, MSH-1 and one character
        return None
    separator, component = segments[0][3], segments[0][4]
    rows = [segment.split(separator) for segment in segments]
    msa = next((row for row in rows if row[0] == "MSA"), None)
    if msa is None:
        return None
    errors = [row for row in rows if row[0] == "ERR"]
    code = _field(errors[0], 3).split(component)[0] if errors else ""
    told = [_field(msa, 3), *(_told(row, component) for row in errors)]
    return Acknowledgement(
        _field(msa, 1).strip().upper(), _field(msa, 2).strip(), code.strip(), shown("; ".join(filter(None, told)))
    )


def verdict_of(acknowledgement: Acknowledgement) -> Verdict:
    """What follows for the message; a code that the standard does not know is temporary."""
    verdict = CODES.get(acknowledgement.code, Verdict.TEMPORARY)
    return verdict if verdict is Verdict.DELIVERED else ERRORS.get(acknowledgement.error, verdict)


def reason_of(acknowledgement: Acknowledgement) -> str:
    """One line for the operator; empty when it was accepted."""
    if CODES.get(acknowledgement.code) is Verdict.DELIVERED:
        return ""
    code = shown(acknowledgement.code) or "no code"
    error = f", error {shown(acknowledgement.error)}" if acknowledgement.error else ""
    return f"acknowledged with {code}{error}" + (f": {acknowledgement.text}" if acknowledgement.text else "")


def _told(error: Segment, component: str) -> str:
    """ERR-8 (for a person), else ERR-7 (for a developer), else the words of the code (ERR-3)."""
    words = [part.strip() for part in _field(error, 3).split(component)[1:2]]
    return next(filter(None, (_field(error, 8), _field(error, 7), *words)), "")


def _field(segment: Segment, number: int) -> str:
    return segment[number] if number < len(segment) else ""
