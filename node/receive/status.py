"""What the node answers, with the clause that says so; comments go on the wire and never hold values of a dataset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """A DIMSE status. `comment`: Error Comment (0000,0902), LO, at most 64 characters."""

    code: int
    comment: str = ""
    clause: str = ""


SUCCESS = Status(0x0000, clause="PS3.4 B.2.3")
MISMATCH_KEPT = Status(0xB007, "kept, but it does not match its SOP class", "PS3.4 B.2.3")
NO_SPACE = Status(0xA700, "out of resources: no space, send again later", "PS3.4 B.2.3")
LEDGER_BUSY = Status(0xA700, "out of resources: busy, send again later", "PS3.4 B.2.3")
TOO_LONG = Status(0xA700, "out of resources: the dataset is longer than the limit", "PS3.4 B.2.3")
OTHER_CLASS = Status(0xA900, "the SOP class is not that of the presentation context", "PS3.4 B.2.3")
EMPTY = Status(0xC000, "cannot understand: there is no dataset", "PS3.4 B.2.3")
FAILED = Status(0x0110, "processing failure", "PS3.7 C.5.11")
NO_SUCH_INSTANCE = Status(0x0112, "there is only the well-known instance", "PS3.7 C.5.7")
INVALID_ARGUMENT = Status(0x0115, "the dataset is no request for storage commitment", "PS3.7 C.5.10")
INVALID_REPORT = Status(0x0115, "the dataset is no report on storage commitment", "PS3.7 C.5.10")
NOBODY_ASKED = Status(0x0115, "no request has this Transaction UID", "PS3.7 C.5.10")
CLASS_NOT_SUPPORTED = Status(0x0122, "the SOP class is not supported here", "PS3.7 C.5.6")
NO_SUCH_ACTION = Status(0x0123, "the only action is 1", "PS3.7 C.5.9")
NOT_AUTHORIZED = Status(0x0124, "not authorized: this peer may not do that here", "PS3.7 C.5.16")
OTHER_STUDY = Status(0x0124, "not authorized: it is of another study than was asked for", "PS3.7 C.5.16")
UNRECOGNIZED = Status(0x0211, "the operation is not supported", "PS3.7 C.5.19")

ALL = (
    SUCCESS,
    MISMATCH_KEPT,
    NO_SPACE,
    LEDGER_BUSY,
    TOO_LONG,
    OTHER_CLASS,
    EMPTY,
    FAILED,
    NO_SUCH_INSTANCE,
    INVALID_ARGUMENT,
    INVALID_REPORT,
    NOBODY_ASKED,
    CLASS_NOT_SUPPORTED,
    NO_SUCH_ACTION,
    NOT_AUTHORIZED,
    OTHER_STUDY,
    UNRECOGNIZED,
)


def table() -> str:
    """Every status with its comment and clause, as Markdown."""
    rows = [f"| {one.code:04X} | {one.comment or 'success'} | {one.clause} |" for one in ALL]
    return "\n".join(["| status | Error Comment | where the standard says so |", "|---|---|---|", *rows])
