"""A critical finding: told first, acknowledged by somebody, or escalated once."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from node.errors import PermanentError
from node.ledger import Critical, Ledger, Notice, critical_from
from node.states import AnalysisState, Reason
from node.study import ResultObject
from tests.ledger.material import classified, results

NOTICE = ResultObject("2.25.1", "", "", "critical-oru", "work/1/critical-a-oru.hl7")
FURTHER = ResultObject("2.25.2", "", "", "critical-event", "work/1/critical-a-event.json")
FOUND = Critical(
    "abcd0123", "air", "pneumothorax", 0.93, 30, (Notice(NOTICE, ("ris",)),), (Notice(FURTHER, ("hook",)),)
)
WANTED = {"pacs": ("sc", "sr"), "ris": ("oru",)}


def told(ledger: Ledger, found: Critical = FOUND, study: str = "1.2") -> int:
    """A study whose results wait for delivery, with a critical finding among them; the analysis' id."""
    analysis = classified(ledger, study)
    made = [*results(study), ResultObject(f"{study}.7.3", "", "", "oru", "work/1/oru.hl7")]
    ledger.analyses.reported(analysis.id, made, WANTED, [found])
    return analysis.id


def due(ledger: Ledger, destination: str) -> list[str]:
    return [row.kind for row in ledger.deliveries.due(destination, longest_wait=300)]


def deliver_all(ledger: Ledger, study: str = "1.2") -> None:
    for row in ledger.deliveries.of_study(study):
        if row.state == "WAITING":
            ledger.deliveries.done(row)


def actions(ledger: Ledger, study: str = "1.2") -> list[str]:
    return [one.action for one in ledger.events.of_study(study) if one.action.startswith("critical")]


def late(ledger: Ledger) -> float:
    """A moment after the deadline of everything that is open."""
    return max(one.due for one in ledger.criticals.open()) + 1


def test_the_notification_is_due_before_everything_else_of_the_analysis(ledger: Ledger) -> None:
    told(ledger)
    assert due(ledger, "ris") == ["critical-oru", "oru"]
    assert due(ledger, "pacs") == ["sc", "sr"]
    assert due(ledger, "hook") == []
    assert ledger.deliveries.of_study("1.2")[0].kind == "critical-oru"


def test_it_is_open_until_somebody_acknowledges_it_and_the_trail_says_who(ledger: Ledger) -> None:
    analysis_id = told(ledger)
    (one,) = ledger.criticals.open()
    assert (one.id, one.analysis_id, one.study_instance_uid, one.escalated) == ("abcd0123", analysis_id, "1.2", False)
    assert one.due - one.at == pytest.approx(30 * 60)
    ledger.criticals.acknowledge("abcd0123", "anna")
    assert ledger.criticals.open() == []
    begun, ended = (one for one in ledger.events.of_study("1.2") if one.action.startswith("critical"))
    assert (begun.action, ended.action) == ("critical finding", "critical finding acknowledged")
    assert (begun.detail["rule"], begun.detail["finding"], begun.detail["probability"]) == ("air", "pneumothorax", 0.93)
    assert begun.detail["destinations"] == ["notification for ris"]
    assert ended.detail["operator"] == "anna"


def test_it_is_acknowledged_once(ledger: Ledger) -> None:
    told(ledger)
    ledger.criticals.acknowledge("abcd0123", "anna")
    for number in ("abcd0123", "nothing", ""):
        with pytest.raises(PermanentError, match="no such critical finding is open"):
            ledger.criticals.acknowledge(number, "bert")
    assert actions(ledger) == ["critical finding", "critical finding acknowledged"]


def test_nothing_is_escalated_before_its_time(ledger: Ledger) -> None:
    told(ledger)
    (one,) = ledger.criticals.open()
    assert ledger.criticals.escalate(one.due - 1) == 0
    assert due(ledger, "hook") == []


