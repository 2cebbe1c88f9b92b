"""Two versions of a plugin on the same studies: readers get the answer of one, whenever they are swapped."""

from __future__ import annotations

import time
from typing import Any

import pytest

from node.ledger import AnalysisRow, Installed, Ledger
from node.stages import Stage, Staged
from node.states import AnalysisState
from tests.ledger.material import KINDS, completed, plan
from tests.ledger.material import results as made

OLD, NEW = "chest", "chest@1.1"


@pytest.fixture(autouse=True)
def both(ledger: Ledger) -> None:
    """Both are installed."""
    ledger.stages.meet([Installed(OLD, "1.0", "a"), Installed(NEW, "1.1", "b")], silent=False)


def routed(ledger: Ledger, study: str = "1.2") -> tuple[AnalysisRow, AnalysisRow]:
    completed(ledger, study)
    plans = [plan(OLD), plan(NEW)]
    ledger.analyses.route(study, plans, ["because"])
    old, new = ledger.analyses.of_study(study)
    return old, new


def report(ledger: Ledger, row: AnalysisRow) -> AnalysisState:
    ledger.analyses.classified(row.id, "pneumonia 0.93")
    version = "1.1" if row.plugin == NEW else "1.0"
    objects = made(f"{row.study_instance_uid}.{row.id}")
    ledger.analyses.reported(row.id, objects, KINDS, version=version)
    return state(ledger, row)


def state(ledger: Ledger, row: AnalysisRow) -> AnalysisState:
    return ledger.analyses.get(row.id).state


def staged(plugin: str, stage: Stage, **changes: Any) -> Staged:
    version = "1.1" if plugin == NEW else "1.0"
    return Staged(plugin, version, stage, operator="anna", at=time.time(), **changes)


def swap(ledger: Ledger, since: float | None = None) -> int:
    return ledger.stages.swap(staged(NEW, Stage.LIVE), [staged(OLD, Stage.SILENT)], since)


def sent(ledger: Ledger) -> list[str]:
    """Plugins whose objects went out, an entry for each analysis."""
    found = ledger.deliveries.due("pacs", 300)
    for row in found:
        ledger.deliveries.done(row)
    return [ledger.analyses.get(number).plugin for number in dict.fromkeys(row.analysis_id for row in found)]


def test_a_version_beside_another_begins_silent_and_only_the_live_one_is_sent(ledger: Ledger) -> None:
    assert ledger.stages.of(NEW, "1.1").reason == "a version beside another one"
    old, new = routed(ledger)
    assert (report(ledger, new), report(ledger, old)) == (AnalysisState.SILENT, AnalysisState.REPORTED)
    assert sent(ledger) == [OLD]


def test_after_a_swap_the_other_one_is_sent(ledger: Ledger) -> None:
    swap(ledger)
    old, new = routed(ledger)
    assert (report(ledger, old), report(ledger, new)) == (AnalysisState.SILENT, AnalysisState.REPORTED)
    assert sent(ledger) == [NEW]


@pytest.mark.parametrize(
    "order", ["old new swap", "new old swap", "old swap new", "new swap old", "swap old new", "swap new old"]
)
@pytest.mark.parametrize("is_sent_between", [True, False])
def test_whenever_they_are_swapped_a_study_is_answered_by_one(
    ledger: Ledger, order: str, is_sent_between: bool
) -> None:
    old, new = routed(ledger)
    answers = []
    for step in order.split():
        if step == "swap":
            swap(ledger)
        else:
            report(ledger, {"old": old, "new": new}[step])
        answers += sent(ledger) if is_sent_between else []
    answers += sent(ledger)
    assert len(answers) == 1
    assert sorted([state(ledger, old), state(ledger, new)]) == [AnalysisState.DELIVERED, AnalysisState.SILENT]


def test_what_another_version_has_answered_is_not_delivered_after_all(ledger: Ledger) -> None:
    old, new = routed(ledger)
    report(ledger, new)
    report(ledger, old)
    sent(ledger)
    assert swap(ledger, since=0) == 0
    assert sent(ledger) == []
    assert "chest 1.0 has answered for this study" in ledger.analyses.get(new.id).error


def test_a_version_in_a_canary_answers_for_its_studies_instead_of_the_live_one(ledger: Ledger) -> None:
    ledger.stages.set([staged(NEW, Stage.CANARY, percent=50.0)])
    answers = []
    for number in range(12):
        old, new = routed(ledger, f"1.2.{number}")
        for row in (old, new) if number % 2 else (new, old):
            report(ledger, row)
        (who,) = sent(ledger)
        answers.append(who)
    assert set(answers) == {OLD, NEW}


def test_the_live_one_answers_where_the_canary_has_failed(ledger: Ledger) -> None:
    ledger.stages.set([staged(NEW, Stage.CANARY, percent=100.0)])
    old, new = routed(ledger)
    ledger.analyses.fail(new.id, "it raised")
    report(ledger, old)
    assert sent(ledger) == [OLD]


def test_both_are_found_to_be_compared(ledger: Ledger) -> None:
    for row in routed(ledger):
        report(ledger, row)
    found = [(uid, plugin, version) for _, uid, plugin, version in ledger.inquiries.with_results("chest", 0)]
    assert found == [("1.2", OLD, "1.0"), ("1.2", NEW, "1.1")]
    assert ledger.inquiries.with_results("chest", time.time() + 9) == []
    assert ledger.inquiries.with_results("ches", 0) == []
