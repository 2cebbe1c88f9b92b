"""What a status of C-FIND or C-MOVE means: a table (PS3.4 C.4.1.1.4 and C.4.2.1.5)."""

from __future__ import annotations

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
