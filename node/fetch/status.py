"""What a status of C-FIND, C-MOVE or C-GET means: a table (PS3.4 C.4.1.1.4, C.4.2.1.5 and C.4.3.1.4)."""

from __future__ import annotations

from dataclasses import dataclass

SUCCESS, WARNING, UNKNOWN_DESTINATION = 0x0000, 0xB000, 0xA801

#: (first, last) -> what it is called.
MEANINGS: dict[tuple[int, int], str] = {
    (0x0000, 0x0000): "success",
    (0x0122, 0x0122): "SOP Class not supported",
    (0x0124, 0x0124): "not authorized",
    (0x0211, 0x0211): "unrecognized operation",
    (0xA700, 0xA700): "refused: out of resources",
    (0xA701, 0xA701): "refused: out of resources, it cannot count what matches",
    (0xA702, 0xA702): "refused: out of resources, it cannot send",
    (0xA801, 0xA801): "refused: Move Destination unknown",
    (0xA900, 0xA900): "the identifier does not match the SOP Class",
    (0xB000, 0xB000): "some could not be sent",
    (0xC000, 0xCFFF): "unable to process",
    (0xFE00, 0xFE00): "cancelled",
}


def reason_of(status: int) -> str:
    """One line for the operator, e.g. `status A900: the identifier does not match the SOP Class`."""
    name = next((name for (first, last), name in MEANINGS.items() if first <= status <= last), "not in the standard")
    return f"status {status:04X}: {name}"


@dataclass(frozen=True)
class Moved:
    """How an archive answered.

    Attributes:
        completed, failed, warning: sub-operations, as it counts them last.
        reason: why not all is well; empty when it says that it is.
        unsent: Failed SOP Instance UID List (0008,0058), as far as it is one.
    """

    completed: int
    failed: int
    warning: int
    reason: str = ""
    unsent: tuple[str, ...] = ()


def moved(status: int, completed: int, failed: int, warning: int, unsent: tuple[str, ...] = ()) -> Moved:
    """By its last answer. Args: completed, failed, warning: sub-operations; unsent: what it names of the failed."""
    if status == SUCCESS and not failed:
        return Moved(completed, failed, warning)
    said = reason_of(status) if status != SUCCESS else "it says success all the same"
    reason = f"{said}; {completed} sent, {failed} failed, {warning} with a warning"
    return Moved(completed, failed, warning, reason, unsent)
