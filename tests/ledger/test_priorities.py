"""The order in which workers are given what waits."""

from __future__ import annotations

import time

import pytest

from node.errors import PermanentError
from node.ledger import AnalysisRow, Ledger
from node.priority import Priority, Turn, rank
from node.states import AnalysisState
from tests.ledger.material import KINDS, after, plan, reported, results, routed

HOUR = 3600.0
QUEUED = AnalysisState.QUEUED
STAT_ALONE = Turn(most=0)


def wait(ledger: Ledger, study: str, priority: Priority = Priority.ROUTINE, hours: float = 0, route: str = "") -> int:
    """An analysis that has waited for so long; an hour makes a class."""
    (row,) = routed(ledger, study, plan(priority=priority, rank=rank(priority, time.time() - hours * HOUR, HOUR)))
    if route:
        with ledger._database.write() as connection:
            connection.execute("UPDATE analyses SET route = ? WHERE id = ?", (route, row.id))
    return row.id


def taken(ledger: Ledger, turn: Turn = Turn(), count: int = 8, owner: str = "me") -> list[int]:  # noqa: B008  frozen
    rows: list[AnalysisRow] = ledger.analyses.lease(QUEUED, owner, 60, count, 300, turn)
    return [row.id for row in rows]


def test_the_most_urgent_goes_first_and_of_equals_the_oldest(ledger: Ledger) -> None:
    low, routine, stat, high, later = (
        wait(ledger, f"1.{number}", priority)
        for number, priority in enumerate(
            (Priority.LOW, Priority.ROUTINE, Priority.STAT, Priority.HIGH, Priority.ROUTINE)
        )
    )
    assert taken(ledger) == [stat, high, routine, later, low]


def test_waiting_moves_an_analysis_up_a_class_an_hour(ledger: Ledger) -> None:
    high = wait(ledger, "1.1", Priority.HIGH)
    fresh, aged = wait(ledger, "1.2", Priority.ROUTINE, 0.9), wait(ledger, "1.3", Priority.LOW, 2.1)
    assert taken(ledger) == [aged, high, fresh]


def test_what_has_waited_longest_still_comes_after_stat_and_has_its_own_turn(ledger: Ledger) -> None:
    aged, fresh, stat = wait(ledger, "1.1", hours=50), wait(ledger, "1.2"), wait(ledger, "1.3", Priority.STAT)
    assert taken(ledger, STAT_ALONE) == [stat]
    assert taken(ledger, Turn(0, time.time()), owner="other") == [aged]
    assert taken(ledger, owner="third") == [fresh]


def test_while_a_window_is_shut_its_routes_wait_stat_aside(ledger: Ledger) -> None:
    night, both, stat = (
        wait(ledger, "1.1", route="nights"),
        wait(ledger, "1.2", route="nights, films"),
        wait(ledger, "1.3", Priority.STAT, route="nights"),
    )
    assert taken(ledger, Turn(shut=("nights",))) == [stat, both]
    assert taken(ledger, Turn(shut=("films", "nights"))) == [stat]
    assert taken(ledger) == [stat, night, both]


def test_what_a_row_says_of_its_window_is_what_the_lease_does(ledger: Ledger) -> None:
    wait(ledger, "1.1", route="nights")
    wait(ledger, "1.2", route="nights, films")
    wait(ledger, "1.3", Priority.STAT, route="nights")
    wait(ledger, "1.4", route="other")
    for shut in ({"nights": 5.0}, {"nights": 5.0, "films": 3.0}, {"other": 1.0, "gone": 2.0}, {}):
        rows = [row for n in range(1, 5) for row in ledger.analyses.of_study(f"1.{n}")]
        open_now = {row.id for row in rows if row.waits_until(shut) is None}
        assert set(taken(ledger, Turn(shut=tuple(shut)))) == open_now
    assert [row.waits_until({"nights": 5.0, "films": 3.0}) for row in rows] == [5, 3, None, None]


