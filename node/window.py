"""Windows of time, in which the analyses of a route may be begun: `20:00-06:00; sat,sun 00:00-24:00`.

A window is never noted with what waits for it: whether it is open is asked of the clock of now, each time. So a clock
that is set, daylight saving and the end of a process change nothing but the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60  # minutes
_SPAN = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:\s*[,-]\s*[a-z]{3})*)\s+)?(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)", re.ASCII
)
#: The next opening is looked for among so many days.
_LOOK_DAYS = 9


@dataclass(frozen=True)
class Span:
    """From `begin` to `end`, minutes after midnight, of each of the days (0: Monday); over midnight `end` is larger."""

    days: frozenset[int]
    begin: int
    end: int


@dataclass(frozen=True)
class Window:
    """Several spans; open when one of them is."""

    spans: tuple[Span, ...]

    def is_open(self, now: float, zone: tzinfo | None = None) -> bool:
        """Whether it is. Args: now: epoch seconds; zone: of the times of day; None: that of this machine."""
        local = datetime.fromtimestamp(now, zone)
        minute, today = local.hour * 60 + local.minute, local.weekday()
        return any(
            (today in span.days and span.begin <= minute < span.end)
            or ((today - 1) % 7 in span.days and minute + _DAY < span.end)
            for span in self.spans
        )

    def opens_at(self, now: float, zone: tzinfo | None = None) -> float:
        """When it is open next, epoch seconds; now, when it is."""
        if self.is_open(now, zone):
            return now
        today = datetime.fromtimestamp(now, zone).date()
        begins = (
            datetime.combine(day, time(span.begin // 60, span.begin % 60, fold=fold), zone).timestamp()
            for day in (today + timedelta(days) for days in range(_LOOK_DAYS))
            for span in self.spans
            if day.weekday() in span.days
            for fold in (0, 1)  # an hour that comes twice
        )
        # None is later than all of it where a span lies in the hour that is left out, and only that week.
        return min((at for at in begins if at > now and self.is_open(at, zone)), default=now + _LOOK_DAYS * 86400)


@lru_cache(maxsize=256)
def window(text: str) -> Window:
    """What the configuration says; raises ValueError with what is wrong."""
    return Window(tuple(_span(part.strip().lower()) for part in text.split(";")))


def time_zone(name: str) -> tzinfo | None:
    """That zone of the IANA's, None for no name; raises ValueError when this machine does not know it."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"this machine knows no time zone {name!r}: a name such as Europe/Berlin") from error


def clock(at: float, zone: str = "") -> str:
    """Date and time here, and there where that is another: `2026-11-28 19:00:00 (20:00 in Europe/Berlin)`.

    Args: at: epoch seconds; zone: as :func:`time_zone` has it.
    """
    here, there = datetime.fromtimestamp(at), datetime.fromtimestamp(at, time_zone(zone)).replace(tzinfo=None)
    text = f"{here:%Y-%m-%d %H:%M:%S}"
    if here == there:
        return text
    return f"{text} ({there:{'%H:%M' if here.date() == there.date() else '%Y-%m-%d %H:%M'}} in {zone})"


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no window: 20:00-06:00, or sat,sun 00:00-24:00; several with ; between")
    begin, end = (int(hour) * 60 + int(minute) for hour, minute in (found.group(2, 3), found.group(4, 5)))
    if max(int(found[3]), int(found[5])) > 59 or begin >= _DAY or end > _DAY or begin == end:
        raise ValueError(f"{text!r} is no window: from 00:00 to 24:00, and its end is not its beginning")
    return Span(_days(found["days"] or "mon-sun"), begin, end if end > begin else end + _DAY)


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = (name.strip() for name in part.partition("-"))
        numbers = [_DAYS.index(name) if name in _DAYS else -1 for name in (first, last or first)]
        if -1 in numbers:
            raise ValueError(f"{part.strip()!r} is no day of the week: {', '.join(_DAYS)}")
        found.update((numbers[0] + n) % 7 for n in range((numbers[1] - numbers[0]) % 7 + 1))
    return frozenset(found)
