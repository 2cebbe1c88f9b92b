"""The queue of the workers."""

from __future__ import annotations

import uuid

import pytest

from node.errors import PermanentError
from node.ledger import AnalysisRow, Ledger
from node.states import AnalysisState, IllegalMove, StudyState
from tests.ledger.material import after, arrival, classified, completed, plan, reported, results, routed

QUEUED = AnalysisState.QUEUED


def lease(
    ledger: Ledger, count: int = 8, seconds: float = 60, state: AnalysisState = QUEUED, owner: str = ""
) -> list[AnalysisRow]:
    """For somebody who has none yet."""
    return ledger.analyses.lease(state, owner or uuid.uuid4().hex, seconds, count, longest_wait=300)


def test_plans_become_analyses_and_the_reasons_stand_in_the_trail(ledger: Ledger) -> None:
    first, second = routed(ledger, "1.2", plan("chest"), plan("brain", series=("1.2.8", "1.2.9"), destinations=()))
    assert (first.plugin, first.state, first.revision, first.series) == ("chest", QUEUED, 1, ("1.2.9",))
    assert (second.series, second.destinations) == (("1.2.8", "1.2.9"), ())
    assert ledger.studies.get("1.2").state is StudyState.ROUTED
    (event,) = [event for event in ledger.events.of_study("1.2") if event.action == "routed"]
    assert event.detail["reasons"] == ["because"]


def test_without_a_plan_the_study_is_ignored(ledger: Ledger) -> None:
    completed(ledger)
    ledger.analyses.route("1.2", [], ["series 1.2.9: modality is OT"])
    assert ledger.studies.get("1.2").state is StudyState.IGNORED
    assert ledger.analyses.of_study("1.2") == []


def test_a_study_that_is_not_complete_cannot_be_routed(ledger: Ledger) -> None:
    (analysis,) = routed(ledger)
    with pytest.raises(IllegalMove):
        ledger.analyses.route("1.2", [plan("brain")], [])
    assert [one.id for one in ledger.analyses.of_study("1.2")] == [analysis.id]


def test_a_plan_for_an_earlier_revision_is_not_carried_out(ledger: Ledger) -> None:
    completed(ledger)
    ledger.arrivals.record([arrival(2)])
    assert not ledger.analyses.route("1.2", [plan()], [], revision=1)
    study = ledger.studies.get("1.2")
    ledger.studies.complete(study, "quiet", partial=False, expected=None)
    assert ledger.analyses.route("1.2", [plan()], [], revision=2)
    assert [one.revision for one in ledger.analyses.of_study("1.2")] == [2]


# Leases


def test_an_analysis_is_leased_to_one_at_a_time(ledger: Ledger) -> None:
    routed(ledger)
    assert len(lease(ledger)) == 1
    assert lease(ledger) == []


def test_a_lease_runs_out_so_that_a_killed_worker_loses_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    routed(ledger)
    assert len(lease(ledger, seconds=60)) == 1
    after(61, monkeypatch)
    assert len(lease(ledger)) == 1


def test_no_lease_of_an_earlier_life_holds(ledger: Ledger) -> None:
    routed(ledger)
    lease(ledger)
    ledger.analyses.free_leases()
    assert len(lease(ledger)) == 1


def test_a_batch_is_of_one_plugin_the_oldest_first(ledger: Ledger) -> None:
    routed(ledger, "1.2", plan("chest"))
    routed(ledger, "1.3", plan("brain"))
    routed(ledger, "1.4", plan("chest"))
    assert [one.study_instance_uid for one in lease(ledger)] == ["1.2", "1.4"]
    assert [one.study_instance_uid for one in lease(ledger)] == ["1.3"]


def test_a_batch_is_no_longer_than_asked_for(ledger: Ledger) -> None:
    for study in ("1.2", "1.3", "1.4"):
        routed(ledger, study)
    assert len(lease(ledger, count=2)) == 2
    assert len(lease(ledger, count=2)) == 1


