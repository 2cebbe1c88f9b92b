"""Windows: over midnight, on days of the week, and when clocks change."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.window import clock, time_zone, window

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = "20:00-06:00"


def at(text: str, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp()


@pytest.mark.parametrize(
    ("text", "moment", "is_open"),
    [
        (NIGHT, "2026-11-27T19:59:59", False),
        (NIGHT, "2026-11-27T20:00", True),
        (NIGHT, "2026-11-28T05:59:59", True),
        (NIGHT, "2026-11-28T06:00", False),
        ("08:00-18:00", "2026-11-27T12:00", True),
        ("fri 20:00-06:00", "2026-11-28T05:00", True),  # Saturday morning belongs to Friday's night
        ("fri 20:00-06:00", "2026-11-27T05:00", False),
        ("sat,sun 00:00-24:00", "2026-11-29T23:59", True),
        ("sat,sun 00:00-24:00", "2026-11-30T00:00", False),
        ("20:00-06:00; Sat, Sun 00:00-24:00", "2026-11-28T12:00", True),
        ("fri-mon 10:00-11:00", "2026-11-30T10:30", True),
        ("fri-mon 10:00-11:00", "2026-12-01T10:30", False),
    ],
)
def test_a_window_is_open_between_its_times(text: str, moment: str, is_open: bool) -> None:
    assert window(text).is_open(at(moment), BERLIN) is is_open


@pytest.mark.parametrize(
    ("text", "moment", "opens"),
    [
        (NIGHT, "2026-11-27T12:00", "2026-11-27T20:00"),
        (NIGHT, "2026-11-27T21:00", "2026-11-27T21:00"),
        ("sat,sun 00:00-24:00", "2026-11-30T00:00", "2026-12-05T00:00"),
        ("02:00-06:00", "2026-11-27T06:00", "2026-11-28T02:00"),
    ],
)
def test_it_is_known_when_it_opens(text: str, moment: str, opens: str) -> None:
    assert window(text).opens_at(at(moment), BERLIN) == at(opens)


def test_the_hour_that_is_left_out_in_spring_shortens_the_night_and_loses_nothing() -> None:
    # 2026-03-29: 02:00 is followed by 03:00
    night = window("02:30-06:00")
    assert night.opens_at(at("2026-03-29T01:59"), BERLIN) <= at("2026-03-29T03:30")
    assert window("02:10-02:50").opens_at(at("2026-03-28T12:00"), BERLIN) == at("2026-03-30T02:10")


def test_the_hour_that_comes_twice_in_autumn_opens_the_window_twice() -> None:
    # 2026-10-25: 03:00 is followed by 02:00
    early = window("02:30-02:45")
    assert early.is_open(at("2026-10-25T02:40"), BERLIN)
    assert early.is_open(at("2026-10-25T02:40", fold=1), BERLIN)
    assert early.opens_at(at("2026-10-25T02:50"), BERLIN) == at("2026-10-25T02:30", fold=1)


def test_the_night_of_another_zone_is_another_night() -> None:
    noon = at("2026-11-27T12:00")
    assert not window(NIGHT).is_open(noon, BERLIN)
    assert window(NIGHT).is_open(noon, ZoneInfo("Asia/Tokyo"))


def test_a_time_is_told_as_the_windows_zone_has_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        opens = at("2026-11-28T20:00")
        assert clock(opens) == clock(opens, "UTC") == "2026-11-28 19:00:00"
        assert clock(opens, "Europe/Berlin") == "2026-11-28 19:00:00 (20:00 in Europe/Berlin)"
        assert clock(opens, "Asia/Tokyo") == "2026-11-28 19:00:00 (2026-11-29 04:00 in Asia/Tokyo)"
    finally:
        monkeypatch.undo()
        time.tzset()


_minutes = st.integers(0, 1439)


@given(
    _minutes, _minutes, st.sampled_from(["", "mon ", "sat,sun ", "tue-thu "]), st.integers(1_700_000_000, 1_900_000_000)
)
def test_when_it_opens_it_is_open_and_never_before_now(begin: int, end: int, days: str, now: int) -> None:
    if begin == end:
        end = begin + 1
    text = f"{days}{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    opens = window(text).opens_at(now, BERLIN)
    assert now <= opens <= now + 9 * 86400
    assert window(text).is_open(opens, BERLIN) or opens == now + 9 * 86400


@pytest.mark.parametrize(
    "text", ["20:00", "20-6", "25:00-06:00", "20:60-21:00", "24:00-02:00", "06:00-06:00", "xyz 20:00-06:00", ""]
)
def test_what_is_no_window_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no window|is no day of the week"):
        window(text)


def test_a_zone_that_nobody_knows_is_refused() -> None:
    assert time_zone("") is None
    with pytest.raises(ValueError, match="Europe/Berlin"):
        time_zone("Europe/Atlantis")
