"""Dates and times as FHIR and HL7 v2 write them; what is no date is left out."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

from node.export.exported import Identity

_TIME = re.compile(r"(\d{2})(\d{2})?(\d{2})?(?:\.(\d{1,6}))?")
_OFFSET = re.compile(r"([+-])(0\d|1[0-4])([0-5]\d)")
_LAST_SECOND = 59  # a leap second is 60 in DICOM (PS3.5 6.2, TM)


def fhir_instant(seconds: float) -> str:
    """Seconds since the epoch as FHIR's instant."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hl7_instant(seconds: float) -> str:
    """Seconds since the epoch as HL7's TS."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y%m%d%H%M%S+0000")


def fhir_date(da: str) -> str:
    """A DA as FHIR's date; empty when it is none."""
    found = _date(da)
    return found.isoformat() if found else ""


def hl7_date(da: str) -> str:
    """A DA as HL7's DT; empty when it is none."""
    return fhir_date(da).replace("-", "")


def fhir_study_time(identity: Identity) -> str:
    """When the study began, as FHIR's dateTime: without a time where no time zone is known, as FHIR wants it."""
    day, moment, zone = _study(identity)
    if day and moment and zone:
        return datetime.combine(day, moment, zone).isoformat(timespec="seconds")
    return day.isoformat() if day else ""


def hl7_study_time(identity: Identity) -> str:
    """When the study began, as HL7's TS."""
    day, moment, zone = _study(identity)
    if not (day and moment):
        return hl7_date(identity.study_date)
    offset = identity.timezone_offset_from_utc if zone else ""
    return hl7_date(identity.study_date) + moment.strftime("%H%M%S") + offset


def _study(identity: Identity) -> tuple[date | None, time | None, timezone | None]:
    return _date(identity.study_date), _time(identity.study_time), _zone(identity.timezone_offset_from_utc)


def _date(da: str) -> date | None:
    """Of a DA (PS3.5 6.2)."""
    try:
        return date(int(da[:4]), int(da[4:6]), int(da[6:])) if re.fullmatch(r"\d{8}", da, re.ASCII) else None
    except ValueError:
        return None


def _time(tm: str) -> time | None:
    """Of a TM (PS3.5 6.2); fractions of a second are dropped."""
    match = _TIME.fullmatch(tm)
    if match is None:
        return None
    try:
        return time(int(match[1]), int(match[2] or 0), min(int(match[3] or 0), _LAST_SECOND))
    except ValueError:
        return None


def _zone(offset: str) -> timezone | None:
    match = _OFFSET.fullmatch(offset)
    if match is None:
        return None
    found = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-found if match[1] == "-" else found)
