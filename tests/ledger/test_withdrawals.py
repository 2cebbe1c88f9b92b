"""Results are taken back: nothing more of them is sent, and whoever may have some is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from node.errors import PermanentError, TemporaryError
from node.ledger import DeliveryRow, Ledger, Notice, Withdrawal
from node.states import AnalysisState, IllegalMove, Reason, StudyState
from node.study import ResultObject
from tests.ledger.material import after, arrival, classified, plan, reported, results, routed

KO = "1.2.840.10008.5.1.4.1.1.88.59"
BOTH = {"pacs": ("sc", "sr"), "ward": ("sr",)}


def due(ledger: Ledger, destination: str = "pacs") -> list[DeliveryRow]:
    return ledger.deliveries.due(destination, longest_wait=300)


def delivered(ledger: Ledger, study: str = "1.2", wanted: dict[str, tuple[str, ...]] | None = None) -> int:
    """A study whose results are where they should be; the analysis' id."""
    analysis, _ = reported(ledger, study, wanted)
    for row in ledger.deliveries.of_study(study):
        ledger.deliveries.done(row)
    return analysis.id


def note(withdrawal: Withdrawal) -> list[Notice]:
    uid = f"{withdrawal.report.sop_instance_uid}.99"
    made = ResultObject(uid, KO, "1.2.99", "rejection", f"work/{withdrawal.analyses[-1]}/rejection.dcm")
    return [Notice(made, withdrawal.destinations)]


def withdraw(ledger: Ledger, study: str = "1.2", plugin: str = "") -> list[Withdrawal]:
    planned = ledger.withdrawals.planned(study, plugin)
    ledger.withdrawals.record([(one, note(one)) for one in planned], Reason.INCORRECT, "anna")
    return planned


def two_plugins(ledger: Ledger, *delivered_by: str) -> dict[str, int]:
    """A study that two plugins reported on; ids by plugin."""
    ids = {}
    for number, row in enumerate(routed(ledger, "1.2", plan("chest"), plan("brain")), 1):
        ids[row.plugin] = row.id
        ledger.analyses.classified(row.id, "")
        ledger.analyses.reported(row.id, results(f"1.2.{number}"), {"pacs": ("sc", "sr")})
    for delivery in ledger.deliveries.of_study("1.2"):
        if delivery.analysis_id in {ids[name] for name in delivered_by}:
            ledger.deliveries.done(delivery)
    return ids


def states(ledger: Ledger, study: str = "1.2") -> list[AnalysisState]:
    return [row.state for row in ledger.analyses.of_study(study)]


# What there is to withdraw


def test_what_was_delivered_is_listed_with_its_report_and_where_it_went(ledger: Ledger) -> None:
    analysis_id = delivered(ledger, wanted=BOTH)
    (planned,) = ledger.withdrawals.planned("1.2")
    assert (planned.study_instance_uid, planned.plugin, planned.analyses) == ("1.2", "chest", (analysis_id,))
    assert set(planned.listed) == set(results())
    assert planned.report == results()[1]
    assert planned.destinations == ("pacs", "ward")


def test_what_is_still_due_is_listed_too_since_it_may_be_on_its_way(ledger: Ledger) -> None:
    reported(ledger, wanted=BOTH)
    ledger.deliveries.done(due(ledger)[0])
    (planned,) = ledger.withdrawals.planned("1.2")
    assert set(planned.listed) == set(results())
    assert planned.destinations == ("pacs", "ward")


def test_what_was_refused_everywhere_is_not_listed_nor_is_who_refused_all(ledger: Ledger) -> None:
    reported(ledger, wanted=BOTH)
    sc, sr = due(ledger)
    ledger.deliveries.done(sr)
    ledger.deliveries.refuse(sc, "SOP Class not supported")
    ledger.deliveries.refuse(due(ledger, "ward")[0], "SOP Class not supported")
    (planned,) = ledger.withdrawals.planned("1.2")
    assert [one.kind for one in planned.listed] == ["sr"]
    assert planned.destinations == ("pacs",)


