"""How late results are: what counts, when that is an alarm, and who is told."""

from __future__ import annotations

from typing import Any

import pytest

from node.alarms import plain, problems
from node.config import WatchSettings
from node.ledger import Ledger, Measure, Verdict, Watched
from node.ledger.pace import Passage
from node.watch.lateness import Objective, late, lateness
from node.watch.round import look_at_all
from tests.ledger.material import results
from tests.watch.builders import PLUGIN, answer, observations

SETTINGS = WatchSettings(least=20)


def passage(seconds: float | None, **changes: Any) -> Passage:
    last = None if seconds is None else 1000.0 - seconds
    values: dict[str, Any] = dict.fromkeys(("first", "complete", "routed", "classified", "reported"))
    known = {"number": 1, "study_instance_uid": "1.2", "plugin": PLUGIN, "last": last, "ended": 1000.0}
    return Passage(**(values | known | {"retried": False} | changes))


def asked(*passages: Passage, windows: tuple[str, ...] = (), **changes: Any) -> Measure:
    (found,) = late(passages, Objective(300.0, SETTINGS.model_copy(update=changes), windows))
    return found


def test_late_is_what_took_longer_than_the_objective_or_nobody_knows_how_long() -> None:
    found = asked(*[passage(300.0)] * 97, passage(301.0), passage(None), passage(-5.0))
    assert (found.value, found.answers, found.verdict) == (0.02, 100, Verdict.AS_BEFORE)


def test_what_somebody_retried_does_not_count() -> None:
    found = asked(*[passage(1.0)] * 50, *[passage(9e9, retried=True)] * 50)
    assert (found.value, found.answers) == (0.0, 50)


def test_what_is_begun_in_a_window_only_does_not_count() -> None:
    soon, night = [passage(1.0, routes=("films",))] * 50, [passage(9e4, routes=("night", "late"))] * 30
    found = asked(*soon, *night, windows=("night", "late"))
    assert (found.value, found.answers) == (0.0, 50)
    either = passage(9e4, routes=("night", "films"))  # one of its routes begins at any time
    found = asked(*soon, either, windows=("night", "late"))
    assert (found.value, found.answers) == (1 / 51, 51)


def spread(count: int, results: int = 300, at_a_time: int = 1) -> list[bool]:
    """So many late results, evenly among the others."""
    runs = count // at_a_time
    return [place % (results // max(1, runs)) < at_a_time for place in range(results)] if count else [False] * results


@pytest.mark.parametrize(("count", "verdict"), [(10, Verdict.AS_BEFORE), (12, Verdict.ALARM)])
def test_more_than_chance_adds_is_an_alarm(count: int, verdict: Verdict) -> None:
    (found,) = lateness(spread(count), WatchSettings())
    assert found.value == count / 300
    assert (found.verdict, found.reference, found.kind) == (verdict, "objective", "latency")


def test_the_objective_and_the_level_are_settings() -> None:
    assert lateness(spread(12), WatchSettings(in_time_share=0.9))[0].verdict is Verdict.AS_BEFORE
    assert lateness([True] * 300, WatchSettings(late_level=0))[0].verdict is Verdict.TOLD
    assert lateness([True] * 99, WatchSettings())[0].verdict is Verdict.TOO_FEW
    assert lateness([], WatchSettings()) == []


def test_results_that_are_late_together_count_less_until_it_lasts() -> None:
    for at_a_time, count, verdict in ((4, 12, Verdict.AS_BEFORE), (12, 12, Verdict.AS_BEFORE), (60, 60, Verdict.ALARM)):
        (found,) = lateness(spread(count, at_a_time=at_a_time), WatchSettings())
        assert (found.value, found.verdict) == (count / 300, verdict)


def delivered(ledger: Ledger, first: int, count: int) -> None:
    for number in range(first, first + count):
        uid = f"1.2.{number}"
        answer(ledger, uid, f"patient {number}", observations(1, seed=number))
        (row,) = ledger.analyses.of_study(uid)
        ledger.analyses.reported(row.id, results(uid), {"pacs": ("sr",)})
        for delivery in ledger.deliveries.of_study(uid):
            ledger.deliveries.done(delivery)


def test_late_results_are_told_in_the_trail_and_in_words_but_pause_nothing(ledger: Ledger) -> None:
    delivered(ledger, 1, 20)
    assert look_at_all(SETTINGS, ledger, {}, in_time=3600.0) == 0
    assert look_at_all(SETTINGS, ledger, {}, in_time=0.0) == 1
    ((alarm,),) = ledger.measures.alarms().values()
    (said,) = problems(PLUGIN, [alarm])
    assert said.startswith(
        f"{PLUGIN}: results come late: 100.0% of the newest 20 took longer than web.result_objective"
    )
    assert "something else" not in said
    assert plain(alarm).startswith("Results come late: 100.0% of the newest 20")
    assert look_at_all(SETTINGS, ledger, {}, in_time=3600.0) == 0
    told = [event.action for event in ledger.events.latest(10000)]
    assert told.count("results come late") == told.count("results come in time again") == 1
    assert "drift" not in told
    assert ledger.pauses.paused() == {}


def test_drift_and_lateness_begin_and_end_apart(ledger: Ledger) -> None:
    drift = Measure("inputs", "ks mean", "", "site", 9, 9, 0.9, 0.1, Verdict.ALARM)
    (tardy,) = lateness([True] * 300, SETTINGS)
    for measures in ([drift], [drift, tardy], [tardy], []):
        ledger.measures.record(Watched(PLUGIN, "1.0"), [*measures, *lateness([False] * 300, SETTINGS)])
    told = [event.action for event in ledger.events.latest(10)][::-1]
    assert told == ["drift", "results come late", "drift has ended", "results come in time again"]
