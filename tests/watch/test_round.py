"""Looks at a ledger that holds answers: what raises an alarm, what that does, and what is only told."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from node.claims import Outcome
from node.config import WatchSettings
from node.errors import PluginError
from node.ledger import Ledger, Measure, MeasureRow, Verdict, Watched
from node.manifest import read_manifest
from node.reviews import Counted
from node.watch.answers import FILE, answers_from, answers_of, answers_text, reference_of
from node.watch.round import keep_baseline, look, look_at_all, predictive
from tests.ledger.material import after
from tests.watch.builders import PLUGIN, answer, answered, observations

CHEST = Path(__file__).parents[2] / "plugins" / "radnode_chest_radiograph" / "manifest.toml"
SMALL = WatchSettings(baseline=60, window=60, least=40, least_of_sender=20)
OF = Watched(PLUGIN, "1.0")


def looked(ledger: Ledger, **changes: Any) -> dict[tuple[str, str, str], MeasureRow]:
    """A round; the measures of its look by metric, subject and reference."""
    look_at_all(SMALL.model_copy(update=changes), ledger, {})
    return {(one.metric, one.subject, one.reference): one for one in ledger.measures.latest(PLUGIN)}


def actions(ledger: Ledger) -> list[str]:
    return [event.action for event in ledger.events.latest(10000)]


@pytest.fixture
def at_work(ledger: Ledger) -> Ledger:
    """A node whose plugin has its baseline."""
    answered(ledger, observations(60))
    look_at_all(SMALL, ledger, {})
    return ledger


def test_before_there_is_a_baseline_nothing_is_said(ledger: Ledger) -> None:
    answered(ledger, observations(30))
    assert {one.verdict for one in looked(ledger).values()} == {Verdict.TOO_FEW, Verdict.TOLD}
    assert ledger.measures.baseline(OF) is None


def test_the_first_answers_at_a_site_are_its_baseline(at_work: Ledger) -> None:
    kept = at_work.measures.baseline(OF)
    assert kept is not None
    assert len(answers_from(kept.answers)) == 60
    answered(at_work, observations(10, 5.0, seed=1), 100)
    looked(at_work)
    assert at_work.measures.baseline(OF) == kept


def test_more_of_the_same_raises_no_alarm(at_work: Ledger) -> None:
    answered(at_work, observations(60, seed=1), 100)
    found = looked(at_work)
    assert found["ks pneumonia", "", "site"].verdict is Verdict.AS_BEFORE
    assert not at_work.measures.alarms()
    assert "drift" not in actions(at_work)


def test_other_images_raise_alarms_that_the_trail_tells_once(at_work: Ledger) -> None:
    answered(at_work, observations(60, 2.0, seed=1), 100)
    found = looked(at_work)
    for metric in ("psi pneumonia", "ks pneumonia", "ks mean", "mmd"):
        assert found[metric, "", "site"].verdict is Verdict.ALARM, metric
    assert found["ks mean", "sender CT1", "site"].verdict is Verdict.ALARM
    looked(at_work)
    assert actions(at_work).count("drift") == 1
    assert at_work.pauses.paused() == {}


def test_a_model_that_abstains_more_often_raises_an_alarm(at_work: Ledger) -> None:
    answered(at_work, observations(30, seed=1), 100)
    answered(at_work, observations(30, seed=2, abstained=True, findings={}), 200)
    found = looked(at_work)
    assert found["abstained", "", "site"].verdict is Verdict.ALARM
    assert found["ks pneumonia", "", "site"].verdict is Verdict.TOO_FEW
    assert found["ks mean", "", "site"].verdict is Verdict.AS_BEFORE


def test_a_sender_whose_films_change_is_named(ledger: Ledger) -> None:
    both = [*observations(120), *observations(40, sender="CT2", maker="OTHER", seed=1)]
    order = np.random.default_rng(0).permutation(len(both))
    answered(ledger, [both[place] for place in order])
    looked(ledger, baseline=160)
    answered(ledger, [*observations(120, seed=2), *observations(40, 1.5, sender="CT2", seed=3)], 300)
    found = looked(ledger, baseline=160, window=160)
    assert found["ks mean", "sender CT2", "site"].verdict is Verdict.ALARM
    assert found["ks mean", "sender CT1", "site"].verdict is Verdict.AS_BEFORE


def test_an_alarm_pauses_the_plugin_by_rule_and_only_when_it_is_new(at_work: Ledger) -> None:
    answered(at_work, observations(60, 2.0, seed=1), 100)
    looked(at_work, pause_on=("inputs",))
    assert "drift: ks mean" in at_work.pauses.paused()[PLUGIN]
    at_work.pauses.resume(PLUGIN)
    looked(at_work, pause_on=("inputs",))
    assert at_work.pauses.paused() == {}


def test_an_alarm_of_another_kind_does_not_pause(at_work: Ledger) -> None:
    answered(at_work, observations(60, 2.0, seed=1), 100)
    looked(at_work, pause_on=("abstentions",))
    assert at_work.measures.alarms()
    assert at_work.pauses.paused() == {}


def test_an_alarm_ends_when_the_answers_are_as_before(at_work: Ledger) -> None:
    answered(at_work, observations(60, 2.0, seed=1), 100)
    looked(at_work)
    answered(at_work, observations(60, seed=2), 200)
    looked(at_work)
    assert not at_work.measures.alarms()
    assert "drift has ended" in actions(at_work)


def test_a_new_baseline_ends_alarms(at_work: Ledger) -> None:
    answered(at_work, observations(60, 2.0, seed=1), 100)
    looked(at_work)
    keep_baseline(at_work, OF, at_work.observations.newest(OF, 60, 0.0), "it was meant")
    assert looked(at_work)["answers", "", "site"].verdict is Verdict.TOO_FEW
    answered(at_work, observations(60, 2.0, seed=3), 200)
    looked(at_work)
    assert not at_work.measures.alarms()


def test_a_new_version_begins_anew(at_work: Ledger) -> None:
    at_work._database.connection.execute("UPDATE observations SET plugin_version = '0.9'")
    at_work._database.connection.execute("UPDATE baselines SET plugin_version = '0.9'")
    answered(at_work, observations(50, 3.0, seed=1), 100)
    assert looked(at_work)["answers", "", "site"].verdict is Verdict.TOO_FEW


def test_a_training_reference_is_told_of_and_raises_alarms_only_if_asked_to(ledger: Ledger) -> None:
    answered(ledger, observations(50, 2.0))
    reference = answers_of(observations(60), "the held-back part")
    kinds = {}
    for against in ("site", "training"):
        measures = look(SMALL.model_copy(update={"alarm_against": against}), ledger, OF, reference)
        kinds[against] = {one.metric: one.verdict for one in measures if one.reference == "training"}
    assert kinds["site"]["ks mean"] is Verdict.DIFFERS
    assert kinds["training"]["ks mean"] is Verdict.ALARM
    assert "ks size" not in kinds["site"], "films of a training set were made smaller"


def test_films_of_one_patient_count_once(ledger: Ledger) -> None:
    for number in range(5):
        answer(ledger, f"1.2.{number}", "one patient", observations(1, seed=number))
    newest = ledger.observations.newest(OF, 60, 0.0)
    assert len(newest) == 1
    assert [one.inputs for one in newest] == [observations(1, seed=4)[0].inputs]
    assert ledger.observations.first(OF, 60)[0].inputs == observations(1, seed=0)[0].inputs


def test_another_revision_takes_the_place_of_the_first(ledger: Ledger) -> None:
    for image in (1, 2):  # the second one comes late
        answer(ledger, "1.2.1", "patient 1", observations(2, seed=image), image=image)
    assert len(ledger.analyses.of_study("1.2.1")) == 2
    kept = ledger._database.read("SELECT inputs FROM observations ORDER BY series")
    assert [json.loads(row["inputs"]) for row in kept] == [one.inputs for one in observations(2, seed=2)]


def test_what_is_too_old_goes(at_work: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    assert at_work.measures.latest(PLUGIN)
    after(2 * 86400, monkeypatch)
    answered(at_work, observations(1, seed=1), 100)
    looked(at_work, keep_days=1)
    assert len(at_work.observations.newest(OF, 500, 0.0)) == 1
    assert {one.at for one in at_work.measures.history(PLUGIN, 0)} == {at_work.measures.latest(PLUGIN)[0].at}
    assert at_work.measures.baseline(OF) is not None


def test_rates_of_subgroups_are_told_when_they_are_large_enough(ledger: Ledger) -> None:
    answered(ledger, [*observations(30), *observations(30, sex="M", seed=1), *observations(5, sex="O", seed=2)])
    found = looked(ledger, window=65)
    assert found["present pneumonia", "sex F", ""].answers == 30
    assert ("present pneumonia", "sex M", "") in found
    assert ("present pneumonia", "sex O", "") not in found
    assert found["median seconds", "", ""].value == 0.05


def test_predictive_values_are_counted_by_month() -> None:
    def said(at: float, outcome: Outcome, truth: Outcome) -> Counted:
        return Counted(PLUGIN, "1.0", "pneumonia", "CT1", outcome, truth, at)

    may, june = 1778000000.0, 1781000000.0
    reviewed = [
        said(may, Outcome.PRESENT, Outcome.PRESENT),
        said(may, Outcome.PRESENT, Outcome.ABSENT),
        said(june, Outcome.ABSENT, Outcome.ABSENT),
    ]
    found = [(one.subject, one.metric, one.value, one.answers) for one in predictive(OF, reviewed)]
    assert found == [("2026-05", "PPV pneumonia", 0.5, 2), ("2026-06", "NPV pneumonia", 1.0, 1)]
    assert predictive(Watched(PLUGIN, "2.0"), reviewed) == []


def test_answers_are_the_same_after_a_file() -> None:
    answers = answers_of([*observations(3), *observations(1, abstained=True, findings={}, inputs={})], "a test")
    again = answers_from(answers_text(answers))
    assert answers_text(again) == answers_text(answers)
    assert np.isnan(again.scores["pneumonia"][3])
    assert np.isnan(again.inputs["mean"][3])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"source": 1}'])
def test_a_reference_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    assert reference_of(tmp_path) is None
    (tmp_path / FILE).write_text(text)
    with pytest.raises(PluginError, match="reference cannot be read"):
        reference_of(tmp_path)


def test_columns_of_two_lengths_are_no_reference(tmp_path: Path) -> None:
    answers = answers_of(observations(3))
    (tmp_path / FILE).write_text(answers_text(replace(answers, abstained=answers.abstained[:2])))
    with pytest.raises(PluginError, match="not of one length"):
        reference_of(tmp_path)


def test_a_reference_that_cannot_be_read_keeps_nobody_from_being_looked_at(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{}")
    for plugin in ("chest", "skin"):
        answered(ledger, observations(2), 10 * len(plugin), plugin)
    broken = replace(read_manifest(CHEST), version="1.0", folder=tmp_path)
    with pytest.raises(PluginError, match="reference cannot be read"):
        look_at_all(SMALL, ledger, {"chest": broken})
    assert {one.plugin for one in ledger.measures.latest()} == {"chest", "skin"}


def test_a_look_is_one_transaction(at_work: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    before = at_work.measures.latest(PLUGIN)
    alarm = Measure("inputs", "ks mean", "", "site", 9, 9, 0.9, 0.1, Verdict.ALARM)
    monkeypatch.setattr("node.ledger.measures.pause_plugin", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        at_work.measures.record(OF, [alarm], ("inputs",))
    assert at_work.measures.latest(PLUGIN) == before
    assert "drift" not in actions(at_work)


def test_the_time_of_a_round_is_noted(at_work: Ledger) -> None:
    assert at_work.facts.time_of("watch") == pytest.approx(time.time(), abs=20)