def test_a_report_that_no_destination_takes_is_not_listed_but_known(ledger: Ledger) -> None:
    delivered(ledger, wanted={"pacs": ("sc",)})
    (planned,) = ledger.withdrawals.planned("1.2")
    assert [one.kind for one in planned.listed] == ["sc"]
    assert planned.report.kind == "sr"


def test_every_revision_is_withdrawn_by_one_note_made_from_the_newest_report(ledger: Ledger) -> None:
    first = delivered(ledger)
    second = next_revision(ledger, results("1.9"))
    (planned,) = ledger.withdrawals.planned("1.2")
    assert planned.analyses == (first, second)
    assert set(planned.listed) == {*results(), *results("1.9")}
    assert planned.report == results("1.9")[1]


def next_revision(ledger: Ledger, made: list[ResultObject]) -> int:
    """A late image comes, is analysed and reported; id of the analysis."""
    ledger.arrivals.record([arrival(ledger.studies.get("1.2").images + 1)])
    ledger.studies.complete(ledger.studies.get("1.2"), "quiet", partial=False, expected=None)
    ledger.analyses.route("1.2", [plan()], [])
    analysis = ledger.analyses.of_study("1.2")[-1]
    ledger.analyses.classified(analysis.id, "")
    ledger.analyses.reported(analysis.id, made, {"pacs": ("sc", "sr")})
    return analysis.id


def test_the_note_is_made_from_a_report_that_it_withdraws(ledger: Ledger) -> None:
    first = delivered(ledger)
    next_revision(ledger, results("1.9"))
    for row in due(ledger):
        ledger.deliveries.refuse(row, "no")
    (planned,) = ledger.withdrawals.planned("1.2")
    assert (planned.analyses, planned.report) == ((first,), results()[1])


def test_without_a_report_there_is_nothing_to_make_a_note_from(ledger: Ledger) -> None:
    (analysis,) = routed(ledger)
    ledger.analyses.classified(analysis.id, "")
    ledger.analyses.reported(analysis.id, results("1.2", "sc"), {"pacs": ("sc",)})
    ledger.deliveries.done(due(ledger)[0])
    with pytest.raises(PermanentError, match="knows no report of what was delivered"):
        ledger.withdrawals.planned("1.2")


def test_one_plugin_can_be_withdrawn_alone(ledger: Ledger) -> None:
    ids = two_plugins(ledger, "chest", "brain")
    (planned,) = withdraw(ledger, plugin="brain")
    assert planned.analyses == (ids["brain"],)
    assert states(ledger) == [AnalysisState.DELIVERED, AnalysisState.WITHDRAWN]


def test_each_plugin_gets_a_note_of_its_own(ledger: Ledger) -> None:
    ids = two_plugins(ledger, "chest", "brain")
    assert [(one.plugin, one.analyses) for one in withdraw(ledger)] == [
        ("chest", (ids["chest"],)),
        ("brain", (ids["brain"],)),
    ]
    assert [one.kind for one in due(ledger)] == ["rejection", "rejection"]


def test_with_a_study_goes_what_its_other_plugin_has_not_sent_yet(ledger: Ledger) -> None:
    two_plugins(ledger, "chest")
    assert [one.plugin for one in withdraw(ledger)] == ["chest", "brain"]
    assert states(ledger) == [AnalysisState.WITHDRAWN, AnalysisState.WITHDRAWN]


def test_where_nothing_was_delivered_the_error_says_what_stops_it(ledger: Ledger) -> None:
    analysis, _ = reported(ledger)
    with pytest.raises(PermanentError, match="nothing of it was delivered") as caught:
        ledger.withdrawals.planned("1.2")
    assert f"`radnode queue drop {analysis.id}`" in caught.value.hint
    assert due(ledger)


def test_where_nobody_wanted_a_result_there_is_nothing_to_withdraw(ledger: Ledger) -> None:
    reported(ledger, wanted={})
    with pytest.raises(PermanentError, match="nothing of it was delivered") as caught:
        ledger.withdrawals.planned("1.2")
    assert "queue drop" not in str(caught.value)


def test_a_plugin_that_made_nothing_there_is_said_to_have_made_nothing(ledger: Ledger) -> None:
    delivered(ledger)
    with pytest.raises(PermanentError, match="there is no analysis by brain"):
        ledger.withdrawals.planned("1.2", "brain")


