"""A silent plugin: its results are kept, and delivered once when somebody releases them, whoever kills what."""

from __future__ import annotations

import time
from dataclasses import replace

from node.ledger import AnalysisRow, Installed, Ledger
from node.stages import Stage, Staged
from node.states import AnalysisState, Reason, StudyState
from tests.ledger.material import KINDS, classified, plan, received, reported, results
from tests.ledger.test_criticals import FOUND, WANTED

CHEST = Installed("chest", "1.0", "a" * 64)


def staged(stage: Stage = Stage.SILENT, **changes: object) -> Staged:
    values: dict[str, object] = {"digest": "a" * 64, "at": time.time(), "operator": "anna", **changes}
    return Staged("chest", "1.0", stage, **values)  # type: ignore[arg-type]  # a builder


def put(ledger: Ledger, stage: Stage, since: float | None = None, **changes: object) -> int:
    return ledger.stages.set([staged(stage, **changes)], since)


def due(ledger: Ledger, destination: str = "pacs") -> list[str]:
    return [row.kind for row in ledger.deliveries.due(destination, longest_wait=300)]


def deliver_all(ledger: Ledger) -> list[str]:
    """What was sent, as a courier would."""
    sent = []
    for destination in ("pacs", "ris", "hook"):
        for row in ledger.deliveries.due(destination, longest_wait=300):
            ledger.deliveries.done(row)
            sent.append(row.sop_instance_uid)
    return sent


def state(ledger: Ledger, row: AnalysisRow) -> AnalysisState:
    return ledger.analyses.get(row.id).state


# In silence


def test_results_of_a_silent_plugin_are_kept_and_the_study_closes(ledger: Ledger) -> None:
    put(ledger, Stage.SILENT)
    row, made = reported(ledger)
    assert (row.state, row.error) == (AnalysisState.SILENT, "its plugin is silent: results are kept, not delivered")
    assert ledger.studies.get("1.2").state is StudyState.CLOSED
    assert ledger.analyses.results(row.id) == sorted(made, key=lambda one: one.kind)
    assert due(ledger) == []
    assert ledger.deliveries.of_study("1.2") == []
    assert ledger.deliveries.count_by_state() == {}
    assert row.id not in [one.id for one in ledger.analyses.unfinished()]


def test_nobody_is_told_of_a_critical_finding_of_a_silent_plugin(ledger: Ledger) -> None:
    put(ledger, Stage.SILENT)
    row = classified(ledger)
    ledger.analyses.reported(row.id, results(), WANTED, [FOUND])
    assert ledger.criticals.open() == []
    assert ledger.criticals.escalate(time.time() + 10**6) == 0
    assert (due(ledger, "ris"), due(ledger, "hook")) == ([], [])
    assert not [one for one in ledger.events.of_study("1.2") if "critical" in one.action]


def test_a_version_that_nobody_has_spoken_of_is_delivered(ledger: Ledger) -> None:
    put(ledger, Stage.SILENT)
    ledger.stages.set([replace(staged(), version="2.0")])
    assert ledger.stages.of("chest", "3.0").stage is Stage.LIVE
    row, _ = reported(ledger, "1.3")
    assert row.state is AnalysisState.SILENT


def test_the_version_that_made_the_results_decides_not_the_one_that_was_routed(ledger: Ledger) -> None:
    ledger.stages.set([replace(staged(), version="2.0")])
    row = classified(ledger)
    ledger.analyses.reported(row.id, results(), KINDS, version="2.0")
    assert (state(ledger, row), ledger.analyses.get(row.id).plugin_version) == (AnalysisState.SILENT, "2.0")


# Live


def test_what_is_reported_after_going_live_is_delivered_and_what_was_silent_stays_so(ledger: Ledger) -> None:
    put(ledger, Stage.SILENT)
    before, _ = reported(ledger, "1.2")
    assert put(ledger, Stage.LIVE) == 0
    after, made = reported(ledger, "1.3")
    assert deliver_all(ledger) == [one.sop_instance_uid for one in made]
    assert (state(ledger, before), state(ledger, after)) == (AnalysisState.SILENT, AnalysisState.DELIVERED)


