"""Patient's Age (0010,1010) in years."""

from __future__ import annotations

import re

_AGE = re.compile(r"(\d{1,3})([DWMY])", re.IGNORECASE)
_PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0}


def age_years(text: str) -> float | None:
    """Years from an Age String (AS, PS3.5 6.2): ``045Y``, ``006M``, ``026W``, ``003D``; None when it is none."""
    match = _AGE.fullmatch(text.strip())
    return int(match[1]) / _PER_YEAR[match[2].upper()] if match else None