# What becomes of it


def test_a_withdrawn_analysis_says_so_and_stays_so(ledger: Ledger) -> None:
    analysis_id = delivered(ledger)
    withdraw(ledger)
    row = ledger.analyses.get(analysis_id)
    assert (row.state, row.error) == (AnalysisState.WITHDRAWN, "withdrawn by the operator: incorrect")
    assert ledger.analyses.is_over(analysis_id)
    assert ledger.analyses.unfinished() == []
    for step in (ledger.analyses.retry, ledger.analyses.hold, ledger.analyses.drop):
        with pytest.raises(IllegalMove, match="that is WITHDRAWN cannot be"):
            step(analysis_id)


def test_the_note_is_due_wherever_results_went_and_is_no_others_business(ledger: Ledger) -> None:
    analysis_id = delivered(ledger, wanted=BOTH)
    withdraw(ledger)
    for destination in ("pacs", "ward"):
        (row,) = due(ledger, destination)
        assert (row.kind, row.path) == ("rejection", f"work/{analysis_id}/rejection.dcm")
    assert due(ledger, "elsewhere") == []


def test_what_waited_is_not_sent_any_more_and_the_study_closes(ledger: Ledger) -> None:
    reported(ledger)
    ledger.deliveries.done(due(ledger)[0])
    withdraw(ledger)
    assert [one.kind for one in due(ledger)] == ["rejection"]
    assert ledger.studies.get("1.2").state is StudyState.CLOSED
    assert ledger.deliveries.count_by_state() == {("pacs", "DONE"): 1, ("pacs", "WAITING"): 1}


def test_a_delivered_note_ends_it(ledger: Ledger) -> None:
    analysis_id = delivered(ledger)
    withdraw(ledger)
    ledger.deliveries.done(due(ledger)[0])
    assert due(ledger) == []
    assert ledger.analyses.get(analysis_id).state is AnalysisState.WITHDRAWN
    assert ledger.deliveries.count_by_state() == {("pacs", "DONE"): 3}


def test_an_answer_that_comes_after_the_withdrawal_is_written_down_and_moves_nothing(ledger: Ledger) -> None:
    reported(ledger)
    first, second = due(ledger)
    ledger.deliveries.done(first)
    withdraw(ledger)
    ledger.deliveries.done(second)
    assert states(ledger) == [AnalysisState.WITHDRAWN]
    assert [one.state for one in ledger.deliveries.of_study("1.2")] == ["DONE", "DONE", "WAITING"]


def failed(ledger: Ledger, analysis_id: int, rest: DeliveryRow) -> None:
    ledger.deliveries.refuse(rest, "no")


def held(ledger: Ledger, analysis_id: int, rest: DeliveryRow) -> None:
    ledger.analyses.hold(analysis_id)


def dropped(ledger: Ledger, analysis_id: int, rest: DeliveryRow) -> None:
    ledger.analyses.drop(analysis_id)


def retried(ledger: Ledger, analysis_id: int, rest: DeliveryRow) -> None:
    ledger.deliveries.refuse(rest, "no")
    ledger.analyses.retry(analysis_id)


@pytest.mark.parametrize("fate", [failed, held, dropped, retried], ids=lambda fate: fate.__name__)
def test_what_was_delivered_in_part_is_withdrawn_whatever_became_of_the_rest(
    ledger: Ledger, fate: Callable[[Ledger, int, DeliveryRow], None]
) -> None:
    analysis, _ = reported(ledger)
    first, second = due(ledger)
    ledger.deliveries.done(first)
    fate(ledger, analysis.id, second)
    (planned,) = withdraw(ledger)
    assert first.sop_instance_uid in {one.sop_instance_uid for one in planned.listed}
    assert states(ledger) == [AnalysisState.WITHDRAWN]
    assert [one.kind for one in due(ledger)] == ["rejection"]
    assert ledger.studies.get("1.2").state is StudyState.CLOSED


def test_a_worker_that_was_at_it_meanwhile_is_told_that_it_was_taken_away(ledger: Ledger) -> None:
    analysis, _ = reported(ledger)
    first, second = due(ledger)
    ledger.deliveries.done(first)
    retried(ledger, analysis.id, second)
    withdraw(ledger)
    with pytest.raises(IllegalMove):
        ledger.analyses.classified(analysis.id, "")


