"""Rates of subgroups against themselves before: what raises an alarm, what does not, and how it is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from node.alarms import plain
from node.config import WatchSettings
from node.ledger import Ledger, Measure, Observation, Verdict
from node.watch.answers import Answers, answers_from, answers_of, answers_text, joined
from node.watch.looking import Comparison
from node.watch.round import look_at_all
from node.watch.subgroups import changed
from tests.watch.builders import PLUGIN, answered, observations

SETTINGS = WatchSettings(least_of_sender=20)


def some(count: int, present: int, **changes: Any) -> list[Observation]:
    """So many answers, so many of them positive; what else they are like is the same."""
    outcomes = ("present",) * present + ("absent",) * (count - present)
    return [
        replace(one, findings={"pneumonia": (0.5, outcome)}, **changes)
        for one, outcome in zip(observations(count), outcomes, strict=True)
    ]


def asked(old: list[Observation], new: list[Observation], **changes: Any) -> dict[tuple[str, str], Measure]:
    settings = SETTINGS.model_copy(update=changes)
    found = changed(Comparison("site", answers_of(old), answers_of(new), settings))
    return {(one.metric, one.subject): one for one in found}


def test_a_rate_that_rises_or_falls_in_one_subgroup_is_an_alarm_there_alone() -> None:
    old = [*some(100, 30), *some(100, 30, sex="M", maker="B", sender="CT2", age_band="80+", view="AP")]
    for present, way in ((90, "rise"), (0, "fall")):
        new = [*some(100, present), *some(100, 30, sex="M", maker="B", sender="CT2", age_band="80+", view="AP")]
        found = asked(old, new)
        assert found[f"{way} of present pneumonia", "sex F"].verdict is Verdict.ALARM
        assert found[f"{way} of present pneumonia", "age 40-59"].verdict is Verdict.ALARM
        assert found[f"{way} of present pneumonia", "sender CT1"].verdict is Verdict.ALARM
        assert found["rise of present pneumonia", "sex M"].verdict is Verdict.AS_BEFORE
        assert found["rise of present pneumonia", "view AP"].value == 0.3


def test_a_subgroup_that_is_abstained_of_more_often_is_an_alarm_and_less_often_is_none() -> None:
    silent = [replace(one, abstained=True, findings={}) for one in some(50, 0)]
    found = asked(some(50, 10), silent)
    assert found["rise of abstained", "sex F"].verdict is Verdict.ALARM
    assert ("fall of present pneumonia", "sex F") not in found, "nobody was answered"
    assert asked(silent, some(50, 10))["rise of abstained", "sex F"].verdict is Verdict.AS_BEFORE


def test_small_subgroups_are_not_asked_and_neither_is_anything_by_choice() -> None:
    both = [*some(100, 10), *some(19, 19, sex="O")]
    assert {subject for _, subject in asked(both, both)} == {"sex F", "age 40-59", "maker ACME", "sender CT1"}
    assert asked(some(100, 0), some(100, 100), subgroup_level=0) == {}


def test_limits_are_those_that_are_told() -> None:
    found = asked(some(200, 60), some(100, 31))["rise of present pneumonia", "sex F"]
    assert found.threshold is not None
    beyond = round(found.threshold * 100) + 1
    assert asked(some(200, 60), some(100, beyond - 1))[found.metric, "sex F"].verdict is Verdict.AS_BEFORE
    assert asked(some(200, 60), some(100, beyond))[found.metric, "sex F"].verdict is Verdict.ALARM


def test_it_is_told_in_words() -> None:
    found = asked(some(100, 30), some(100, 90))["rise of present pneumonia", "sex F"]
    assert plain(found).startswith("“pneumonia” is called present more often than before in sex F: 90%, ")
    silent = [replace(one, abstained=True, findings={}) for one in some(50, 0)]
    said = plain(asked(some(50, 10), silent)["rise of abstained", "sex F"])
    assert said.startswith("The model abstains more often than before in sex F: 100%, ")


def test_a_baseline_of_before_there_were_subgroups_asks_nothing_of_them() -> None:
    """As a plugin's own reference, and a baseline in the ledger of an older version."""
    old = replace(answers_of(some(100, 0)), groups={}, present={})
    kept = answers_from(answers_text(old).replace(',"groups":{},"present":{}', ""))
    assert kept.groups == {}
    assert changed(Comparison("site", kept, answers_of(some(100, 100)), SETTINGS)) == []


@pytest.mark.parametrize("made", [answers_text, None])
def test_subgroups_are_kept_with_a_baseline_and_go_along(made: Any) -> None:
    answers = answers_of([*some(3, 1), *some(2, 0, sex="M"), *observations(1, abstained=True, findings={})])
    kept: Answers = (
        answers_from(made(answers)) if made else joined([answers.of(np.arange(4)), answers.of(np.arange(4, 6))])
    )
    assert kept.group("sex").tolist() == ["F", "F", "F", "M", "M", "F"]
    np.testing.assert_array_equal(kept.present["pneumonia"], [1, 0, 0, 0, 0, np.nan])


def test_a_node_raises_the_alarm_and_a_pause_where_it_is_asked_to(ledger: Ledger) -> None:
    settings = WatchSettings(baseline=60, window=60, least=40, least_of_sender=20, pause_on=("subgroups",))
    answered(ledger, some(60, 20))
    look_at_all(settings, ledger, {})
    answered(ledger, some(60, 58), 100)
    look_at_all(settings, ledger, {})
    alarms = {(one.metric, one.subject) for one in ledger.measures.alarms()[PLUGIN] if one.kind == "subgroups"}
    assert ("rise of present pneumonia", "sex F") in alarms
    assert "rise of present pneumonia of sex F" in ledger.pauses.paused()[PLUGIN]
    shown = [one for one in ledger.measures.latest() if one.kind == "subgroups"]
    assert {one.is_detail for one in shown if one.verdict is Verdict.ALARM} == {False}
    assert {one.is_detail for one in shown if one.verdict is Verdict.AS_BEFORE} == {True}
