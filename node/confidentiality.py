"""The options of a copy without the patient that somebody may choose (PS3.15 E.3), see :mod:`node.deidentify`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Dates(StrEnum):
    """What becomes of dates and times."""

    REMOVE = "remove"
    SHIFT = "shift"  # by days of its own for each patient: intervals stay (E.3.6, Modified Dates)
    KEEP = "keep"  # E.3.6, Full Dates


class Keep(StrEnum):
    """What stays beyond the basic profile."""

    PATIENT = "patient"  # sex, age, size, weight (E.3.7)
    DEVICE = "device"  # serial number, station (E.3.8)
    INSTITUTION = "institution"  # its name and address (E.3.11)
    UIDS = "uids"  # E.3.9
    SAFE_PRIVATE = "safe-private"  # of the private attributes those of a short list (E.3.10)


@dataclass(frozen=True)
class Choices:
    """What was chosen.

    Attributes:
        dates: what becomes of them.
        keep: what stays.
        clean_descriptors: descriptions keep the words of the trade (E.3.5); else they go as a whole.
        pixels_are_clean: somebody has looked: no text of a patient is burned into any image, and nobody's face is seen.
    """

    dates: Dates = Dates.REMOVE
    keep: frozenset[Keep] = frozenset()
    clean_descriptors: bool = False
    pixels_are_clean: bool = False