def test_what_failed_before_goes_alone_so_that_it_cannot_spoil_others(ledger: Ledger) -> None:
    for study in ("1.2", "1.3", "1.4"):
        routed(ledger, study)
    (first, *_) = lease(ledger)
    ledger.analyses.free_leases()
    ledger.analyses.postpone(first.id, "worker died", 0)
    assert [one.study_instance_uid for one in lease(ledger)] == ["1.2"]
    assert [one.study_instance_uid for one in lease(ledger)] == ["1.3", "1.4"]


def test_who_asks_again_has_let_go_of_what_it_had(ledger: Ledger) -> None:
    routed(ledger)
    assert len(lease(ledger, owner="me")) == 1
    assert lease(ledger, owner="you") == []
    assert len(lease(ledger, owner="me")) == 1


def test_what_was_postponed_waits(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    (analysis,) = routed(ledger)
    ledger.analyses.postpone(analysis.id, "no memory", 60)
    assert lease(ledger) == []
    after(61, monkeypatch)
    (row,) = lease(ledger)
    assert (row.attempts, row.error) == (1, "no memory")
    assert ledger.events.of_study("1.2")[-1].action == "analysis tried again later"


def test_a_clock_that_was_set_back_holds_nothing_up(ledger: Ledger) -> None:
    (analysis,) = routed(ledger)
    ledger.analyses.postpone(analysis.id, "written when the clock was a day ahead", 86400)
    assert len(lease(ledger)) == 1  # nothing can rightly be due later than the longest wait


# The way of an analysis


def test_an_analysis_goes_from_the_queue_to_the_archive(ledger: Ledger) -> None:
    analysis = classified(ledger)
    assert (analysis.state, analysis.summary) == (AnalysisState.CLASSIFIED, "pneumonia 0.93")
    ledger.analyses.reported(analysis.id, results(), {"pacs": ("sc", "sr"), "ward": ("sr",)})
    assert ledger.analyses.get(analysis.id).state is AnalysisState.REPORTED
    assert [(one.destination, one.kind) for one in ledger.deliveries.of_study("1.2")] == [
        ("pacs", "sc"),
        ("pacs", "sr"),
        ("ward", "sr"),
    ]
    assert ledger.analyses.results(analysis.id) == results()


def test_when_no_destination_wants_a_result_the_analysis_is_over(ledger: Ledger) -> None:
    analysis, _ = reported(ledger, wanted={"viewer": ("viewer-sr",)})
    assert analysis.state is AnalysisState.DELIVERED
    assert ledger.analyses.is_over(analysis.id)
    assert ledger.studies.get("1.2").state is StudyState.CLOSED


def test_a_move_gives_the_lease_and_the_attempts_back(ledger: Ledger) -> None:
    (analysis,) = routed(ledger)
    ledger.analyses.postpone(analysis.id, "died", 0)
    lease(ledger)
    ledger.analyses.classified(analysis.id, "")
    (row,) = lease(ledger, state=AnalysisState.CLASSIFIED)
    assert row.attempts == 0


def test_a_failure_closes_the_study_once_nothing_is_left_to_do(ledger: Ledger) -> None:
    first, second = routed(ledger, "1.2", plan("chest"), plan("brain"))
    ledger.analyses.fail(first.id, "cannot be decoded")
    assert ledger.studies.get("1.2").state is StudyState.ROUTED
    ledger.analyses.fail(second.id, "cannot be decoded")
    assert ledger.studies.get("1.2").state is StudyState.CLOSED
    assert ledger.analyses.get(first.id).error == "cannot be decoded"


@pytest.mark.parametrize("step", ["classified", "fail", "hold"])
def test_an_illegal_move_of_an_analysis_changes_nothing(ledger: Ledger, step: str) -> None:
    analysis, _ = reported(ledger, wanted={})
    moves = {
        "classified": lambda: ledger.analyses.classified(analysis.id, "again"),
        "fail": lambda: ledger.analyses.fail(analysis.id, "late"),
        "hold": lambda: ledger.analyses.hold(analysis.id),
    }
    with pytest.raises(IllegalMove, match="an analysis that is DELIVERED cannot be"):
        moves[step]()
    assert ledger.analyses.get(analysis.id) == analysis


def test_what_was_taken_away_meanwhile_is_not_postponed(ledger: Ledger) -> None:
    (analysis,) = routed(ledger)
    ledger.analyses.hold(analysis.id)
    before = ledger.analyses.get(analysis.id)
    ledger.analyses.postpone(analysis.id, "worker died", 5)
    assert ledger.analyses.get(analysis.id) == before


# The operator


def test_a_retry_starts_over_and_opens_the_study_again(ledger: Ledger) -> None:
    (analysis,) = routed(ledger)
    ledger.analyses.fail(analysis.id, "plugin crashed")
    ledger.analyses.retry(analysis.id)
    row = ledger.analyses.get(analysis.id)
    assert (row.state, row.attempts) == (QUEUED, 0)
    assert ledger.studies.get("1.2").state is StudyState.ROUTED
    assert len(lease(ledger)) == 1


def test_held_work_waits_for_the_operator(ledger: Ledger) -> None:
    (analysis,) = routed(ledger)
    ledger.analyses.hold(analysis.id)
    assert lease(ledger) == []
    assert ledger.studies.get("1.2").state is StudyState.ROUTED
    ledger.analyses.retry(analysis.id)
    assert len(lease(ledger)) == 1


def test_dropped_work_closes_the_study(ledger: Ledger) -> None:
    (analysis,) = routed(ledger)
    ledger.analyses.hold(analysis.id)
    ledger.analyses.drop(analysis.id)
    assert ledger.studies.get("1.2").state is StudyState.CLOSED
    assert ledger.analyses.unfinished() == []


def test_what_a_later_revision_replaced_cannot_be_retried(ledger: Ledger) -> None:
    (analysis,) = routed(ledger)
    ledger.analyses.fail(analysis.id, "plugin crashed")
    ledger.arrivals.record([arrival(2)])
    with pytest.raises(PermanentError, match="a later revision of the study has taken its place"):
        ledger.analyses.retry(analysis.id)


@pytest.mark.parametrize("step", ["retry", "hold", "drop", "get"])
def test_an_analysis_that_is_not_there_is_said_not_to_be(ledger: Ledger, step: str) -> None:
    with pytest.raises(PermanentError, match=r"there is no such analysis \[7\]"):
        getattr(ledger.analyses, step)(7)


def test_the_queue_shows_what_is_to_do_and_what_failed(ledger: Ledger) -> None:
    routed(ledger, "1.2")
    (failed,) = routed(ledger, "1.3")
    ledger.analyses.fail(failed.id, "no")
    reported(ledger, "1.4", wanted={})
    assert [one.study_instance_uid for one in ledger.analyses.unfinished()] == ["1.2", "1.3"]
    assert ledger.analyses.count_by_state() == {QUEUED: 1, AnalysisState.FAILED: 1, AnalysisState.DELIVERED: 1}


# Revisions


def test_a_new_revision_knows_what_the_one_before_sent(ledger: Ledger) -> None:
    analysis, made = reported(ledger)
    assert ledger.analyses.delivered_before(analysis) == {}
    for row in ledger.deliveries.of_study("1.2"):
        ledger.deliveries.done(row)
    ledger.arrivals.record([arrival(2)])
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan()], [])
    second = ledger.analyses.of_study("1.2")[-1]
    assert second.revision == 2
    assert ledger.analyses.delivered_before(second) == {
        one.kind: (one.sop_class_uid, one.sop_instance_uid) for one in made
    }


def test_what_was_never_delivered_is_no_predecessor(ledger: Ledger) -> None:
    reported(ledger)
    ledger.arrivals.record([arrival(2)])
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan()], [])
    assert ledger.analyses.delivered_before(ledger.analyses.of_study("1.2")[-1]) == {}
