"""Deliveries: each object and destination for itself."""

from __future__ import annotations

import pytest

from node.ledger import DeliveryRow, Ledger
from node.states import AnalysisState, StudyState
from tests.ledger.material import after, arrival, reported

BOTH = {"pacs": ("sc", "sr"), "ward": ("sr",)}


def due(ledger: Ledger, destination: str = "pacs") -> list[DeliveryRow]:
    return ledger.deliveries.due(destination, longest_wait=300)


def test_what_waits_is_due_by_destination(ledger: Ledger) -> None:
    analysis, made = reported(ledger, wanted=BOTH)
    rows = due(ledger)
    assert [(one.kind, one.destination, one.state, one.attempts) for one in rows] == [
        ("sc", "pacs", "WAITING", 0),
        ("sr", "pacs", "WAITING", 0),
    ]
    assert (rows[0].analysis_id, rows[0].path, rows[0].study_instance_uid) == (analysis.id, made[0].path, "1.2")
    assert [one.kind for one in due(ledger, "ward")] == ["sr"]
    assert due(ledger, "nobody") == []


def test_an_analysis_is_delivered_with_its_last_delivery(ledger: Ledger) -> None:
    analysis, _ = reported(ledger, wanted=BOTH)
    rows = ledger.deliveries.of_study("1.2")
    for row in rows[:-1]:
        ledger.deliveries.done(row)
        assert ledger.analyses.get(analysis.id).state is AnalysisState.REPORTED
    ledger.deliveries.done(rows[-1], "status B000")
    assert ledger.analyses.get(analysis.id).state is AnalysisState.DELIVERED
    assert ledger.studies.get("1.2").state is StudyState.CLOSED
    assert ledger.deliveries.of_study("1.2")[-1].error == "status B000"


def test_one_refusal_fails_the_analysis_after_all_others_have_ended(ledger: Ledger) -> None:
    analysis, _ = reported(ledger)
    first, second = due(ledger)
    ledger.deliveries.refuse(first, "SOP Class not supported")
    assert ledger.analyses.get(analysis.id).state is AnalysisState.REPORTED
    ledger.deliveries.done(second)
    row = ledger.analyses.get(analysis.id)
    assert row.state is AnalysisState.FAILED
    assert row.error.startswith("1 of 2 deliveries were refused")
    assert [one.error for one in ledger.deliveries.refused()] == ["SOP Class not supported"]


def test_what_was_postponed_waits_alone(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    reported(ledger)
    first, second = due(ledger)
    ledger.deliveries.postpone(first, "status A700", 60)
    assert [one.id for one in due(ledger)] == [second.id]
    after(61, monkeypatch)
    assert [(one.id, one.attempts, one.error) for one in due(ledger)] == [
        (first.id, 1, "status A700"),
        (second.id, 0, ""),
    ]


def test_a_clock_that_was_set_back_holds_no_delivery_up(ledger: Ledger) -> None:
    reported(ledger)
    ledger.deliveries.postpone(due(ledger)[0], "written when the clock was a day ahead", 86400)
    assert len(due(ledger)) == 2


def test_an_analysis_that_is_held_or_dropped_is_not_delivered(ledger: Ledger) -> None:
    analysis, _ = reported(ledger)
    ledger.analyses.hold(analysis.id)
    assert due(ledger) == []
    ledger.analyses.drop(analysis.id)
    assert due(ledger) == []
    assert ledger.deliveries.count_by_state() == {}


def test_an_answer_that_comes_after_a_late_image_is_written_down_and_moves_nothing(ledger: Ledger) -> None:
    analysis, _ = reported(ledger)
    rows = due(ledger)
    ledger.arrivals.record([arrival(2)])
    for row in rows:
        ledger.deliveries.done(row)
    assert ledger.analyses.get(analysis.id).state is AnalysisState.DROPPED
    assert {one.state for one in ledger.deliveries.of_study("1.2")} == {"DONE"}


def test_reporting_again_sends_again_only_what_was_refused(ledger: Ledger) -> None:
    analysis, made = reported(ledger)
    first, second = due(ledger)
    ledger.deliveries.done(first)
    ledger.deliveries.refuse(second, "no")
    ledger.analyses.retry(analysis.id)
    ledger.analyses.classified(analysis.id, "")
    ledger.analyses.reported(analysis.id, made, {"pacs": ("sc", "sr")})
    assert [(one.sop_instance_uid, one.attempts) for one in due(ledger)] == [(second.sop_instance_uid, 0)]
    ledger.deliveries.done(due(ledger)[0])
    assert ledger.analyses.get(analysis.id).state is AnalysisState.DELIVERED


def test_deliveries_are_counted_by_destination_and_state(ledger: Ledger) -> None:
    reported(ledger, wanted=BOTH)
    ledger.deliveries.done(due(ledger)[0])
    assert ledger.deliveries.count_by_state() == {("pacs", "DONE"): 1, ("pacs", "WAITING"): 1, ("ward", "WAITING"): 1}


def test_every_answer_stands_in_the_trail(ledger: Ledger) -> None:
    reported(ledger)
    first, second = due(ledger)
    ledger.deliveries.postpone(first, "status A700", 0)
    ledger.deliveries.done(first)
    ledger.deliveries.refuse(second, "no")
    trail = [e for e in ledger.events.of_study("1.2") if "deliver" in e.action and "sop_instance_uid" in e.detail]
    assert [(e.action, e.detail["destination"], e.detail["reason"]) for e in trail] == [
        ("delivery tried again later", "pacs", "status A700"),
        ("delivered", "pacs", ""),
        ("delivery refused", "pacs", "no"),
    ]
