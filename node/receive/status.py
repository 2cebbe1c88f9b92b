"""What the node answers, with the clause that says so; comments go on the wire and never hold values of a dataset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """A DIMSE status. `comment`: Error Comment (0000,0902), LO, at most 64 characters; `error`: Error ID (0000,0903),
    0: none."""

    code: int
    comment: str = ""
    clause: str = ""
    error: int = 0


SUCCESS = Status(0x0000, clause="PS3.4 B.2.3")
MISMATCH_KEPT = Status(0xB007, "kept, but it does not match its SOP class", "PS3.4 B.2.3")
NO_SPACE = Status(0xA700, "out of resources: no space, send again later", "PS3.4 B.2.3")
LEDGER_BUSY = Status(0xA700, "out of resources: busy, send again later", "PS3.4 B.2.3")
TOO_LONG = Status(0xA700, "out of resources: the dataset is longer than the limit", "PS3.4 B.2.3")
OTHER_CLASS = Status(0xA900, "the SOP class is not that of the presentation context", "PS3.4 B.2.3")
EMPTY = Status(0xC000, "cannot understand: there is no dataset", "PS3.4 B.2.3")
INVALID_VALUE = Status(0x0106, "an attribute has an invalid value", "PS3.7 C.5.11")
FAILED = Status(0x0110, "processing failure", "PS3.7 C.5.21")
NOT_UNDERSTOOD = Status(0x0110, "processing failure: the dataset cannot be read", "PS3.7 C.5.21")
STEP_ENDED = Status(0x0110, "Performed Procedure Step Object may no longer be updated", "PS3.4 F.7.2.2.4", 0xA710)
DUPLICATE_INSTANCE = Status(0x0111, "there is an instance of this SOP Instance UID already", "PS3.7 C.5.8")
NO_SUCH_STEP = Status(0x0112, "there is no instance of this SOP Instance UID", "PS3.7 C.5.19")
NO_SUCH_INSTANCE = Status(0x0112, "there is only the well-known instance", "PS3.7 C.5.19")
INVALID_ARGUMENT = Status(0x0115, "the dataset is no request for storage commitment", "PS3.7 C.5.10")
INVALID_REPORT = Status(0x0115, "the dataset is no report on storage commitment", "PS3.7 C.5.10")
NOBODY_ASKED = Status(0x0115, "no request has this Transaction UID", "PS3.7 C.5.10")
INVALID_INSTANCE = Status(0x0117, "the SOP Instance UID is missing, or is none", "PS3.7 C.5.12")
MISSING_ATTRIBUTE = Status(0x0120, "a required attribute is missing", "PS3.7 C.5.13")
MISSING_VALUE = Status(0x0121, "a required attribute has no value", "PS3.7 C.5.14")
CLASS_NOT_SUPPORTED = Status(0x0122, "the SOP class is not supported here", "PS3.7 C.5.6")
NO_SUCH_ACTION = Status(0x0123, "the only action is 1", "PS3.7 C.5.24")
NOT_AUTHORIZED = Status(0x0124, "not authorized: this peer may not do that here", "PS3.7 C.5.25")
OTHER_STUDY = Status(0x0124, "not authorized: it is of another study than was asked for", "PS3.7 C.5.25")
UNRECOGNIZED = Status(0x0211, "the operation is not supported", "PS3.7 C.5.23")
TOO_MANY = Status(0x0213, "resource limitation: it names more than any study has", "PS3.7 C.5.22")

ALL = (
    SUCCESS,
    MISMATCH_KEPT,
    NO_SPACE,
    LEDGER_BUSY,
    TOO_LONG,
    OTHER_CLASS,
    EMPTY,
    INVALID_VALUE,
    FAILED,
    NOT_UNDERSTOOD,
    STEP_ENDED,
    DUPLICATE_INSTANCE,
    NO_SUCH_STEP,
    NO_SUCH_INSTANCE,
    INVALID_ARGUMENT,
    INVALID_REPORT,
    NOBODY_ASKED,
    INVALID_INSTANCE,
    MISSING_ATTRIBUTE,
    MISSING_VALUE,
    CLASS_NOT_SUPPORTED,
    NO_SUCH_ACTION,
    NOT_AUTHORIZED,
    OTHER_STUDY,
    UNRECOGNIZED,
    TOO_MANY,
)


def table() -> str:
    """Every status with its comment and clause, as Markdown."""
    rows = [f"| {one.code:04X} | {one.comment or 'success'}{_error(one)} | {one.clause} |" for one in ALL]
    return "\n".join(["| status | Error Comment | where the standard says so |", "|---|---|---|", *rows])


def _error(one: Status) -> str:
    return f" (Error ID {one.error:04X})" if one.error else ""
