"""Dates and times of DICOM as FHIR and HL7 write them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.export.exported import Identity
from node.export.moment import fhir_date, fhir_instant, fhir_study_time, hl7_date, hl7_instant, hl7_study_time

SEEN = Identity(study_date="20250614", study_time="101112.123456", timezone_offset_from_utc="+0530")


def test_an_instant_is_in_utc() -> None:
    assert fhir_instant(1_750_000_000.9) == "2025-06-15T15:06:40Z"
    assert hl7_instant(1_750_000_000.9) == "20250615150640+0000"


def test_a_study_time_with_its_zone_is_written_whole() -> None:
    assert fhir_study_time(SEEN) == "2025-06-14T10:11:12+05:30"
    assert hl7_study_time(SEEN) == "20250614101112+0530"


@pytest.mark.parametrize("offset", ["", "0530", "+2530", "+05:30"])
def test_without_a_zone_fhir_has_the_day_alone(offset: str) -> None:
    seen = replace(SEEN, timezone_offset_from_utc=offset)
    assert fhir_study_time(seen) == "2025-06-14"
    assert hl7_study_time(seen) == "20250614101112"


def test_west_of_greenwich_is_west_of_greenwich() -> None:
    seen = replace(SEEN, timezone_offset_from_utc="-0300")
    assert fhir_study_time(seen).endswith("-03:00")
    assert hl7_study_time(seen).endswith("-0300")


@pytest.mark.parametrize(
    ("tm", "told"), [("10", "100000"), ("1011", "101100"), ("235960", "235959"), ("000000", "000000")]
)
def test_short_times_and_leap_seconds_are_times(tm: str, told: str) -> None:
    assert hl7_study_time(replace(SEEN, study_time=tm)) == f"20250614{told}+0530"


@pytest.mark.parametrize("tm", ["", "1", "2500", "1061", "10:11:12", "about noon"])
def test_what_is_no_time_is_left_out(tm: str) -> None:
    assert fhir_study_time(replace(SEEN, study_time=tm)) == "2025-06-14"
    assert hl7_study_time(replace(SEEN, study_time=tm)) == "20250614"


@pytest.mark.parametrize("da", ["", "2025", "20250231", "2025.06.14", "٢٠٢٥٠٦١٤", "00000000", "unknown!"])
def test_what_is_no_date_is_left_out(da: str) -> None:
    assert (fhir_date(da), hl7_date(da)) == ("", "")
    assert fhir_study_time(replace(SEEN, study_date=da)) == hl7_study_time(replace(SEEN, study_date=da)) == ""


def test_an_early_year_keeps_its_digits() -> None:
    assert (fhir_date("09000101"), hl7_date("09000101")) == ("0900-01-01", "09000101")
