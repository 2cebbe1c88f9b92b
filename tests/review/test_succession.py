"""Which of several reports of one order counts, in whichever order their messages come."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from node.ledger import Ledger
from node.review.hl7 import moment
from node.reviews import is_earlier
from node.spool import Spool
from tests.peers.ris import Report, document
from tests.review.messages import came, film, look, row, said

FINAL = Report(text="No pneumonia. No effusion.", told_at="20260101100000", sent_at="20260101100001")
CORRECTED = Report(text="Pneumonia.", status="C", told_at="20260101110000", sent_at="20260101110001")
CANCELED = Report(text="", status="X", told_at="20260101120000", sent_at="20260101120001")
WRONG = replace(CORRECTED, line_status="W", told_at="20260101120000", sent_at="20260101120001")
PRELIMINARY = Report(text="Large effusion.", status="P", told_at="20260101090000", sent_at="20260101090001")
ADDENDUM = Report(
    text="Addendum: pneumonia.", code="18748-4&ADT^Report^LN", told_at="20260101110000", sent_at="20260101110001"
)
NOTHING: list[tuple[str, str]] = []
OF_FINAL = [("effusion", "absent"), ("opacity", "absent")]
OF_BOTH = [("effusion", "absent"), ("opacity", "present")]


def last(ledger: Ledger) -> list[tuple[str, str]]:
    """The last word on each finding."""
    return sorted(dict(said(ledger)).items())


SEQUENCES = {
    "preliminary, final, corrected": ([PRELIMINARY, FINAL, CORRECTED], [("opacity", "present")]),
    "final, then a late preliminary": ([FINAL, replace(PRELIMINARY, told_at="20260101150000")], OF_FINAL),
    "final, canceled": ([FINAL, CANCELED], NOTHING),
    "final, corrected, posted as wrong": ([FINAL, CORRECTED, WRONG], NOTHING),
    "final, deleted": ([FINAL, replace(WRONG, line_status="D")], NOTHING),
    "canceled, and made anew": (
        [FINAL, CANCELED, replace(CORRECTED, told_at="20260102", status="F")],
        [("opacity", "present")],
    ),
    "final, canceled with the code of an addendum": ([FINAL, replace(CANCELED, code="18748-4&ADT")], NOTHING),
    "final, addendum": ([FINAL, ADDENDUM], OF_BOTH),
    "final, addendum, corrected as a whole": (
        [FINAL, ADDENDUM, replace(CORRECTED, text="No pneumonia.", told_at="20260101130000")],
        [("opacity", "absent")],
    ),
    "final, addendum, addendum taken back": (
        [FINAL, ADDENDUM, replace(ADDENDUM, status="C", line_status="W", told_at="20260101130000")],
        OF_FINAL,
    ),
    "two addenda": (
        [FINAL, ADDENDUM, replace(ADDENDUM, text="Addendum: no pneumonia. Effusion.", told_at="20260101130000")],
        [("effusion", "present"), ("opacity", "absent")],
    ),
}


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("by", ["result status", "message"])
def test_the_newest_counts_in_whichever_order_they_come(ledger: Ledger, spool: Spool, name: str, by: str) -> None:
    """By OBR-22, and where that is not told by MSH-7."""
    reports, expected = SEQUENCES[name]
    orders = list(permutations(reports)) if by == "result status" else [reports[::-1]]
    for number, order in enumerate(orders):
        accession = f"N{number}"
        study = f"1.2.{number + 7}"
        film(ledger, spool, study)
        for one in order:
            told_at, sent_at = (one.told_at, "") if by == "result status" else ("", one.told_at)
            report = replace(one, told_at=told_at, sent_at=sent_at, accession=accession, study=study)
            came(ledger, spool, report)
            look(ledger, spool)
        found = dict(said(ledger, study))
        assert sorted(found.items()) == expected, [one.status for one in order]


@pytest.mark.parametrize("second", [CORRECTED, ADDENDUM], ids=["correction", "addendum"])
def test_a_report_without_times_stands_before_its_correction_and_its_addendum(
    ledger: Ledger, spool: Spool, second: Report
) -> None:
    film(ledger, spool)
    for one in (second, FINAL):
        came(ledger, spool, replace(one, told_at="", sent_at=""))
        look(ledger, spool)
    assert last(ledger) == ([("opacity", "present")] if second is CORRECTED else OF_BOTH)


def test_without_times_the_one_that_came_last_counts(ledger: Ledger, spool: Spool) -> None:
    film(ledger, spool)
    for one in (FINAL, CORRECTED, replace(CORRECTED, text="Effusion."), replace(CANCELED), FINAL):
        came(ledger, spool, replace(one, told_at="", sent_at=""))
    look(ledger, spool)
    assert last(ledger) == OF_FINAL, "it was made anew after it had been canceled"


def test_a_message_that_is_sent_late_with_the_same_status_time_is_judged_by_its_own(
    ledger: Ledger, spool: Spool
) -> None:
    film(ledger, spool)
    newer, older = replace(FINAL, sent_at="20260101100500"), replace(FINAL, text="Pneumonia.", sent_at="202601011004")
    for one in (newer, older):
        came(ledger, spool, one)
    look(ledger, spool)
    assert last(ledger) == OF_FINAL
    assert "changed later" in row(ledger).reason


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_documents_are_judged_alike(ledger: Ledger, spool: Spool, order: tuple[int, ...]) -> None:
    film(ledger, spool)
    documents = (
        document("No pneumonia. No effusion.", told_at="20260101"),
        document("Addendum: pneumonia.", event="T06", number="D2", parent="D1", told_at="20260102"),
        document("Addendum: large effusion.", event="T06", number="D3", parent="D1", told_at="20260103"),
    )
    for at in order:
        came(ledger, spool, documents[at])
        look(ledger, spool)
    assert last(ledger) == [("effusion", "present"), ("opacity", "present")]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("20260101100000", "20260101100001", True),
        ("20260101100001", "20260101100000", False),
        ("20260101100000", "20260101100000", None),
        ("20260101", "20260101100000", None),
        ("20260102", "20260101100000", False),
        ("202601011000", "20260101100000.5", None),
        ("20260101100000.1", "20260101100000.25", True),
        ("20261025023000+0200", "20261025021500+0100", True),
        ("20260101100000+0100", "20260101093000+0000", True),
        ("20260101100000+0100", "20260101100000", None),
        ("20260231100000+0100", "20260301100000", True),
        ("", "20260101", None),
        ("yesterday", "20260101", None),
    ],
)
def test_moments_are_compared_as_far_as_both_are_told(one: str, other: str, expected: bool | None) -> None:
    assert is_earlier(moment(one), moment(other)) is expected


# In the forms in which they come


def obx(text: str, number: int = 2, kind: str = "TX", status: str = "F", code: str = "18748-4^Report^LN") -> str:
    return f"OBX|{number}|{kind}|{code}||{text}||||||{status}\r"


@pytest.mark.parametrize(
    ("report", "more", "expected"),
    [
        (Report(text="No effusion."), obx("Pneumonia in both lungs."), OF_BOTH),
        (Report(text="No effusion\\.br\\Pneumonia", kind="FT"), "", OF_BOTH),
        (Report(text="Findings:\\.br\\\\.sp\\No effusion~Pneumonia", kind="FT"), "", OF_BOTH),
        (Report(text="No effusion. Pneumonia."), obx("^application^pdf^Base64^JVBERi0=", kind="ED"), OF_BOTH),
        (Report(text="^application^pdf^Base64^JVBERi0=", kind="ED"), obx("No effusion. Pneumonia."), OF_BOTH),
        (Report(text=r"{\rtf1\ansi No effusion\par Pneumonia\par}".replace("\\", "\\E\\"), kind="FT"), "", OF_BOTH),
        (Report(text=r"{\rtf1\ansi No effusion\par Pneumonia\par}"), "", OF_BOTH),
        (Report(text="No effusion. Pneumonia."), "NTE|1||no pneumonia, large effusion\r", OF_BOTH),
        (Report(text="No effusion."), obx("Pneumonia.", status="P") + obx("Pneumonia.", 3, status="X"), OF_FINAL[:1]),
        (Report(text="No effusion."), obx("Pneumonia.", status="V"), OF_BOTH),
        (Report(text="No effusion.", line_status="U"), obx("Pneumonia.", status="A"), OF_BOTH),
        (Report(text="No effusion."), obx("Pneumonia.", code="18748-4&ADT^Report^LN"), OF_BOTH),
        (Report(text=""), "OBR|2|PL2|ACC2|CT\r" + obx("Pneumonia."), NOTHING),
    ],
    ids=[
        "several",
        "br",
        "sp",
        "pdf-behind",
        "pdf-before",
        "rtf-escaped",
        "rtf",
        "note",
        "others",
        "verified",
        "amended",
        "addendum-in-it",
        "two-orders",
    ],
)
def test_a_report_is_read_in_every_form(
    ledger: Ledger, spool: Spool, report: Report, more: str, expected: list[tuple[str, str]]
) -> None:
    film(ledger, spool)
    came(ledger, spool, replace(report, version="2.3.1").message() + more.encode())
    look(ledger, spool)
    assert last(ledger) == expected


@pytest.mark.parametrize(
    "report",
    [
        Report(text="^application^pdf^Base64^JVBERi0=", kind="ED"),
        Report(text="", line_status="U"),
        Report(text="Pneumonia.", status="A", line_status="A"),
        Report(text="Pneumonia.", status="R"),
    ],
    ids=["PDF alone", "final without its text", "some results", "not verified"],
)
def test_what_has_no_final_text_replaces_nothing(ledger: Ledger, spool: Spool, report: Report) -> None:
    film(ledger, spool)
    came(ledger, spool, FINAL)
    look(ledger, spool)
    came(ledger, spool, replace(report, told_at="20260101150000", sent_at="20260101150000"))
    look(ledger, spool)
    assert (last(ledger), row(ledger).status) == (OF_FINAL, "ASIDE")
