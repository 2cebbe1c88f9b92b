"""Studies as the operator and the pipeline see them."""

from __future__ import annotations

import time

import pytest

from node.errors import PermanentError
from node.ledger import Ledger
from node.states import AnalysisState, IllegalMove, StudyState
from tests.ledger.material import arrival, completed, received, reported, routed


def test_a_study_is_found_by_its_beginning_and_by_its_end(ledger: Ledger) -> None:
    for uid in ("1.2.100", "1.2.1001", "1.3.7"):
        received(ledger, uid)
    assert ledger.studies.find("1.3").study_instance_uid == "1.3.7"
    assert ledger.studies.find("001").study_instance_uid == "1.2.1001"
    assert ledger.studies.find("1.2.100").study_instance_uid == "1.2.100"  # all of it goes before a beginning
    with pytest.raises(PermanentError, match="more than one study"):
        ledger.studies.find("1.2")
    with pytest.raises(PermanentError, match="there is no such study"):
        ledger.studies.find("9.9")


def test_a_percent_sign_is_no_wildcard(ledger: Ledger) -> None:
    received(ledger)
    with pytest.raises(PermanentError, match="there is no such study"):
        ledger.studies.find("%")


def test_the_newest_studies_come_first_and_of_wanted_states_only(ledger: Ledger) -> None:
    completed(ledger, "1.2")
    received(ledger, "1.3")
    received(ledger, "1.4")
    assert [one.study_instance_uid for one in ledger.studies.latest(2)] == ["1.4", "1.3"]
    assert [one.study_instance_uid for one in ledger.studies.latest(9, [StudyState.COMPLETE])] == ["1.2"]
    assert [one.study_instance_uid for one in ledger.studies.in_state(StudyState.RECEIVING)] == ["1.3", "1.4"]
    assert ledger.studies.count_by_state() == {StudyState.RECEIVING: 2, StudyState.COMPLETE: 1}


def test_a_study_completes_with_its_reason_and_what_was_expected(ledger: Ledger) -> None:
    received(ledger, images=3)
    assert ledger.studies.complete(ledger.studies.get("1.2"), "quiet for 2 s", partial=True, expected=5)
    study = ledger.studies.get("1.2")
    assert (study.state, study.reason) == (StudyState.COMPLETE, "quiet for 2 s")
    assert (study.partial, study.expected, study.asked) == (True, 5, False)


def test_a_study_does_not_complete_when_an_image_came_in_meanwhile(ledger: Ledger) -> None:
    received(ledger)
    before = ledger.studies.get("1.2")
    ledger.arrivals.record([arrival(2)])
    assert not ledger.studies.complete(before, "quiet", partial=False, expected=None)
    assert ledger.studies.get("1.2").state is StudyState.RECEIVING


def test_a_study_completes_once(ledger: Ledger) -> None:
    completed(ledger)
    assert not ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)


def test_the_operator_asks_for_completion_while_images_arrive(ledger: Ledger) -> None:
    received(ledger)
    ledger.studies.ask("1.2")
    study = ledger.studies.get("1.2")
    assert (study.state, study.asked) == (StudyState.RECEIVING, True)
    ledger.studies.complete(study, "asked for", partial=False, expected=None)
    assert not ledger.studies.get("1.2").asked


def test_asking_for_the_completion_of_a_finished_study_is_answered(ledger: Ledger) -> None:
    reported(ledger, wanted={})
    with pytest.raises(PermanentError, match="the study is CLOSED, there is nothing to complete"):
        ledger.studies.ask("1.2")


def test_an_ignored_study_is_routed_again_on_request(ledger: Ledger) -> None:
    completed(ledger)
    ledger.analyses.route("1.2", [], ["no route"])
    assert ledger.studies.get("1.2").state is StudyState.IGNORED
    ledger.studies.ask("1.2")
    assert ledger.studies.get("1.2").state is StudyState.COMPLETE


def test_a_contradiction_found_later_stops_a_complete_study(ledger: Ledger) -> None:
    completed(ledger)
    ledger.studies.quarantine("1.2", "two frames of reference")
    assert ledger.studies.get("1.2").state is StudyState.QUARANTINED


def test_an_illegal_move_changes_nothing(ledger: Ledger) -> None:
    (analysis,) = routed(ledger)
    events = ledger.events.of_study("1.2")
    with pytest.raises(IllegalMove, match="a study that is ROUTED cannot be 'contradiction'"):
        ledger.studies.quarantine("1.2", "too late")
    assert ledger.studies.get("1.2").state is StudyState.ROUTED
    assert ledger.analyses.get(analysis.id).state is AnalysisState.QUEUED
    assert ledger.events.of_study("1.2") == events


def test_only_ended_studies_of_old_expire_and_only_once(ledger: Ledger) -> None:
    reported(ledger, "1.2", wanted={})
    completed(ledger, "1.3")
    ledger.analyses.route("1.3", [], ["no route"])
    received(ledger, "1.4")
    later = time.time() + 1
    assert ledger.studies.expired(time.time() - 60) == []
    assert ledger.studies.expired(later) == ["1.2", "1.3"]
    assert ledger.studies.begin_purge("1.2", later) == [arrival().path]
    ledger.studies.mark_purged("1.2", later)
    assert ledger.studies.expired(later) == ["1.3"]


def test_an_image_that_comes_during_a_purge_is_not_purged(ledger: Ledger) -> None:
    reported(ledger, wanted={})
    later = time.time() + 1
    doomed = ledger.studies.begin_purge("1.2", later)
    late = arrival(2)
    ledger.arrivals.record([late])
    ledger.studies.mark_purged("1.2", later)
    assert late.path not in doomed
    assert ledger.studies.begin_purge("1.2", later) == []  # it is receiving
    assert ledger.studies.get("1.2").state is StudyState.RECEIVING


def test_set_aside_objects_belong_to_the_files_of_their_study(ledger: Ledger) -> None:
    ledger.arrivals.record([arrival(), arrival(sha256="other", path="other.dcm")])
    assert ledger.studies.paths("1.2") == ["instances/00/1.2.9.1.dcm", "other.dcm"]
    assert ledger.upkeep.knows("1.2.9.1", "other.dcm")
    assert not ledger.upkeep.knows("1.2.9.1", "stranger.dcm")
