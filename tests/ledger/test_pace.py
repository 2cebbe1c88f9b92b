"""How long each step took is what the trail says."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.ledger import BY_OPERATOR, Ledger, Observation
from node.priority import Priority
from tests.ledger.material import plan, reported, results, routed


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def deliver(ledger: Ledger) -> None:
    for delivery in ledger.deliveries.of_study("1.2"):
        ledger.deliveries.done(delivery)


def test_the_times_of_a_study_that_was_delivered(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_000_000, 2_000_000))
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    reported(ledger)
    deliver(ledger)
    (one,) = ledger.pace.delivered_after(0)
    assert one.first is not None
    times = (one.first, one.last, one.complete, one.classified, one.reported, one.ended)
    known = [one for one in times if one is not None]
    assert len(known) == len(times)
    assert known == sorted(known)
    assert len(set(known[1:])) == 5
    assert (one.plugin, one.retried) == ("chest", False)
    assert ledger.pace.delivered_after(one.number) == []


def test_the_newest_results_of_a_plugin_are_those_of_what_it_answered_last(ledger: Ledger) -> None:
    for number in range(4):
        uid = f"1.2.{number}"
        (analysis,) = routed(ledger, uid, plan("skin" if number == 3 else "chest", series=(f"{uid}.9",)))
        ledger.analyses.classified(analysis.id, "", None, [Observation(), Observation()])
        if number:  # the first one is never delivered
            ledger.analyses.reported(analysis.id, results(uid), {"pacs": ("sr",)})
            for delivery in ledger.deliveries.of_study(uid):
                ledger.deliveries.done(delivery)
    found = [one.study_instance_uid for one in ledger.pace.newest("chest", 10, 0.0)]
    assert found == ["1.2.2", "1.2.1"]
    assert [one.study_instance_uid for one in ledger.pace.newest("chest", 1, 0.0)] == ["1.2.2"]
    assert ledger.pace.newest("chest", 10, time.time() + 1) == []
    assert {one.seconds is None for one in ledger.pace.newest("skin", 10, 0.0)} == {False}


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({}, False),
        ({"priority": Priority.STAT, "priority_reason": "Requested Procedure Priority is STAT"}, True),
        ({"priority": Priority.STAT, "priority_reason": BY_OPERATOR}, False),  # it had waited before
    ],
)
def test_what_waits_for_a_window_says_nothing_of_how_fast_the_node_is(
    ledger: Ledger, changes: dict[str, Any], is_told: bool
) -> None:
    (analysis,) = routed(ledger, "1.2", replace(plan(), route="night", **changes))
    ledger.analyses.classified(analysis.id, "")
    ledger.analyses.reported(analysis.id, results(), {"pacs": ("sr",)})
    deliver(ledger)
    (one,) = ledger.pace.delivered_after(0)
    assert one.says_how_fast({"night"}) is is_told
    assert one.says_how_fast(set())


def test_an_analysis_that_was_retried_is_told_apart(ledger: Ledger) -> None:
    (analysis,) = routed(ledger)
    ledger.analyses.hold(analysis.id)
    ledger.analyses.retry(analysis.id)
    ledger.analyses.classified(analysis.id, "again")
    ledger.analyses.reported(analysis.id, results(), {"pacs": ("sr",)})
    deliver(ledger)
    assert [one.retried for one in ledger.pace.delivered_after(0)] == [True]


def test_an_analysis_that_failed_is_told_with_its_reason_and_only_where_that_is_asked(ledger: Ledger) -> None:
    (analysis,) = routed(ledger)
    ledger.analyses.classified(analysis.id, "first")
    ledger.analyses.reported(analysis.id, results(), {"pacs": ("sr",)})
    ledger.analyses.fail(analysis.id, "refused everywhere")
    ledger.analyses.retry(analysis.id)
    ledger.analyses.classified(analysis.id, "again")
    ledger.analyses.fail(analysis.id, "no report could be made")
    first, second = ledger.pace.ended_after(0)
    assert (first.failed, first.reported is None) == ("refused everywhere", False)
    assert (second.failed, second.classified is None, second.reported) == ("no report could be made", False, None)
    assert ledger.pace.delivered_after(0) == []
    assert [one.number for one in ledger.pace.ended_after(first.number)] == [second.number]