def test_the_trail_says_who_took_back_what_and_why(ledger: Ledger) -> None:
    analysis_id = delivered(ledger, wanted=BOTH)
    withdraw(ledger)
    trail = ledger.events.of_study("1.2")
    (event,) = [one for one in trail if one.action == "results withdrawn"]
    assert event.analysis_id == analysis_id
    assert (event.detail["operator"], event.detail["reason"], event.detail["plugin"]) == ("anna", "incorrect", "chest")
    assert event.detail["sop_instance_uid"] == "1.2.7.2.99"
    assert event.detail["destinations"] == ["rejection note for pacs", "rejection note for ward"]
    assert sorted(event.detail["objects"]) == ["withdrawn: sc 1.2.7.1", "withdrawn: sr 1.2.7.2"]
    assert "analysis withdrawn" in [one.action for one in trail]


def test_who_has_messages_gets_a_message_and_who_has_objects_the_note(ledger: Ledger) -> None:
    analysis, made = classified(ledger), results()
    made.append(ResultObject("1.2.7.3", "", "", "oru", "work/1/oru.hl7"))
    ledger.analyses.reported(analysis.id, made, {"pacs": ("sr",), "ris": ("oru",)})
    for row in ledger.deliveries.of_study("1.2"):
        ledger.deliveries.done(row)
    (planned,) = ledger.withdrawals.planned("1.2")
    assert ([one.kind for one in planned.listed], planned.destinations) == (["sr"], ("pacs",))
    assert planned.messages == (("ris", "oru"),)
    taken_back = ResultObject("1.2.7.3.99", "", "", "rejection", "work/1/rejection-oru.hl7")
    told = [(planned, [*note(planned), Notice(taken_back, ("ris",))])]
    ledger.withdrawals.record(told, Reason.INCORRECT, "anna")
    assert [one.sop_instance_uid for one in due(ledger, "pacs")] == ["1.2.7.2.99"]
    assert [one.sop_instance_uid for one in due(ledger, "ris")] == ["1.2.7.3.99"]
    (event,) = [one for one in ledger.events.of_study("1.2") if one.action == "results withdrawn"]
    assert event.detail["destinations"] == ["rejection note for pacs", "withdrawing message for ris"]


# Twice, too late, at the same time


def test_what_is_withdrawn_already_is_not_withdrawn_again(ledger: Ledger) -> None:
    delivered(ledger)
    withdraw(ledger)
    events = len(ledger.events.of_study("1.2"))
    assert withdraw(ledger) == []
    assert ledger.withdrawals.send_again("1.2") == 0
    assert len(due(ledger)) == 1
    assert len(ledger.events.of_study("1.2")) == events


def test_of_two_operators_at_once_one_is_told_to_look_again(ledger: Ledger) -> None:
    delivered(ledger)
    (planned,) = ledger.withdrawals.planned("1.2")
    withdraw(ledger)
    with pytest.raises(TemporaryError, match="has moved on meanwhile"):
        ledger.withdrawals.record([(planned, note(planned))], Reason.QUALITY, "bert")
    assert ledger.analyses.of_study("1.2")[0].error.endswith("incorrect")


def test_results_that_came_while_the_note_was_written_are_not_forgotten(ledger: Ledger) -> None:
    delivered(ledger)
    (planned,) = ledger.withdrawals.planned("1.2")
    next_revision(ledger, results("1.9"))
    with pytest.raises(TemporaryError, match="has moved on meanwhile"):
        ledger.withdrawals.record([(planned, note(planned))], Reason.QUALITY, "bert")
    assert AnalysisState.WITHDRAWN not in states(ledger)


def test_a_delivery_that_ends_while_the_note_is_written_changes_nothing(ledger: Ledger) -> None:
    reported(ledger)
    first, second = due(ledger)
    ledger.deliveries.done(first)
    (planned,) = ledger.withdrawals.planned("1.2")
    ledger.deliveries.done(second)
    ledger.withdrawals.record([(planned, note(planned))], Reason.QUALITY, "bert")
    assert states(ledger) == [AnalysisState.WITHDRAWN]


