"""Two versions of a plugin on the same studies: readers get the answer of one, whenever they are swapped."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.commitment import Reference
from node.ledger import AnalysisRow, DeliveryRow, Installed, Ledger
from node.stages import Stage, Staged
from node.states import AnalysisState
from tests.ledger.killing import is_killed_before
from tests.ledger.material import KINDS, completed, plan
from tests.ledger.material import results as made

OLD, NEW = "chest", "chest@1.1"


@pytest.fixture(autouse=True)
def both(ledger: Ledger) -> None:
    """Both are installed."""
    ledger.stages.meet([Installed(OLD, "1.0", "a"), Installed(NEW, "1.1", "b")], silent=False)


def routed(ledger: Ledger, study: str = "1.2") -> tuple[AnalysisRow, AnalysisRow]:
    completed(ledger, study)
    plans = [plan(OLD), plan(NEW, plugin_version="1.1")]
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


def kept_for_a_canary(ledger: Ledger, *, is_reported: bool = False) -> tuple[AnalysisRow, AnalysisRow]:
    """The live version has kept its answer, since a canary is to answer; what it waits for is still at work."""
    ledger.stages.set([staged(NEW, Stage.CANARY, percent=100.0)])
    old, new = routed(ledger)
    if is_reported:
        report(ledger, new)
    assert report(ledger, old) is AnalysisState.SILENT
    return old, new


#: What ends the work of the canary before a reader has anything of it.
ENDINGS: dict[str, Callable[[Ledger, AnalysisRow], object]] = {
    "it fails": lambda ledger, new: ledger.analyses.fail(new.id, "it raised"),
    "it is held": lambda ledger, new: ledger.analyses.hold(new.id),
    "it is paused": lambda ledger, _: ledger.pauses.pause(NEW, "a model that drifts"),
    "it is dropped": lambda ledger, new: ledger.analyses.drop(new.id),
    "it goes silent": lambda ledger, _: ledger.stages.set([staged(NEW, Stage.SILENT)]),
    "it is for fewer studies": lambda ledger, _: ledger.stages.set([staged(NEW, Stage.CANARY, percent=0.0)]),
}


@pytest.mark.parametrize(
    ("ending", "is_reported"),
    # what is reported fails where its destinations refuse all of it, and is delivered while its plugin is paused
    [
        (one, is_reported)
        for one in ENDINGS
        for is_reported in (False, True)
        if not (is_reported and one in ("it fails", "it is paused"))
    ],
)
def test_the_live_one_answers_after_all_when_the_canary_comes_to_nothing(
    ledger: Ledger, ending: str, is_reported: bool
) -> None:
    old, new = kept_for_a_canary(ledger, is_reported=is_reported)
    ENDINGS[ending](ledger, new)
    assert sent(ledger) == [OLD]
    assert state(ledger, old) is AnalysisState.DELIVERED
    if state(ledger, new) in (AnalysisState.FAILED, AnalysisState.HELD):
        ledger.analyses.retry(new.id)
    if state(ledger, new) is AnalysisState.QUEUED:
        assert report(ledger, new) is AnalysisState.SILENT, "a second answer would contradict the first one"
    assert sent(ledger) == []


def refused(ledger: Ledger, but: int = 0) -> None:
    """The archive refuses what waits for it, but so many objects."""
    for number, row in enumerate(ledger.deliveries.due("pacs", 300)):
        (ledger.deliveries.done if number < but else partial(ledger.deliveries.refuse, reason="A900"))(row)


def test_the_live_one_answers_once_where_the_archive_refuses_all_that_the_canary_says(ledger: Ledger) -> None:
    old, new = kept_for_a_canary(ledger, is_reported=True)
    refused(ledger)
    assert (state(ledger, new), state(ledger, old)) == (AnalysisState.FAILED, AnalysisState.REPORTED)
    assert sent(ledger) == [OLD]
    (told,) = [one for one in ledger.events.of_study("1.2") if one.action == "answers instead"]
    assert (told.analysis_id, "chest@1.1 1.1 does not answer for it: it is FAILED. " in told.detail["reason"]) == (
        old.id,
        True,
    )
    ledger.analyses.retry(new.id)
    assert report(ledger, new) is AnalysisState.SILENT
    assert sent(ledger) == []


def test_a_canary_of_which_the_archive_refuses_a_part_has_answered(ledger: Ledger) -> None:
    old, new = kept_for_a_canary(ledger, is_reported=True)
    refused(ledger, but=1)
    assert (state(ledger, new), state(ledger, old)) == (AnalysisState.FAILED, AnalysisState.SILENT)


def test_while_the_canary_is_paused_the_live_one_does_not_wait_for_it(ledger: Ledger) -> None:
    ledger.stages.set([staged(NEW, Stage.CANARY, percent=100.0)])
    ledger.pauses.pause(NEW, "a model that drifts")
    old, new = routed(ledger)
    assert report(ledger, old) is AnalysisState.REPORTED
    ledger.pauses.resume(NEW)
    assert report(ledger, new) is AnalysisState.SILENT, "what it says after the pause is kept"
    assert sent(ledger) == [OLD]


def test_a_canary_of_which_readers_have_something_is_not_answered_for(ledger: Ledger) -> None:
    old, new = kept_for_a_canary(ledger, is_reported=True)
    ledger.deliveries.done(ledger.deliveries.due("pacs", 300)[0])
    ledger.analyses.hold(new.id)
    assert state(ledger, old) is AnalysisState.SILENT


def test_a_version_that_has_gone_silent_meanwhile_does_not_answer_for_the_canary(ledger: Ledger) -> None:
    old, new = kept_for_a_canary(ledger)
    swap(ledger)
    ledger.analyses.fail(new.id, "it raised")
    assert state(ledger, old) is AnalysisState.SILENT
    assert sent(ledger) == []


def test_of_two_canaries_that_fail_the_other_one_answers_and_then_the_live_one(ledger: Ledger) -> None:
    newer = "chest@1.2"
    ledger.stages.meet([Installed(newer, "1.2", "c")], silent=False, are_all=False)
    ledger.stages.set([staged(NEW, Stage.CANARY), Staged(newer, "1.2", Stage.CANARY, operator="anna")])
    completed(ledger)
    ledger.analyses.route(
        "1.2", [plan(OLD), plan(NEW, plugin_version="1.1"), plan(newer, plugin_version="1.2")], ["because"]
    )
    old, new, newest = ledger.analyses.of_study("1.2")
    report(ledger, old)
    ledger.analyses.fail(new.id, "it raised")
    assert state(ledger, old) is AnalysisState.SILENT, "the other canary is still at work"
    ledger.analyses.fail(newest.id, "it raised")
    assert sent(ledger) == [OLD]


# An archive that does not keep what it took of a canary


def taken(ledger: Ledger) -> list[DeliveryRow]:
    """The archive takes what waits for it, and is asked to keep it."""
    found = ledger.deliveries.due("pacs", 300)
    for row in found:
        ledger.deliveries.done(row, ask=True)
    references = [Reference(row.sop_class_uid, row.sop_instance_uid) for row in found]
    ledger.pledges.ask("pacs", "2.25.1", references)
    return found


def lose(ledger: Ledger, rows: Sequence[DeliveryRow], attempts: int = 1) -> None:
    """The archive says that it does not keep these. Args: attempts: so many make it the last word."""
    assert ledger.pledges.report("2.25.1", [], {row.sop_instance_uid: "0112" for row in rows}, attempts, 0)


def test_the_live_one_answers_once_where_the_archive_keeps_nothing_that_the_canary_says(ledger: Ledger) -> None:
    old, new = kept_for_a_canary(ledger, is_reported=True)
    lose(ledger, taken(ledger))
    assert (state(ledger, new), state(ledger, old)) == (AnalysisState.FAILED, AnalysisState.REPORTED)
    assert (sent(ledger), sent(ledger)) == ([OLD], [])
    (told,) = [one for one in ledger.events.of_study("1.2") if one.action == "answers instead"]
    assert "an archive does not keep what it took" in told.detail["reason"]
    ledger.analyses.retry(new.id)
    assert report(ledger, new) is AnalysisState.SILENT, "readers have the other answer by now"
    assert sent(ledger) == []


def test_a_canary_of_which_the_archive_keeps_a_part_has_answered(ledger: Ledger) -> None:
    old, new = kept_for_a_canary(ledger, is_reported=True)
    lose(ledger, taken(ledger)[:1])
    assert (state(ledger, new), state(ledger, old)) == (AnalysisState.FAILED, AnalysisState.SILENT)


@pytest.mark.parametrize("ending", ["it is taken", "it is refused", "it is dropped"])
def test_as_long_as_a_part_of_the_canary_is_sent_again_the_live_one_waits(ledger: Ledger, ending: str) -> None:
    old, new = kept_for_a_canary(ledger, is_reported=True)
    first, second = taken(ledger)
    lose(ledger, [second], attempts=2)
    lose(ledger, [first])
    assert (state(ledger, new), state(ledger, old)) == (AnalysisState.FAILED, AnalysisState.SILENT)
    (again,) = ledger.deliveries.due("pacs", 300)
    assert again.sop_instance_uid == second.sop_instance_uid
    if ending == "it is dropped":
        ledger.analyses.drop(new.id)
    elif ending == "it is refused":
        ledger.deliveries.refuse(again, "A900")
    assert sent(ledger) == ([NEW] if ending == "it is taken" else [OLD])
    assert sent(ledger) == []


# kill -9


def is_stopped(ledger: Ledger, row: AnalysisRow) -> bool:
    return state(ledger, row) is AnalysisState.FAILED or row.plugin in ledger.pauses.paused()


def lose_all(ledger: Ledger, _: AnalysisRow) -> None:
    lose(ledger, ledger.deliveries.of_study("1.2")[:2])


#: What ends a canary in one transaction, and whether it has reported by then.
LAST: dict[str, tuple[bool, Callable[[Ledger, AnalysisRow], object]]] = {
    "it fails": (False, ENDINGS["it fails"]),
    "it is paused": (False, ENDINGS["it is paused"]),
    "the archive refuses its last object": (True, lambda ledger, _: refused(ledger)),
    "the archive keeps none of it": (True, lose_all),
}


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("ending", LAST)
def test_killed_before_any_statement_of_its_end_the_live_one_answers_once(
    ledger: Ledger, tmp_path: Path, ending: str
) -> None:
    is_reported, act = LAST[ending]
    old, new = kept_for_a_canary(ledger, is_reported=is_reported)
    if ending == "the archive refuses its last object":
        for row in ledger.deliveries.due("pacs", 300)[1:]:
            ledger.deliveries.refuse(row, "A900")
    elif ending == "the archive keeps none of it":
        taken(ledger)
    ledger.close()
    seen, statement, killed = set(), 0, True
    while killed:
        path = tmp_path / f"{statement}.db"
        shutil.copy(tmp_path / "ledger.db", path)
        killed = is_killed_before(statement, lambda path=path: act(Ledger(path), new))  # type: ignore[misc]
        again = Ledger(path)
        seen.add((is_stopped(again, new), state(again, old)))
        if not is_stopped(again, new):
            act(again, new)
        assert (sent(again), sent(again)) == ([OLD], [])
        again.close()
        statement += 1
    assert seen == {(False, AnalysisState.SILENT), (True, AnalysisState.REPORTED)}
    assert statement > 20  # so many statements were tried


def test_both_are_found_to_be_compared(ledger: Ledger) -> None:
    for row in routed(ledger):
        report(ledger, row)
    found = [(uid, plugin, version) for _, uid, plugin, version in ledger.inquiries.with_results("chest", 0)]
    assert found == [("1.2", OLD, "1.0"), ("1.2", NEW, "1.1")]
    assert ledger.inquiries.with_results("chest", time.time() + 9) == []
    assert ledger.inquiries.with_results("ches", 0) == []
