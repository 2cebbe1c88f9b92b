"""Compares what the pixels show with what the header says of a contrast agent. The header is no input of the model."""

from __future__ import annotations

#: Contrast/Bolus Agent (0018,0010) is free text; these say that none was given.
_NONE = frozenset(
    {"NO", "NONE", "NIL", "N", "NO CONTRAST", "NON CONTRAST", "WITHOUT", "WITHOUT CONTRAST", "UNENHANCED"}
)
#: These name one that stays in the bowel and does not enhance vessels.
_ORAL = frozenset({"ORAL", "PO", "ORAL CONTRAST", "BARIUM", "WATER", "RECTAL"})
_LONGEST = 64


def remark(agent: str | None, probability: float, *, present: bool, absent: bool) -> str:
    """One sentence where header and pixels disagree, else nothing.

    Args:
        agent: as the header has it; None when the tag is absent, empty when it has no value.
        probability: calibrated, of enhancement.
        present: the pixels reach the operating point, beyond the undetermined band.
        absent: they stay below it. Neither: the pixels do not tell, so they contradict nothing.
    """
    words = "" if agent is None else " ".join(agent.split()).upper()
    if words in _ORAL:
        return ""
    if words and words not in _NONE:
        named = "".join(c for c in " ".join((agent or "").split()) if c.isprintable())[:_LONGEST]
        looks = f"the pixels look unenhanced with probability {1.0 - probability:.2f}"
        return f"the header names a contrast agent ({named}), {looks}" if absent else ""
    if not present:
        return ""
    looks = f"the pixels look enhanced with probability {probability:.2f}"
    if words:
        return f"the header says that no contrast agent was given ({words}), {looks}"
    why = "lacks the attribute Contrast/Bolus Agent" if agent is None else "leaves Contrast/Bolus Agent empty"
    return f"the header {why}, {looks}"
