"""What a destination refuses for good is replaced by the next simpler kind that the analysis has."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from node.kinds import INSTEAD, KINDS, with_stand_ins
from node.ledger import DeliveryRow, Ledger
from node.ledger.stand_ins import stand_ins_of
from node.states import AnalysisState, StudyState
from node.study import ResultObject
from tests.ledger.killing import is_killed_before
from tests.ledger.material import arrival, classified, results

#: What the worker makes for a destination that takes reports: the stand-ins too, and a heatmap for each image.
MADE = ("sc", "sc", "sr", "comprehensive-sr")
REPORT = {"pacs": ("sr",)}
BOTH = {"pacs": ("sc", "sr")}


def prepared(ledger: Ledger, wanted: Mapping[str, tuple[str, ...]], *kinds: str) -> list[ResultObject]:
    """A study with results of these kinds, waiting for delivery."""
    analysis, made = classified(ledger), results("1.2", *(kinds or MADE))
    ledger.analyses.reported(analysis.id, made, wanted)
    return made


def due(ledger: Ledger, kind: str, destination: str = "pacs") -> list[DeliveryRow]:
    return [row for row in ledger.deliveries.due(destination, longest_wait=300) if row.kind == kind]


def refuse(ledger: Ledger, kind: str, destination: str = "pacs", reason: str = "status 0122") -> None:
    """As a destination that takes no object of that kind."""
    waiting = due(ledger, kind, destination)
    assert waiting, f"no {kind} waits"
    for row in waiting:
        ledger.deliveries.replace(row, reason)


def take(ledger: Ledger, kind: str, destination: str = "pacs") -> None:
    waiting = due(ledger, kind, destination)
    assert waiting, f"no {kind} waits"
    for row in waiting:
        ledger.deliveries.done(row)


def states(ledger: Ledger, destination: str = "pacs") -> list[tuple[str, str]]:
    return [(row.kind, row.state) for row in ledger.deliveries.of_study("1.2") if row.destination == destination]


def end(ledger: Ledger) -> AnalysisState:
    (analysis,) = ledger.analyses.of_study("1.2")
    return analysis.state


def refusals(ledger: Ledger) -> list[tuple[str, str, str, str]]:
    """Destination, kind, reason and what goes instead, as the trail has them."""
    events = [event.detail for event in ledger.events.of_study("1.2") if event.action == "delivery refused"]
    return [(one["destination"], one["kind"], one["reason"], one.get("instead", "")) for one in events]


# Which kind stands in for which


@pytest.mark.parametrize("kind", KINDS)
def test_every_stand_in_is_made_along_with_its_kind_and_the_chain_ends(kind: str) -> None:
    chain = stand_ins_of(kind)
    assert set(chain) <= set(with_stand_ins([kind]))
    assert kind not in chain
    assert not chain or chain[-1] not in INSTEAD


def test_a_report_has_two_stand_ins_the_fuller_one_first() -> None:
    assert stand_ins_of("sr") == ("comprehensive-sr", "sc")
    assert stand_ins_of("sc") == stand_ins_of("ko") == stand_ins_of("unknown") == ()


# One refusal


def test_the_next_simpler_kind_goes_instead(ledger: Ledger) -> None:
    prepared(ledger, REPORT)
    refuse(ledger, "sr")
    assert states(ledger) == [("sr", "REPLACED"), ("comprehensive-sr", "WAITING")]
    (row,) = due(ledger, "comprehensive-sr")
    assert (row.attempts, row.not_before, row.destination) == (0, 0, "pacs")
    assert end(ledger) is AnalysisState.REPORTED


def test_when_the_stand_in_has_arrived_the_analysis_is_delivered(ledger: Ledger) -> None:
    prepared(ledger, REPORT)
    refuse(ledger, "sr")
    take(ledger, "comprehensive-sr")
    assert end(ledger) is AnalysisState.DELIVERED
    assert ledger.studies.get("1.2").state is StudyState.CLOSED


def test_the_trail_names_destination_reason_and_what_goes_instead(ledger: Ledger) -> None:
    prepared(ledger, REPORT)
    refuse(ledger, "sr", reason="status 0122: SOP Class not supported")
    assert refusals(ledger) == [("pacs", "sr", "status 0122: SOP Class not supported", "comprehensive-sr")]


def test_a_refusal_that_was_replaced_is_shown_with_the_study_but_asks_nothing_of_the_operator(ledger: Ledger) -> None:
    prepared(ledger, REPORT)
    refuse(ledger, "sr")
    shown = {row.kind: (row.state, row.error) for row in ledger.deliveries.of_study("1.2")}
    assert shown["sr"] == ("REPLACED", "replaced by comprehensive-sr: status 0122")
    assert ledger.deliveries.refused() == []
    assert ledger.deliveries.count_by_state() == {("pacs", "REPLACED"): 1, ("pacs", "WAITING"): 1}
    take(ledger, "comprehensive-sr")
    assert ledger.deliveries.refused() == []
    assert ledger.analyses.unfinished() == []


def test_every_object_of_the_simpler_kind_goes_each_once(ledger: Ledger) -> None:
    made = prepared(ledger, {"pacs": ("gsps",)}, "sc", "sc", "sc", "gsps", "gsps")
    refuse(ledger, "gsps")
    heatmaps = [one.sop_instance_uid for one in made if one.kind == "sc"]
    assert [row.sop_instance_uid for row in due(ledger, "sc")] == heatmaps
    assert [instead for *_, instead in refusals(ledger)] == ["sc", "sc"]
    take(ledger, "sc")
    assert end(ledger) is AnalysisState.DELIVERED


# Chains


def test_a_stand_in_that_is_refused_is_replaced_in_turn(ledger: Ledger) -> None:
    prepared(ledger, REPORT)
    refuse(ledger, "sr")
    refuse(ledger, "comprehensive-sr", reason="status A900")
    assert states(ledger) == [
        ("sr", "REPLACED"),
        ("comprehensive-sr", "REPLACED"),
        ("sc", "WAITING"),
        ("sc", "WAITING"),
    ]
    take(ledger, "sc")
    assert end(ledger) is AnalysisState.DELIVERED
    assert refusals(ledger) == [
        ("pacs", "sr", "status 0122", "comprehensive-sr"),
        ("pacs", "comprehensive-sr", "status A900", "sc"),
    ]


def test_a_kind_that_was_not_made_is_passed_over(ledger: Ledger) -> None:
    prepared(ledger, REPORT, "sc", "sr")
    refuse(ledger, "sr")
    assert states(ledger) == [("sr", "REPLACED"), ("sc", "WAITING")]


def test_when_the_whole_chain_is_refused_all_of_it_is_the_operators(ledger: Ledger) -> None:
    prepared(ledger, REPORT)
    for kind in ("sr", "comprehensive-sr", "sc"):
        assert ledger.deliveries.refused() == []
        refuse(ledger, kind)
    assert {row.kind for row in ledger.deliveries.refused()} == {"sr", "comprehensive-sr", "sc"}
    assert ledger.deliveries.count_by_state() == {("pacs", "REFUSED"): 4}
    (analysis,) = ledger.analyses.of_study("1.2")
    assert (analysis.state, analysis.error[:36]) == (AnalysisState.FAILED, "4 of 4 deliveries were refused: see ")


def test_a_stand_in_of_which_one_object_is_refused_has_not_arrived(ledger: Ledger) -> None:
    prepared(ledger, REPORT, "sc", "sc", "sr")
    refuse(ledger, "sr")
    first, second = due(ledger, "sc")
    ledger.deliveries.done(first)
    ledger.deliveries.replace(second, "status A900")
    assert states(ledger) == [("sr", "REFUSED"), ("sc", "DONE"), ("sc", "REFUSED")]
    assert end(ledger) is AnalysisState.FAILED


def test_a_kind_without_a_stand_in_is_refused_as_it_always_was(ledger: Ledger) -> None:
    prepared(ledger, {"pacs": ("ko", "sr")}, "sc", "sr", "ko")
    refuse(ledger, "ko")
    take(ledger, "sr")
    assert states(ledger) == [("sr", "DONE"), ("ko", "REFUSED")]
    assert refusals(ledger) == [("pacs", "ko", "status 0122", "")]
    assert end(ledger) is AnalysisState.FAILED


# What the destination gets anyway


def test_what_goes_there_anyway_is_not_queued_twice(ledger: Ledger) -> None:
    prepared(ledger, BOTH, "sc", "sr")
    refuse(ledger, "sr")
    assert states(ledger) == [("sc", "WAITING"), ("sr", "REPLACED")]
    take(ledger, "sc")
    assert end(ledger) is AnalysisState.DELIVERED


def test_what_is_there_already_is_not_sent_again(ledger: Ledger) -> None:
    prepared(ledger, BOTH, "sc", "sr")
    take(ledger, "sc")
    refuse(ledger, "sr")
    assert states(ledger) == [("sc", "DONE"), ("sr", "REPLACED")]
    assert end(ledger) is AnalysisState.DELIVERED


def test_a_simpler_kind_that_was_refused_itself_stands_in_for_nothing(ledger: Ledger) -> None:
    prepared(ledger, BOTH, "sc", "sr")
    refuse(ledger, "sc")
    refuse(ledger, "sr")
    assert {state for _, state in states(ledger)} == {"REFUSED"}
    assert end(ledger) is AnalysisState.FAILED


def test_a_replacement_counts_no_more_when_what_goes_anyway_is_refused_later(ledger: Ledger) -> None:
    prepared(ledger, BOTH, "sc", "sr")
    refuse(ledger, "sr")
    assert ledger.deliveries.refused() == []
    refuse(ledger, "sc")
    assert {row.kind for row in ledger.deliveries.refused()} == {"sc", "sr"}
    assert end(ledger) is AnalysisState.FAILED


def test_destinations_are_replaced_for_each_on_its_own(ledger: Ledger) -> None:
    prepared(ledger, {"pacs": ("sr",), "ward": ("sr",)})
    refuse(ledger, "sr", "ward")
    take(ledger, "sr", "pacs")
    assert states(ledger, "pacs") == [("sr", "DONE")]
    assert states(ledger, "ward") == [("sr", "REPLACED"), ("comprehensive-sr", "WAITING")]
    take(ledger, "comprehensive-sr", "ward")
    assert end(ledger) is AnalysisState.DELIVERED


# What is not replaced


def test_what_the_destination_was_not_asked_about_is_the_operators_although_a_simpler_kind_arrived(
    ledger: Ledger,
) -> None:
    prepared(ledger, BOTH, "sc", "sr")
    take(ledger, "sc")
    ledger.deliveries.refuse(due(ledger, "sr")[0], "its file is not in the spool")
    assert states(ledger) == [("sc", "DONE"), ("sr", "REFUSED")]
    assert [row.error for row in ledger.deliveries.refused()] == ["its file is not in the spool"]
    assert end(ledger) is AnalysisState.FAILED


@pytest.mark.parametrize("stop", ["hold", "drop", "late image"])
def test_an_answer_that_comes_after_the_analysis_was_stopped_queues_nothing(ledger: Ledger, stop: str) -> None:
    prepared(ledger, REPORT)
    (row,) = due(ledger, "sr")
    if stop == "late image":
        ledger.arrivals.record([arrival(2)])
    else:
        getattr(ledger.analyses, stop)(row.analysis_id)
    ledger.deliveries.replace(row, "status 0122")
    assert states(ledger) == [("sr", "REFUSED")]


# The operator's retry


def retry(ledger: Ledger, made: list[ResultObject], wanted: Mapping[str, tuple[str, ...]]) -> None:
    (analysis,) = ledger.analyses.of_study("1.2")
    ledger.analyses.retry(analysis.id)
    ledger.analyses.classified(analysis.id, "again")
    ledger.analyses.reported(analysis.id, made, wanted)


def test_a_retry_tries_the_full_report_again_and_falls_back_again(ledger: Ledger) -> None:
    made = prepared(ledger, BOTH)
    refuse(ledger, "sr")
    take(ledger, "comprehensive-sr")
    refuse(ledger, "sc")
    assert end(ledger) is AnalysisState.FAILED
    retry(ledger, made, BOTH)
    refuse(ledger, "sr")
    take(ledger, "sc")
    assert dict(states(ledger)) == {"sc": "DONE", "sr": "REPLACED", "comprehensive-sr": "DONE"}
    assert end(ledger) is AnalysisState.DELIVERED


def test_a_stand_in_that_was_refused_is_forgotten_when_the_full_report_arrives_after_a_retry(ledger: Ledger) -> None:
    made = prepared(ledger, BOTH)
    for kind in ("sr", "comprehensive-sr", "sc"):
        refuse(ledger, kind)
    retry(ledger, made, BOTH)
    assert states(ledger) == [("sc", "WAITING"), ("sc", "WAITING"), ("sr", "WAITING")]
    take(ledger, "sc")
    take(ledger, "sr")
    assert end(ledger) is AnalysisState.DELIVERED
    assert ledger.deliveries.refused() == []


def test_a_stand_in_that_waited_while_the_analysis_was_held_is_not_sent_beside_the_full_report(ledger: Ledger) -> None:
    made = prepared(ledger, REPORT)
    refuse(ledger, "sr")
    (stale,) = due(ledger, "comprehensive-sr")
    ledger.analyses.hold(stale.analysis_id)
    retry(ledger, made, REPORT)
    assert states(ledger) == [("sr", "WAITING")]
    ledger.deliveries.done(stale)  # its answer comes late, and settles no other delivery
    assert states(ledger) == [("sr", "WAITING")]


# kill -9


def replace_report(path: Path) -> None:
    ledger = Ledger(path)
    (row,) = due(ledger, "sr")
    ledger.deliveries.replace(row, "status 0122")


def rows_of(path: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(path) as connection:
        found = connection.execute(
            "SELECT r.kind, d.state FROM deliveries d JOIN results r USING (sop_instance_uid) ORDER BY d.id"
        ).fetchall()
    connection.close()
    return found


BEFORE = [("sr", "WAITING")]
AFTER = [("sr", "REFUSED"), ("comprehensive-sr", "WAITING")]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_killed_before_any_statement_the_refusal_and_its_stand_in_are_both_there_or_neither(tmp_path: Path) -> None:
    whole = Ledger(tmp_path / "whole.db")
    prepared(whole, REPORT)
    whole.close()
    seen, statement, killed = set(), 0, True
    while killed:
        path = tmp_path / f"{statement}.db"
        shutil.copy(tmp_path / "whole.db", path)
        killed = is_killed_before(statement, partial(replace_report, path))
        left = rows_of(path)
        assert left in (BEFORE, AFTER), f"killed before statement {statement}"
        seen.add(len(left))
        again = Ledger(path)
        if left == BEFORE:
            refuse(again, "sr")
        assert states(again) == [("sr", "REPLACED"), ("comprehensive-sr", "WAITING")]
        assert len(refusals(again)) == 1
        again.close()
        statement += 1
    assert seen == {1, 2}
    assert statement > 8  # so many statements were tried