def test_either_all_of_a_study_is_withdrawn_or_nothing(ledger: Ledger) -> None:
    two_plugins(ledger, "chest", "brain")
    first, second = ledger.withdrawals.planned("1.2")
    withdraw(ledger, plugin="brain")
    with pytest.raises(TemporaryError):
        ledger.withdrawals.record([(one, note(one)) for one in (first, second)], Reason.QUALITY, "bert")
    assert states(ledger) == [AnalysisState.DELIVERED, AnalysisState.WITHDRAWN]
    assert len(due(ledger)) == 1


# Notes that are refused


def test_a_refused_note_is_in_the_operators_list_and_can_be_sent_again(ledger: Ledger) -> None:
    delivered(ledger)
    withdraw(ledger)
    ledger.deliveries.refuse(due(ledger)[0], "SOP Class not supported")
    assert [one.kind for one in ledger.deliveries.refused()] == ["rejection"]
    assert ledger.withdrawals.send_again("1.2", "brain") == 0
    assert ledger.withdrawals.send_again("1.2") == 1
    assert [(one.kind, one.attempts) for one in due(ledger)] == [("rejection", 0)]
    assert ledger.events.of_study("1.2")[-1].action == "rejection notes sent again"


def test_a_refused_result_that_was_withdrawn_is_no_longer_the_operators_business(ledger: Ledger) -> None:
    reported(ledger)
    first, second = due(ledger)
    ledger.deliveries.done(first)
    ledger.deliveries.refuse(second, "no")
    assert len(ledger.deliveries.refused()) == 1
    withdraw(ledger)
    assert ledger.deliveries.refused() == []
    assert ledger.deliveries.count_by_state() == {("pacs", "DONE"): 1, ("pacs", "WAITING"): 1}
    assert ledger.withdrawals.send_again("1.2") == 0


# Revisions and retention


def test_a_later_revision_does_not_name_a_withdrawn_report_as_its_predecessor(ledger: Ledger) -> None:
    delivered(ledger)
    withdraw(ledger)
    second = next_revision(ledger, results("1.9"))
    assert ledger.analyses.delivered_before(ledger.analyses.get(second)) == {}
    assert states(ledger) == [AnalysisState.WITHDRAWN, AnalysisState.REPORTED]
    assert sorted(one.kind for one in due(ledger)) == ["rejection", "sc", "sr"]


def test_a_later_revision_is_withdrawn_by_a_note_of_its_own(ledger: Ledger) -> None:
    delivered(ledger)
    withdraw(ledger)
    second = next_revision(ledger, results("1.9"))
    for row in due(ledger):
        ledger.deliveries.done(row)
    (planned,) = withdraw(ledger)
    assert planned.analyses == (second,)
    assert set(planned.listed) == set(results("1.9"))
    assert [one.sop_instance_uid for one in due(ledger)] == ["1.9.7.2.99"]


def test_a_revision_that_says_the_same_again_stays_withdrawn(ledger: Ledger) -> None:
    """A late image that the plugin does not look at: its results are the very objects that were withdrawn."""
    delivered(ledger)
    withdraw(ledger)
    second = next_revision(ledger, results())
    row = ledger.analyses.get(second)
    assert (row.state, row.error) == (AnalysisState.WITHDRAWN, "the same results were withdrawn before")
    assert ledger.studies.get("1.2").state is StudyState.CLOSED
    assert [one.kind for one in due(ledger)] == ["rejection"]


def test_files_are_kept_until_every_destination_has_its_note(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered(ledger, wanted=BOTH)
    withdraw(ledger)
    before = ledger.studies.get("1.2").last_at + 1
    after(3600, monkeypatch)
    for destination in ("pacs", "ward"):
        assert ledger.studies.expired(before) == []
        assert ledger.studies.begin_purge("1.2", before) == []
        ledger.deliveries.done(due(ledger, destination)[0])
    assert ledger.studies.expired(before) == ["1.2"]
    assert ledger.studies.begin_purge("1.2", before) == ["instances/00/1.2.9.1.dcm"]
