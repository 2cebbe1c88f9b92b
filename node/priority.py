"""How urgent an analysis is, and in which order analyses are begun.

Every analysis has a rank, a number that it keeps while it waits; the lowest goes first. It is the time from which it
could be begun, and so many seconds more for each class below STAT: after these seconds it stands where the next class
comes in, which is how waiting moves it up. STAT comes before everything else; what has waited so long that it would
come in with STAT takes turns with it, so that no stream of STAT holds anything up for ever.

Worked example, with an hour for a class: LOW of 08:00, ROUTINE of 09:30 and HIGH of 10:15 have the ranks of 11:00,
11:30 and 11:15, and go in that order; STAT goes before them, and from 11:00 on in turns with the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

#: Ranks of STAT lie so far below all others, and those of classes so far apart when waiting changes nothing; seconds.
_AHEAD, _NEVER = 1e10, 1e9


class Priority(StrEnum):
    """The classes, the most urgent first."""

    STAT = "stat"
    HIGH = "high"
    ROUTINE = "routine"
    LOW = "low"

    @property
    def below_stat(self) -> int:
        """How many classes lie above it."""
        return list(Priority).index(self)


#: Requested Procedure Priority (0040,1003), PS3.3 C.4.11, the most urgent first.
DICOM_TERMS = {
    "STAT": Priority.STAT,
    "HIGH": Priority.HIGH,
    "ROUTINE": Priority.ROUTINE,
    "MEDIUM": Priority.ROUTINE,
    "LOW": Priority.LOW,
}


@dataclass(frozen=True)
class Urgency:
    """A priority, and who says so; empty: nobody does."""

    priority: Priority = Priority.ROUTINE
    reason: str = ""


@dataclass(frozen=True)
class Turn:
    """Whose turn it is: those whose rank is at least and at most that, and not by a route whose window is shut."""

    least: float = -math.inf
    most: float = math.inf
    shut: tuple[str, ...] = ()


def rank(priority: Priority, begins: float, ageing_seconds: float) -> float:
    """The place among those that wait.

    Args:
        priority: its class.
        begins: from when it could be begun, epoch seconds.
        ageing_seconds: after which it stands in the next class; 0: never.
    """
    if priority is Priority.STAT:
        return begins - _AHEAD
    return begins + priority.below_stat * (ageing_seconds or _NEVER)


def turns(now: float, shut: tuple[str, ...], *, aged_first: bool) -> Iterator[Turn]:
    """Who is asked for one after the other: STAT, then all; before both, each second time, what has waited for long."""
    if aged_first:
        yield Turn(0, now, shut)
    yield Turn(most=0, shut=shut)
    yield Turn(shut=shut)