def test_kept_results_are_delivered_once_where_that_is_asked(ledger: Ledger) -> None:
    put(ledger, Stage.SILENT)
    row, made = reported(ledger)
    assert put(ledger, Stage.LIVE, since=time.time() + 60) == 0, "nothing was routed since then"
    assert put(ledger, Stage.LIVE, since=0) == 1
    assert (state(ledger, row), ledger.studies.get("1.2").state) == (AnalysisState.REPORTED, StudyState.ROUTED)
    assert deliver_all(ledger) == [one.sop_instance_uid for one in made]
    assert (state(ledger, row), ledger.studies.get("1.2").state) == (AnalysisState.DELIVERED, StudyState.CLOSED)
    assert put(ledger, Stage.LIVE, since=0) == 0
    assert deliver_all(ledger) == []
    assert [one.retried for one in ledger.pace.delivered_after(0)] == [True], "its times say nothing of the node"


def test_a_critical_finding_is_told_when_its_results_are_released(ledger: Ledger) -> None:
    put(ledger, Stage.SILENT)
    row = classified(ledger)
    ledger.analyses.reported(row.id, results(), WANTED, [FOUND])
    put(ledger, Stage.LIVE, since=0)
    (one,) = ledger.criticals.open()
    assert one.due > time.time() + 60, "its time begins when it is told"
    assert due(ledger, "ris") == ["critical-oru"]
    assert due(ledger) == ["sc", "sr"]


def test_results_without_a_destination_are_released_without_one(ledger: Ledger) -> None:
    put(ledger, Stage.SILENT)
    row, _ = reported(ledger, wanted={})
    put(ledger, Stage.LIVE, since=0)
    assert state(ledger, row) is AnalysisState.DELIVERED


def test_an_earlier_revision_is_not_released(ledger: Ledger) -> None:
    put(ledger, Stage.SILENT)
    first, _ = reported(ledger)
    received(ledger, images=2)
    assert ledger.studies.get("1.2").state is StudyState.RECEIVING
    assert put(ledger, Stage.LIVE, since=0) == 0
    assert state(ledger, first) is AnalysisState.SILENT
    assert ledger.studies.get("1.2").state is StudyState.RECEIVING


def again(ledger: Ledger) -> AnalysisRow:
    """A late image that changes nothing for the plugin: the same objects in a new revision."""
    received(ledger, images=2)
    assert ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan()], [])
    row = ledger.analyses.of_study("1.2")[-1]
    ledger.analyses.classified(row.id, "pneumonia 0.93")
    ledger.analyses.reported(row.id, results(), KINDS)
    return ledger.analyses.get(row.id)


def test_a_late_image_after_going_live_delivers_the_same_objects_once(ledger: Ledger) -> None:
    put(ledger, Stage.SILENT)
    reported(ledger)
    put(ledger, Stage.LIVE)
    row = again(ledger)
    assert len(deliver_all(ledger)) == 2
    assert state(ledger, row) is AnalysisState.DELIVERED
    assert put(ledger, Stage.LIVE, since=0) == 0
    assert deliver_all(ledger) == []


def test_what_has_arrived_is_no_secret_any_more(ledger: Ledger) -> None:
    reported(ledger)
    assert len(deliver_all(ledger)) == 2
    put(ledger, Stage.SILENT)
    assert again(ledger).state is AnalysisState.DELIVERED
    assert deliver_all(ledger) == []


# Silent again


def test_going_silent_keeps_what_waits_and_lets_a_begun_delivery_end(ledger: Ledger) -> None:
    waiting, _ = reported(ledger, "1.2")
    begun, _ = reported(ledger, "1.3")
    ledger.deliveries.done(ledger.deliveries.of_study("1.3")[0])
    assert put(ledger, Stage.SILENT) == 1
    assert (state(ledger, waiting), state(ledger, begun)) == (AnalysisState.SILENT, AnalysisState.REPORTED)
    assert [row.study_instance_uid for row in ledger.deliveries.due("pacs", 300)] == ["1.3"]
    assert {row.state for row in ledger.deliveries.of_study("1.2")} == {"SILENT"}
    assert ledger.deliveries.count_by_state()["pacs", "WAITING"] == 1
    assert put(ledger, Stage.LIVE, since=0) == 1
    assert len(deliver_all(ledger)) == 3


def test_an_object_that_was_on_its_way_when_the_plugin_went_silent_is_not_sent_again(ledger: Ledger) -> None:
    row, made = reported(ledger)
    on_its_way = ledger.deliveries.due("pacs", 300)[0]
    put(ledger, Stage.SILENT)
    ledger.deliveries.done(on_its_way)
    assert state(ledger, row) is AnalysisState.SILENT
    assert due(ledger) == []
    put(ledger, Stage.LIVE, since=0)
    assert deliver_all(ledger) == [made[1].sop_instance_uid]
    assert state(ledger, row) is AnalysisState.DELIVERED


