"""What a status of C-STORE, or a Failure Reason of STOW-RS, means for the object: a table."""

from __future__ import annotations

from dataclasses import dataclass

from node.deliver.outcome import Verdict


@dataclass(frozen=True)
class Meaning:
    """A row: statuses from `first` to `last`, what they are called and what follows."""

    first: int
    last: int
    verdict: Verdict
    name: str
    clause: str


_OK, _WARNING, _LATER, _NEVER = Verdict.DELIVERED, Verdict.WARNING, Verdict.TEMPORARY, Verdict.PERMANENT
_UNCLEAR = Verdict.NOT_UNDERSTOOD

#: Cxxx and 0110 are tried again although the standard calls them failures: archives answer them for a locked database
#: or a full disk as often as for a bad object. The limit of attempts ends what does not pass.
MEANINGS: tuple[Meaning, ...] = (
    Meaning(0x0000, 0x0000, _OK, "Success", "PS3.4 B.2.3"),
    Meaning(0x0001, 0x0001, _WARNING, "Requested optional attributes are not supported", "PS3.7 C.4"),
    Meaning(0x0107, 0x0107, _WARNING, "Attribute list error", "PS3.7 C.4.2"),
    Meaning(0x0110, 0x0110, _LATER, "Processing failure", "PS3.7 C.5.21"),
    # Our UIDs are derived from the content: what the peer has under this UID is this very object.
    Meaning(0x0111, 0x0111, _WARNING, "Duplicate SOP Instance: the destination has it already", "PS3.7 C.5.8"),
    Meaning(0x0116, 0x0116, _WARNING, "Attribute value out of range", "PS3.7 C.4.3"),
    Meaning(0x0105, 0x0106, _NEVER, "No such attribute, or an invalid value", "PS3.7 C.5"),
    Meaning(0x0112, 0x0115, _NEVER, "No such SOP Instance, event type, action or argument", "PS3.7 C.5"),
    Meaning(0x0117, 0x0117, _NEVER, "Invalid SOP Instance", "PS3.7 C.5.12"),
    Meaning(0x0118, 0x0118, _NEVER, "No such SOP Class", "PS3.7 C.5.20"),
    Meaning(0x0119, 0x0119, _NEVER, "Class-instance conflict", "PS3.7 C.5.7"),
    Meaning(0x0120, 0x0121, _NEVER, "Missing attribute or value", "PS3.7 C.5.13"),
    Meaning(0x0122, 0x0122, _NEVER, "SOP Class not supported", "PS3.7 C.5.6"),
    Meaning(0x0124, 0x0124, _NEVER, "Not authorized", "PS3.7 C.5.25"),
    Meaning(0x0210, 0x0210, _LATER, "Duplicate invocation", "PS3.7 C.5.10"),
    Meaning(0x0211, 0x0211, _NEVER, "Unrecognized operation", "PS3.7 C.5.23"),
    Meaning(0x0212, 0x0212, _NEVER, "Mistyped argument", "PS3.7 C.5.15"),
    Meaning(0x0213, 0x0213, _LATER, "Resource limitation", "PS3.7 C.5.18"),
    Meaning(0xA700, 0xA7FF, _LATER, "Refused: out of resources", "PS3.4 B.2.3"),
    Meaning(0xA800, 0xA8FF, _NEVER, "Refused: SOP Class not supported", "PS3.4 B.2.3, 1998 and before"),
    Meaning(0xA900, 0xA9FF, _NEVER, "Error: the dataset does not match the SOP Class", "PS3.4 B.2.3"),
    Meaning(0xB000, 0xB000, _WARNING, "Coercion of data elements", "PS3.4 B.2.3"),
    Meaning(0xB006, 0xB006, _WARNING, "Elements discarded", "PS3.4 B.2.3"),
    Meaning(0xB007, 0xB007, _WARNING, "The dataset does not match the SOP Class", "PS3.4 B.2.3"),
    Meaning(0xB001, 0xBFFF, _WARNING, "Warning", "PS3.7 C.4"),
    Meaning(0xC122, 0xC122, _NEVER, "Transfer syntax not supported", "PS3.18 10.5.3"),
    Meaning(0xC000, 0xCFFF, _UNCLEAR, "Error: cannot understand", "PS3.4 B.2.3"),
    Meaning(0xFE00, 0xFE00, _LATER, "Cancelled", "PS3.7 C.3"),
)

_UNKNOWN = Meaning(0x0000, 0xFFFF, _LATER, "a status that the standard does not know", "PS3.7 C")


def meaning_of(status: int) -> Meaning:
    """The first row that holds the status; an unknown status is temporary."""
    return next((row for row in MEANINGS if row.first <= status <= row.last), _UNKNOWN)


def reason_of(status: int, comment: str = "") -> str:
    """One line for the operator; empty for Success. `comment`: Error Comment (0000,0902) of the peer."""
    meaning = meaning_of(status)
    if meaning.verdict is _OK:
        return ""
    text = f"status {status:04X}: {meaning.name}"
    said = "".join(letter if letter.isprintable() else "?" for letter in comment.strip())[:64]  # LO, PS3.5 6.2
    return f"{text} ({said})" if said else text
