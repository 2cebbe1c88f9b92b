"""From a message in the spool to rows of the ledger: matched, read, replaced, forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.account import FILE
from node.config import StorageSettings
from node.ledger import Ledger
from node.receive.kept import arrival_of
from node.retention import Retention
from node.review import take_report, take_statements
from node.review.taking import NO_ANSWERS
from node.reviews import NOT_SETTLED, Judgement, Statement, order_key, person_key, tallies
from node.spool import Spool
from node.states import StudyState
from tests.ledger.material import arrival, plan, reported
from tests.peers import Hospital
from tests.peers.hospital import CANARY
from tests.peers.ris import Report, document
from tests.review.messages import MINE, WORDS, answer, came, close, film, look, row, said

BOTH = [("opacity", "absent"), ("effusion", "present")]


@pytest.mark.parametrize("report", [Report(study="1.2", accession=""), Report()], ids=["by UID", "by order"])
def test_a_report_of_a_study_that_was_answered_is_read_and_counted_apart(
    ledger: Ledger, spool: Spool, report: Report
) -> None:
    film(ledger, spool)
    came(ledger, spool, replace(report, text="No pneumonia. Large effusion."))
    assert look(ledger, spool) == 2
    assert said(ledger) == BOTH
    assert ledger.reports.due() == []
    assert ledger.reviews.counted() == []
    assert {one.source for one in tallies(ledger.reviews.counted(by_text=True))} == {"HL7 RIS HOSPITAL"}
    assert (row(ledger).study_instance_uid, row(ledger).reason) == ("1.2", "")
    actions = [one.action for one in ledger.events.of_study("1.2")]
    corrected = "finding corrected by a signed report"
    assert actions[-4:] == ["report received", corrected, corrected, "report read"]
    assert "Canary" not in repr(ledger.events.latest(100))


def test_one_that_comes_before_its_study_is_read_once_that_is_answered(ledger: Ledger, spool: Spool) -> None:
    came(ledger, spool, Report(text="No pneumonia. Large effusion."))
    assert look(ledger, spool) == 0
    assert ledger.reports.due() == []
    assert row(ledger).reason == "no study that it names is here"
    assert ledger.reports.latest(5, unmatched=True) == [row(ledger)]
    ledger.arrivals.record([replace(arrival(1), **MINE)])
    assert look(ledger, spool) == 0
    assert (row(ledger).study_instance_uid, row(ledger).reason) == ("1.2", NOT_SETTLED)
    assert ledger.reports.latest(5, unmatched=True) == []
    answer(ledger, spool)
    assert look(ledger, spool) == 2
    assert said(ledger) == BOTH


def test_a_study_that_is_answered_anew_is_compared_with_the_report_anew(ledger: Ledger, spool: Spool) -> None:
    film(ledger, spool)
    came(ledger, spool, Report())
    look(ledger, spool)
    ledger.arrivals.record([arrival(2)])
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan()], ["because"])
    first, second = ledger.analyses.of_study("1.2")
    ledger.analyses.classified(second.id, "pneumonia 0.93")
    spool.write(f"work/{second.id}/{FILE}", spool.path(f"work/{first.id}/{FILE}").read_bytes())
    assert look(ledger, spool) == 0, "it is not answered yet"
    ledger.analyses.reported(second.id, [], {})
    close(ledger, "1.2")
    assert ledger.studies.get("1.2").state is StudyState.CLOSED
    assert look(ledger, spool) == 1
    (counted,) = ledger.reviews.counted(by_text=True)
    assert counted.truth == "absent"


def test_of_another_patient_nothing_is_read(ledger: Ledger, spool: Spool) -> None:
    film(ledger, spool)
    came(ledger, spool, Report(study="1.2", patient="PID2"))
    assert look(ledger, spool) == 0
    assert (row(ledger).study_instance_uid, row(ledger).reason) == ("", "its patient is not that of the study")


def test_an_accession_number_that_several_studies_have_names_none(ledger: Ledger, spool: Spool) -> None:
    film(ledger, spool)
    came(ledger, spool, Report())
    assert look(ledger, spool) == 1
    film(ledger, spool, "1.3")
    look(ledger, spool)
    assert row(ledger).study_instance_uid == ""
    assert "several studies" in row(ledger).reason
    assert said(ledger) == said(ledger, "1.3") == [], "what was read while there was one counts no more"
    came(ledger, spool, Report(study="1.3"))
    assert look(ledger, spool) == 1
    assert said(ledger, "1.3") == [("opacity", "absent")]


def test_a_corrected_report_replaces_the_first(ledger: Ledger, spool: Spool) -> None:
    film(ledger, spool)
    came(ledger, spool, Report(text="No pneumonia. Large effusion."))
    look(ledger, spool)
    came(ledger, spool, Report(text="Pneumonia.", status="C"))
    assert said(ledger) == [], "what was wrong counts no more from the moment on that it is known"
    look(ledger, spool)
    assert said(ledger) == [("opacity", "present")], "and of what the new one does not speak nothing is left"
    assert [one.replaced for one in ledger.reports.of_study("1.2")] == [1, 0]
    (tally,) = tallies(ledger.reviews.counted(by_text=True))
    assert (tally.finding, tally.ppv.hits, tally.ppv.total) == ("opacity", 1, 1)


def test_a_report_that_is_taken_back_counts_no_more(ledger: Ledger, spool: Spool) -> None:
    film(ledger, spool)
    came(ledger, spool, Report())
    look(ledger, spool)
    came(ledger, spool, Report(status="C", line_status="W"))
    look(ledger, spool)
    assert said(ledger) == []


def test_an_earlier_report_that_comes_late_replaces_nothing(ledger: Ledger, spool: Spool) -> None:
    film(ledger, spool)
    came(ledger, spool, Report(text="Pneumonia.", status="C", told_at="20260102120000"))
    came(ledger, spool, Report(text="No pneumonia.", told_at="20260101120000"))
    look(ledger, spool)
    assert said(ledger) == [("opacity", "present")]
    assert "changed later" in row(ledger).reason


PARENT, ADDENDUM = {"number": "D1"}, {"event": "T06", "number": "D2", "parent": "D1"}


@pytest.mark.parametrize("accession", ["ACC1", ""], ids=["of an order", "of a document alone"])
def test_an_addendum_is_read_beside_its_report_and_has_the_last_word(
    ledger: Ledger, spool: Spool, accession: str
) -> None:
    film(ledger, spool)
    study = {"accession": accession, "study": "1.2"}
    came(ledger, spool, document("No pneumonia. No effusion.", **PARENT, **study))
    look(ledger, spool)
    came(ledger, spool, document("Addendum: pneumonia.", told_at="20260102", **ADDENDUM, **study))
    look(ledger, spool)
    last = {one.finding: one.truth for one in ledger.reviews.counted(by_text=True)}
    assert last == {"opacity": "present", "effusion": "absent"}
    assert [(one.adds, one.replaced) for one in ledger.reports.of_study("1.2")] == [(0, 0), (1, 0)]
    came(ledger, spool, document("No pneumonia.", event="T10", number="D3", parent="D1", told_at="20260103", **study))
    look(ledger, spool)
    assert [one.replaced for one in ledger.reports.of_study("1.2")] == [1, 1, 0], "a replacement is of both"
    assert said(ledger) == [("opacity", "absent")]


def test_an_addendum_that_comes_first_or_again_replaces_nothing(ledger: Ledger, spool: Spool) -> None:
    film(ledger, spool)
    addendum = document("Addendum: pneumonia.", told_at="20260102", **ADDENDUM)
    for one in (addendum, document("No effusion.", **PARENT), addendum):
        came(ledger, spool, one)
        look(ledger, spool)
    assert sorted(said(ledger)) == [("effusion", "absent"), ("opacity", "present")]
    assert [one.replaced for one in ledger.reports.of_study("1.2")] == [0, 0]


def test_a_document_that_is_no_longer_valid_counts_no_more(ledger: Ledger, spool: Spool) -> None:
    film(ledger, spool)
    came(ledger, spool, document("Pneumonia.", **PARENT))
    look(ledger, spool)
    came(ledger, spool, document("Pneumonia.", event="T08", completion="AU||OB"))
    look(ledger, spool)
    assert said(ledger) == []


def test_a_preliminary_report_is_kept_aside_and_the_final_one_is_read(ledger: Ledger, spool: Spool) -> None:
    film(ledger, spool)
    came(ledger, spool, Report(text="Pneumonia.", status="P"))
    assert (look(ledger, spool), said(ledger)) == (0, [])
    came(ledger, spool, Report())
    look(ledger, spool)
    came(ledger, spool, Report(text="Pneumonia.", status="P"))
    assert (look(ledger, spool), said(ledger)) == (0, [("opacity", "absent")])
    assert [one.status for one in ledger.reports.of_study("1.2")] == ["ASIDE", "FINAL", "ASIDE"]


def test_two_systems_count_apart_and_neither_replaces_the_other(ledger: Ledger, spool: Spool) -> None:
    film(ledger, spool)
    came(ledger, spool, Report())
    came(ledger, spool, Report(text="Pneumonia.", application="OTHER"))
    look(ledger, spool)
    statement = Statement(judgement=Judgement.ACCEPTED, finding="opacity")
    take_statements(ledger, spool, "1.2", [statement], reader="one", origin="typed")
    found = {one.source: one.truth for one in ledger.reviews.counted(by_text=True)}
    assert found == {"HL7 RIS HOSPITAL": "absent", "HL7 OTHER HOSPITAL": "present"}
    assert [one.source for one in ledger.reviews.counted()] == [""]


def test_a_study_without_answers_says_so(ledger: Ledger, spool: Spool) -> None:
    ledger.arrivals.record([replace(arrival(1), **MINE)])
    reported(ledger)
    close(ledger, "1.2")
    came(ledger, spool, Report())
    look(ledger, spool)
    assert (row(ledger).study_instance_uid, row(ledger).reason) == ("1.2", NO_ANSWERS)


@pytest.mark.parametrize("content", [None, b"MSH|^~\\&|torn"])
def test_a_message_that_the_disk_has_lost_stops_nothing(ledger: Ledger, spool: Spool, content: bytes | None) -> None:
    film(ledger, spool)
    came(ledger, spool, Report())
    spool.remove(row(ledger).path)
    if content:
        spool.write(row(ledger).path, content)
    look(ledger, spool)
    assert "its file in the spool" in row(ledger).reason
    assert ledger.reports.due() == []


def test_what_changes_while_it_is_looked_at_is_looked_at_again(ledger: Ledger, spool: Spool) -> None:
    film(ledger, spool)
    came(ledger, spool, Report())
    (due,) = ledger.reports.due()
    came(ledger, spool, Report(text="Pneumonia.", status="C"))
    assert take_report(ledger, spool, due, WORDS, "ISO IR 100") == 0, "it was replaced meanwhile"
    look(ledger, spool)
    assert said(ledger) == [("opacity", "present")]


# Retention


def messages(spool: Spool) -> int:
    return len(list(spool.messages()))


@pytest.fixture
def retention(ledger: Ledger, spool: Spool) -> Retention:
    spool.prepare()
    return Retention(StorageSettings(keep_days=1), ledger, spool)


DAY = 86400.0


def test_a_report_goes_with_the_files_of_its_study(ledger: Ledger, spool: Spool, retention: Retention) -> None:
    film(ledger, spool)
    came(ledger, spool, Report())
    look(ledger, spool)
    now = row(ledger).received_at
    assert (retention.purge(now + DAY / 2), messages(spool)) == (0, 1)
    assert retention.planned(now + 2 * DAY)[0].size > 0
    assert (retention.purge(now + 2 * DAY), messages(spool)) == (1, 0)
    assert row(ledger).path == ""
    assert said(ledger) == [("opacity", "absent")], "what was understood stays"


def test_a_report_of_no_study_is_forgotten_after_as_long(ledger: Ledger, spool: Spool, retention: Retention) -> None:
    came(ledger, spool, Report())
    came(ledger, spool, Report(status="P"))
    now = row(ledger).received_at
    retention.purge(now + DAY / 2)
    assert messages(spool) == 2
    retention.purge(now + 2 * DAY)
    assert (messages(spool), ledger.reports.latest(5)) == (0, [])


def test_one_that_comes_after_the_files_have_gone_is_kept_as_long_and_read_no_more(
    ledger: Ledger, spool: Spool, retention: Retention
) -> None:
    film(ledger, spool)
    now = ledger.studies.get("1.2").last_at
    retention.purge(now + 2 * DAY)
    came(ledger, spool, Report())
    look(ledger, spool)
    assert (row(ledger).reason, messages(spool)) == (NO_ANSWERS, 1)
    retention.purge(now + 2 * DAY)
    assert messages(spool) == 0
    assert row(ledger).study_instance_uid == "1.2"


def test_a_message_stays_while_one_of_its_reports_does(ledger: Ledger, spool: Spool, retention: Retention) -> None:
    film(ledger, spool)
    film(ledger, spool, "1.3", order_key=order_key("ACC2", "PID1"))
    ledger.arrivals.record([replace(arrival(1, "1.4"), **{**MINE, "order_key": order_key("ACC3", "PID1")})])
    parts = [Report(accession=one).message().partition(b"\r")[2] for one in ("ACC1", "ACC2", "ACC3")]
    came(ledger, spool, Report(control_id="1").message().partition(b"\r")[0] + b"\r" + b"".join(parts))
    look(ledger, spool)
    now = row(ledger).received_at
    assert retention.purge(now + 2 * DAY) == 2
    assert messages(spool) == 1, "the third study is still open"


def test_a_film_tells_by_which_order_and_patient_a_report_finds_it(hospital: Hospital) -> None:
    found = arrival_of(hospital.film(1), "film.dcm", "a1")
    assert found.order_key == order_key("A1-1", f"{CANARY}1")
    assert found.person_key == person_key(f"{CANARY}1")
    assert order_key("", "P") == order_key("A", "") == person_key("") == ""