def test_after_a_clock_was_set_back_it_is_escalated_rather_than_forgotten_for_as_long(ledger: Ledger) -> None:
    told(ledger)
    (one,) = ledger.criticals.open()
    assert ledger.criticals.escalate(one.at - 1) == 0, "a clock is put right by a second now and then"
    assert ledger.criticals.escalate(one.at - 86400) == 1
    assert due(ledger, "hook") == ["critical-event"]


def test_unacknowledged_in_time_it_is_escalated_once_though_all_was_delivered(ledger: Ledger) -> None:
    analysis_id = told(ledger)
    deliver_all(ledger)
    assert ledger.analyses.get(analysis_id).state is AnalysisState.DELIVERED
    assert ledger.criticals.escalate(late(ledger)) == 1
    assert ledger.criticals.escalate(late(ledger)) == 0
    assert due(ledger, "hook") == ["critical-event"]
    deliver_all(ledger)
    assert due(ledger, "hook") == []
    assert actions(ledger) == ["critical finding", "critical finding escalated"]
    (one,) = ledger.criticals.open()
    assert one.escalated
    assert ledger.analyses.get(analysis_id).state is AnalysisState.DELIVERED


def test_what_is_acknowledged_is_not_escalated_and_what_is_escalated_can_be_acknowledged(ledger: Ledger) -> None:
    told(ledger)
    told(ledger, replace(FOUND, id="beef", notices=(), escalations=()), "1.3")
    when = late(ledger)
    ledger.criticals.acknowledge("abcd0123", "anna")
    assert ledger.criticals.escalate(when) == 1
    ledger.criticals.acknowledge("beef", "anna")
    assert actions(ledger, "1.3")[-2:] == ["critical finding escalated", "critical finding acknowledged"]
    assert due(ledger, "hook") == []


def test_the_state_outlives_the_process(ledger: Ledger) -> None:
    told(ledger)
    deliver_all(ledger)
    when = late(ledger)
    other = Ledger(ledger._database.path)
    assert other.criticals.open() == ledger.criticals.open()
    assert (other.criticals.escalate(when), ledger.criticals.escalate(when)) == (1, 0)
    other.close()


def test_an_analysis_that_is_reported_again_tells_nobody_twice_and_reopens_nothing(ledger: Ledger) -> None:
    analysis_id = told(ledger)
    ledger.criticals.escalate(late(ledger))
    ledger.criticals.acknowledge("abcd0123", "anna")
    first, *rest = ledger.deliveries.of_study("1.2")
    ledger.deliveries.done(first)
    for row in rest:
        ledger.deliveries.refuse(row, "no")
    ledger.analyses.retry(analysis_id)
    ledger.analyses.classified(analysis_id, "")
    ledger.analyses.reported(analysis_id, results(), WANTED, [FOUND])
    assert ledger.criticals.open() == []
    assert due(ledger, "ris") == []
    assert due(ledger, "hook") == ["critical-event"]  # refused by then: whoever was to be told is told
    assert actions(ledger).count("critical finding") == 1


def test_what_was_withdrawn_needs_no_acknowledgement_and_whoever_was_told_is_told(ledger: Ledger) -> None:
    told(ledger)
    deliver_all(ledger)
    when = late(ledger)
    (planned,) = ledger.withdrawals.planned("1.2")
    assert planned.messages == (("ris", "oru"),)  # one message takes both back
    assert {one.kind for one in planned.listed} == {"sc", "sr"}
    taken_back = ResultObject("2.25.9", "", "", "rejection", "work/1/rejection-oru.hl7")
    ledger.withdrawals.record([(planned, [Notice(taken_back, ("ris",))])], Reason.INCORRECT, "anna")
    assert ledger.criticals.open() == []
    assert ledger.criticals.escalate(when) == 0


def test_it_comes_back_from_the_worker_as_it_went() -> None:
    assert critical_from(json.loads(json.dumps(asdict(FOUND)))) == FOUND