def test_results_that_arrived_before_the_silence_can_be_withdrawn(ledger: Ledger) -> None:
    row, _ = reported(ledger)
    on_its_way = ledger.deliveries.due("pacs", 300)[0]
    put(ledger, Stage.SILENT)
    ledger.deliveries.done(on_its_way)
    (planned,) = ledger.withdrawals.planned("1.2")
    ledger.withdrawals.record([(planned, ())], Reason.INCORRECT, "anna")
    assert state(ledger, row) is AnalysisState.WITHDRAWN
    assert put(ledger, Stage.LIVE, since=0) == 0


def test_an_escalation_waits_while_the_plugin_is_silent(ledger: Ledger) -> None:
    row = classified(ledger)
    ledger.analyses.reported(row.id, results(), WANTED, [FOUND])
    put(ledger, Stage.SILENT)
    assert ledger.criticals.open() == []
    assert ledger.criticals.escalate(time.time() + 10**6) == 0
    assert due(ledger, "ris") == []
    put(ledger, Stage.LIVE, since=0)
    assert due(ledger, "ris") == ["critical-oru"]
    assert len(ledger.criticals.open()) == 1


# Canary


def test_a_canary_delivers_some_studies_and_says_so_of_the_others(ledger: Ledger) -> None:
    put(ledger, Stage.CANARY, percent=50.0)
    rows = [reported(ledger, f"1.2.{number}")[0] for number in range(8)]
    states = [row.state for row in rows]
    assert set(states) == {AnalysisState.SILENT, AnalysisState.REPORTED}
    kept = next(row for row in rows if row.state is AnalysisState.SILENT)
    assert "CANARY: 50 % of the studies" in kept.error
    put(ledger, Stage.CANARY, percent=100.0, senders=("OTHER",))
    assert reported(ledger, "1.9")[0].state is AnalysisState.SILENT
    put(ledger, Stage.CANARY, percent=100.0, senders=("SENDER",))
    assert reported(ledger, "1.10")[0].state is AnalysisState.REPORTED


# What is installed


def test_existing_plugins_are_live_and_only_what_is_new_begins_silent(ledger: Ledger) -> None:
    assert ledger.stages.meet([CHEST], silent=False) == []
    assert ledger.stages.meet([CHEST], silent=True) == [], "a setting changes nothing that was there before"
    assert ledger.stages.of("chest", "1.0").stage is Stage.LIVE
    brain = Installed("brain", "1.0", "b" * 64)
    (begun,) = ledger.stages.meet([CHEST, brain], silent=True)
    assert (begun.plugin, begun.stage, begun.reason) == ("brain", Stage.SILENT, "worker.silent")
    assert ledger.stages.meet([CHEST, brain], silent=True) == []
    newer = replace(CHEST, version="1.1")
    assert [one.version for one in ledger.stages.meet([newer, brain], silent=("chest",))] == ["1.1"]
    assert [(one.plugin, one.version) for one in ledger.stages.present()] == [("brain", "1.0"), ("chest", "1.1")]


def test_another_model_under_the_same_version_begins_again(ledger: Ledger) -> None:
    ledger.stages.meet([CHEST], silent=False)
    other = replace(CHEST, digest="c" * 64)
    (begun,) = ledger.stages.meet([other], silent=True)
    assert "its model is another one" in begun.reason
    put(ledger, Stage.LIVE, digest="c" * 64)
    assert ledger.stages.meet([replace(CHEST, digest="d" * 64)], silent=False) == []
    assert ledger.stages.of("chest", "1.0").digest == "d" * 64


def test_the_trail_has_who_when_and_why(ledger: Ledger) -> None:
    ledger.stages.meet([CHEST], silent=False)
    assert ledger.events.latest(10) == [], "nobody did anything"
    put(ledger, Stage.LIVE, reason="it holds", evaluation="e" * 64)
    (event,) = ledger.events.latest(1)
    assert event.action == "plugin live"
    told = {name: event.detail[name] for name in ("plugin", "version", "operator", "reason", "evaluation")}
    assert told == {
        "plugin": "chest",
        "version": "1.0",
        "operator": "anna",
        "reason": "it holds",
        "evaluation": "e" * 64,
    }


def test_room_is_made_of_silent_studies_too(ledger: Ledger) -> None:
    put(ledger, Stage.SILENT)
    reported(ledger)
    assert ledger.studies.delivered(time.time() + 1) == ["1.2"]
