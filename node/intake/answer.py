"""What a sender is answered: a general acknowledgement (HL7 v2.5.1, 2.9.2 and 2.13) in the version of its message."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from node.export.hl7_text import Field, escaped, segment
from node.review.hl7 import Marks, Segment, Unfit
from node.review.message import EVENTS, VERSIONS

#: Table 0357, as far as it is used.
ERRORS: Mapping[str, str] = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "207": "Application internal error",
}
#: MSH-15 of those who want an accept acknowledgement (2.9.3), and of those who want none.
_ACCEPT, _NEVER = ("AL", "ER", "SU"), "NE"
#: Of answers to messages of a version that is not taken.
_VERSION = "2.5.1"
#: A message without a header that can be read.
NO_HEADER = Segment("MSH", (), Marks())


@dataclass(frozen=True)
class Answer:
    """Attributes: code: AA, AE or AR (table 0008); error: of table 0357, empty: none; text: for a person."""

    code: str
    error: str = ""
    text: str = ""


TAKEN = Answer("AA")


def answer_of(error: Unfit) -> Answer:
    """Why a message is not taken."""
    return Answer(error.code, error.error, error.what)


def acknowledgement(header: Segment, answer: Answer, application: str) -> bytes:
    """As bytes without frame; empty for a sender that wants no answer at all.

    Args:
        header: of the message that is answered.
        answer: what is said.
        application: Sending Application: who we are.
    """
    accept = header.part(15).upper()
    if accept == _NEVER and header.part(16).upper() == _NEVER:
        return b""
    code = f"C{answer.code[1]}" if accept in _ACCEPT else answer.code
    version = header.part(12) if header.part(12) in VERSIONS else _VERSION
    trigger = f"ACK^{event}" if (event := header.part(9, 2)) in {known for _, known in EVENTS} else "ACK"
    now = dt.datetime.now(dt.UTC).strftime("%Y%m%d%H%M%S+0000")
    lines = [
        segment(
            "MSH",
            {
                1: "^~\\&",  # MSH-1 is the separator itself, so that these numbers are one less
                2: escaped(application),
                4: escaped(printable(header.part(3))),
                5: escaped(printable(header.part(4))),
                6: now,
                8: trigger,
                9: uuid.uuid4().hex[:20],
                10: escaped(printable(header.part(11))) or "P",
                11: version,
            },
        ),
        segment("MSA", {1: code, 2: escaped(printable(header.part(10))), 3: escaped(answer.text)}),
    ]
    if answer.error:
        lines.append(segment("ERR", _error(answer, version)))
    return "".join(lines).encode("ascii", "replace")


def _error(answer: Answer, version: str) -> dict[int, Field | str]:
    """ERR, whose form is another one since v2.5."""
    words = ERRORS[answer.error]
    if version < "2.5":
        return {1: f"^^^{answer.error}&{words}&HL70357"}
    return {3: f"{answer.error}^{words}^HL70357", 4: "E", 8: escaped(answer.text)}


def printable(text: str) -> str:
    """What of a field may stand in an answer."""
    return "".join(one for one in text if one.isascii() and one.isprintable())[:199]