def test_the_operator_says_what_is_urgent_also_of_its_deliveries(ledger: Ledger) -> None:
    first, second = wait(ledger, "1.1"), wait(ledger, "1.2")
    ledger.analyses.prioritise(second, Priority.STAT, HOUR)
    row = ledger.analyses.get(second)
    assert (row.priority, row.priority_reason) == (Priority.STAT, "the operator says so")
    assert [e.detail["priority"] for e in ledger.events.of_study("1.2") if e.action == "analysis prioritised"] == [
        "stat"
    ]
    assert taken(ledger) == [second, first]
    for number in (first, second):
        ledger.analyses.classified(number, "")
        ledger.analyses.reported(number, results(f"1.{number}"), KINDS)
    due = ledger.deliveries.due("pacs", 300)
    assert [one.analysis_id for one in due] == [second, second, first, first]
    assert [one.is_stat for one in due] == [True, True, False, False]
    assert ledger.deliveries.stat_due("pacs", 300) == due[:2]


def test_low_again_goes_back_to_its_place(ledger: Ledger) -> None:
    first, second = wait(ledger, "1.1", Priority.STAT), wait(ledger, "1.2")
    ledger.analyses.prioritise(first, Priority.LOW, HOUR)
    assert taken(ledger) == [second, first]


def test_what_is_over_cannot_be_prioritised(ledger: Ledger) -> None:
    number = wait(ledger, "1.1")
    ledger.analyses.drop(number)
    with pytest.raises(PermanentError, match="it is DROPPED"):
        ledger.analyses.prioritise(number, Priority.STAT, HOUR)


def test_stat_deliveries_leave_room_for_others_however_many_there_are(ledger: Ledger) -> None:
    reported(ledger, "1.1")
    for number in range(2, 6):
        analysis, _ = reported(ledger, f"1.{number}")
        ledger.analyses.prioritise(analysis.id, Priority.STAT, HOUR)
    assert [one.study_instance_uid for one in ledger.deliveries.due("pacs", 300, count=2)] == [
        "1.2",
        "1.2",
        "1.1",
        "1.1",
    ]


def test_what_waits_is_counted_by_priority_and_by_its_window(ledger: Ledger) -> None:
    for number in (1, 2):
        wait(ledger, f"1.{number}", route="nights")
    wait(ledger, "1.3", Priority.STAT, route="nights")
    wait(ledger, "1.4")
    assert ledger.analyses.waiting({"nights": 5.0}) == [
        (Priority.STAT, None, 1),
        (Priority.ROUTINE, None, 1),
        (Priority.ROUTINE, 5.0, 2),
    ]


def test_a_clock_that_was_set_changes_the_order_and_loses_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = wait(ledger, "1.1", hours=-24)  # came in while the clock was a day ahead
    stat = wait(ledger, "1.2", Priority.STAT)
    now = wait(ledger, "1.3")
    assert taken(ledger) == [stat, now, ahead]
    after(-48 * HOUR, monkeypatch)
    ledger.analyses.free_leases()
    assert taken(ledger) == [stat, now, ahead]


def test_a_hundred_thousand_that_are_done_cost_a_lease_nothing(ledger: Ledger) -> None:
    wait(ledger, "1.1", route="nights")
    stat = wait(ledger, "1.2", Priority.STAT)
    before = _steps(ledger, stat)
    with ledger._database.write() as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
            " INSERT INTO analyses (study_instance_uid, revision, plugin, plugin_version, route, series, destinations,"
            " state, created_at, changed_at, rank, priority)"
            " SELECT '1.1', i + 9, 'chest', '1', 'films', '[]', '[]', 'DELIVERED', i, i, i - 50000, 'stat' FROM n"
        )
    assert _steps(ledger, stat) <= before + 20


def _steps(ledger: Ledger, wanted: int) -> int:
    """Instructions of SQLite's machine that two leases and a look for STAT deliveries take."""
    steps = [0]

    def count() -> int:
        steps[0] += 1
        return 0

    ledger._database.connection.set_progress_handler(count, 1)
    assert taken(ledger, STAT_ALONE) == [wanted]
    assert taken(ledger, Turn(shut=("nights",))) == [wanted]
    ledger.deliveries.stat_due("pacs", 300)
    ledger._database.connection.set_progress_handler(None, 0)
    return steps[0]
