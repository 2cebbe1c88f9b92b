"""Which part of the data a patient belongs to: decided by a hash of the patient alone, so it never changes.

Worked example::

    >>> part_of("nih-00001280")
    'train'
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

PARTS = ("train", "validation", "held-back")
_SHARES = (0.65, 0.15, 0.20)


def part_of(group: str) -> str:
    """The part of a patient or of a group of near duplicates: 65 % train, 15 % validation, 20 % held-back."""
    place = int(sha256(f"radnode split 1 {group}".encode()).hexdigest()[:8], 16) / 2**32
    upper = 0.0
    for part, share in zip(PARTS, _SHARES, strict=True):
        upper += share
        if place < upper:
            return part
    return PARTS[-1]


def parts_of(groups: Sequence[str]) -> list[str]:
    """The part of each group, in order."""
    return [part_of(group) for group in groups]
