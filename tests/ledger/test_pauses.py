"""Paused plugins: nothing is given to them, and nothing is lost."""

from __future__ import annotations

import pytest

from node.errors import PermanentError
from node.ledger import Ledger
from node.states import AnalysisState
from tests.ledger.material import plan, routed


def leased(ledger: Ledger, state: AnalysisState = AnalysisState.QUEUED) -> list[str]:
    found = [row.plugin for row in ledger.analyses.lease(state, "me", 60, 8, 300)]
    ledger.analyses.free_leases()
    return found


def test_a_paused_plugin_is_given_nothing_and_others_go_on(ledger: Ledger) -> None:
    routed(ledger, "1.2", plan("chest"), plan("brain"))
    ledger.pauses.pause("chest", "by anna")
    assert leased(ledger) == ["brain"]
    assert (ledger.pauses.paused(), ledger.pauses.waiting("chest")) == ({"chest": "by anna"}, 1)
    ledger.pauses.resume("chest")
    assert leased(ledger) == ["chest"]
    told = [(one.action, one.detail["plugin"]) for one in ledger.events.latest(10) if "plugin" in one.action]
    assert told == [("plugin resumed", "chest"), ("plugin paused", "chest")]


def test_what_it_has_answered_is_still_reported(ledger: Ledger) -> None:
    (row,) = routed(ledger)
    ledger.analyses.classified(row.id, "")
    ledger.pauses.pause("chest", "by anna")
    assert leased(ledger, AnalysisState.CLASSIFIED) == ["chest"]


def test_it_is_paused_once_and_keeps_its_first_reason(ledger: Ledger) -> None:
    ledger.pauses.pause("chest", "first")
    ledger.pauses.pause("chest", "second")
    assert ledger.pauses.paused() == {"chest": "first"}
    assert len(ledger.events.latest(10)) == 1


def test_what_is_not_paused_cannot_be_resumed(ledger: Ledger) -> None:
    with pytest.raises(PermanentError, match="is not paused"):
        ledger.pauses.resume("chest")


def test_so_many_crashes_in_a_row_pause_it(ledger: Ledger) -> None:
    assert [ledger.pauses.crashed("chest", f"SIGSEGV {number}", 3) for number in (1, 2)] == [False, False]
    ledger.pauses.worked("chest")
    assert [ledger.pauses.crashed("chest", f"SIGSEGV {number}", 3) for number in (3, 4, 5)] == [False, False, True]
    assert ledger.pauses.paused() == {"chest": "3 analyses in a row failed with it, the last one: SIGSEGV 5"}
    ledger.pauses.resume("chest")
    assert not ledger.pauses.crashed("chest", "SIGSEGV 6", 3), "it is counted anew"


def test_each_plugin_is_counted_alone_and_zero_means_never(ledger: Ledger) -> None:
    assert not ledger.pauses.crashed("chest", "x", 2)
    assert not ledger.pauses.crashed("brain", "x", 2)
    assert not any(ledger.pauses.crashed("skin", "x", 0) for _ in range(10))
    assert ledger.pauses.paused() == {}
