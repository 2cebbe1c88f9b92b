"""The two state machines: their tables, drawn and walked."""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import product

import pytest

from node.errors import PermanentError
from node.states import (
    ANALYSIS_MOVES,
    ENDED,
    STUDY_MOVES,
    AnalysisMove,
    AnalysisState,
    IllegalMove,
    StudyMove,
    StudyState,
    advance_analysis,
    advance_study,
    diagram,
)

#: What only a person does.
OPERATOR = {
    StudyMove.RELEASED,
    StudyMove.REOPENED,
    AnalysisMove.RETRIED,
    AnalysisMove.HELD,
    AnalysisMove.DROPPED,
    AnalysisMove.WITHDRAWN,
    AnalysisMove.RELEASED,
}


def reachable(moves: dict, begin: StrEnum, without: set[StrEnum] | None = None) -> set[StrEnum]:  # type: ignore[type-arg]
    found, waiting = {begin}, [begin]
    while waiting:
        here = waiting.pop()
        for (state, move), target in moves.items():
            if state is here and move not in (without or set()) and target not in found:
                found.add(target)
                waiting.append(target)
    return found


def test_every_state_of_a_study_can_be_reached() -> None:
    assert reachable(STUDY_MOVES, StudyState.RECEIVING) == set(StudyState)


def test_every_state_of_an_analysis_can_be_reached() -> None:
    assert reachable(ANALYSIS_MOVES, AnalysisState.QUEUED) == set(AnalysisState)


def test_every_move_is_used() -> None:
    assert {move for _, move in STUDY_MOVES} == set(StudyMove)
    assert {move for _, move in ANALYSIS_MOVES} == set(AnalysisMove)


@pytest.mark.parametrize("state", sorted(ENDED))
def test_an_analysis_that_has_ended_has_no_way_out_but_the_operators(state: AnalysisState) -> None:
    ways = {move for (here, move) in ANALYSIS_MOVES if here is state}
    assert ways <= OPERATOR | {AnalysisMove.LOST}  # an archive that took a result says it does not keep it


def test_what_is_delivered_or_dropped_stays_so_until_it_is_withdrawn_or_lost_by_its_archive() -> None:
    for state in (AnalysisState.DELIVERED, AnalysisState.DROPPED):
        assert reachable(ANALYSIS_MOVES, state, {AnalysisMove.LOST}) == {state, AnalysisState.WITHDRAWN}
        assert reachable(ANALYSIS_MOVES, state, {AnalysisMove.LOST, AnalysisMove.WITHDRAWN}) == {state}


def test_what_is_withdrawn_stays_so() -> None:
    assert reachable(ANALYSIS_MOVES, AnalysisState.WITHDRAWN) == {AnalysisState.WITHDRAWN}


def test_results_can_be_withdrawn_in_every_state_since_a_destination_may_have_some() -> None:
    for state in set(AnalysisState) - {AnalysisState.WITHDRAWN}:
        assert advance_analysis(state, AnalysisMove.WITHDRAWN) is AnalysisState.WITHDRAWN


def test_the_diagram_ends_where_nothing_is_left_to_do() -> None:
    ends = re.findall(r"(\w+) --> \[\*\]", diagram())
    assert ends == ["DELIVERED", "SILENT", "FAILED", "DROPPED", "WITHDRAWN"]


def test_every_unfinished_analysis_can_be_stopped_given_up_and_fail() -> None:
    for state in (AnalysisState.QUEUED, AnalysisState.CLASSIFIED, AnalysisState.REPORTED):
        assert advance_analysis(state, AnalysisMove.HELD) is AnalysisState.HELD
        assert advance_analysis(state, AnalysisMove.DROPPED) is AnalysisState.DROPPED
        assert advance_analysis(state, AnalysisMove.FAILED) is AnalysisState.FAILED


def test_every_analysis_that_is_not_held_comes_to_an_end_without_a_person() -> None:
    for state in set(AnalysisState) - {AnalysisState.HELD}:
        assert reachable(ANALYSIS_MOVES, state, OPERATOR) & ENDED


def test_only_a_person_lets_a_study_out_of_quarantine() -> None:
    assert reachable(STUDY_MOVES, StudyState.QUARANTINED, OPERATOR) == {StudyState.QUARANTINED}
    assert advance_study(StudyState.QUARANTINED, StudyMove.RELEASED) is StudyState.COMPLETE


def test_an_image_is_welcome_in_every_state_of_a_study() -> None:
    targets = {state: advance_study(state, StudyMove.IMAGE_ARRIVED) for state in StudyState}
    assert targets.pop(StudyState.QUARANTINED) is StudyState.QUARANTINED
    assert set(targets.values()) == {StudyState.RECEIVING}


def test_every_study_that_is_not_quarantined_comes_to_an_end_without_a_person() -> None:
    for state in set(StudyState) - {StudyState.QUARANTINED}:
        assert reachable(STUDY_MOVES, state, OPERATOR) & {StudyState.CLOSED, StudyState.IGNORED}


@pytest.mark.parametrize(
    ("advance", "states", "moves", "table"),
    [
        (advance_study, StudyState, StudyMove, STUDY_MOVES),
        (advance_analysis, AnalysisState, AnalysisMove, ANALYSIS_MOVES),
    ],
    ids=["study", "analysis"],
)
def test_every_state_and_move_has_an_answer(advance, states, moves, table) -> None:  # type: ignore[no-untyped-def]
    for state, move in product(states, moves):
        if (state, move) in table:
            assert advance(state, move) is table[state, move]
        else:
            with pytest.raises(IllegalMove, match=f"that is {state} cannot be '{move}'") as caught:
                advance(state, move)
            assert isinstance(caught.value, PermanentError)


def test_states_read_as_they_are_written() -> None:
    """The ledger stores their names."""
    assert all(str(state) == state.name for states in (StudyState, AnalysisState) for state in states)
