"""What may be asked of an archive, and which answers are to it."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from node.errors import PermanentError
from node.fetch import Wanted, dicom_dates


def answer(**changes: Any) -> Dataset:
    ds = Dataset()
    told = {"StudyInstanceUID": "1.2.3", "PatientID": "P1", "AccessionNumber": "A1", "StudyDate": "20261126"}
    for keyword, value in {**told, "ModalitiesInStudy": ["CT", "SR"], **changes}.items():
        setattr(ds, keyword, value)
    return ds


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"study": "1.2.x"},
        {"study": "1." * 32 + "1"},
        {"patient": "P*"},
        {"patient": "P?"},
        {"patient": "P1\\P2"},
        {"accession": "A" * 17},
        {"modality": "ct"},
        {"body_part": "CHEST\\HEAD"},
        {"date": "20261301"},
        {"date": "20261127-20261126"},
        {"date": "-"},
        {"date": "yesterday"},
    ],
)
def test_what_makes_no_sense_is_not_asked(wanted: dict[str, str]) -> None:
    with pytest.raises(PermanentError) as refused:
        Wanted(**wanted)
    assert wanted.get("patient", "?") not in str(refused.value), "no patient in a message"


@pytest.mark.parametrize(
    "wanted",
    [
        {"study": "1.2.3"},
        {"patient": "P1", "accession": "A1"},
        {"modality": "CT"},
        {"date": "20261126"},
        {"date": "20261126-"},
        {"date": "-20261126"},
        {"date": "20261101-20261130"},
    ],
)
def test_an_answer_that_fits_is_taken(wanted: dict[str, str]) -> None:
    assert Wanted(**wanted).fits(answer())


@pytest.mark.filterwarnings("ignore:Invalid value")
@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        ({"study": "1.2.4"}, {}),
        ({"patient": "P"}, {}),
        ({"patient": "P1"}, {"PatientID": None}),
        ({"accession": "A2"}, {}),
        ({"modality": "MR"}, {}),
        ({"date": "20261127-"}, {}),
        ({"date": "-20261125"}, {}),
        ({"date": "20261126"}, {"StudyDate": ""}),
        ({"patient": "P1"}, {"StudyInstanceUID": "../../etc"}),
    ],
)
def test_an_archive_that_ignores_a_key_brings_nobody_elses_study(
    wanted: dict[str, str], changes: dict[str, Any]
) -> None:
    assert not Wanted(**wanted).fits(answer(**changes))


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("2026-11-26", "20261126"),
        ("2026-11-01/2026-11-30", "20261101-20261130"),
        ("2026-11-01/", "20261101-"),
        ("/2026-11-26", "-20261126"),
        ("20261101-2026-11-30", "20261101-20261130"),
        ("20261101-20261130", "20261101-20261130"),
    ],
)
def test_dates_may_be_as_people_write_them(text: str, dates: str) -> None:
    assert dicom_dates(text) == dates
    assert Wanted(date=dicom_dates(text)).fits(answer())


@pytest.mark.parametrize("text", ["2026-11-31", "2026-11-27/2026-11-26", "2026-11", "12026-11-26", "26.11.2026", "/"])
def test_what_is_no_date_stays_none(text: str) -> None:
    with pytest.raises(PermanentError, match="this is no date or range of dates"):
        Wanted(date=dicom_dates(text))


def test_only_series_tell_what_the_study_does_not() -> None:
    assert Wanted(modality="CT").needs_series(())
    assert not Wanted(modality="CT").needs_series(("CT",))
    assert Wanted(body_part="CHEST").needs_series(("CT",))
    assert Wanted(modality="CT", body_part="CHEST").fits_series("CT", "CHEST")
    assert not Wanted(modality="CT", body_part="CHEST").fits_series("CT", "")
