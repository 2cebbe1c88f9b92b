"""Which earlier study an analysis is compared with, and for how long its report waits for one."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.comparison import Answer, Aspect, Assessment, Comparison, PriorRule, SeriesAssessment, assessment_text
from node.config import Destination, NodeSettings, Settings
from node.errors import LedgerBusy
from node.ledger import Candidate, Ledger, Plan
from node.priority import Priority, Turn
from node.priors import Archives, Priors, settling
from node.priors.choosing import choose
from node.spool import Spool
from node.states import AnalysisState
from tests.ledger.material import arrival, plan
from tests.peers import Hospital

RULE = PriorRule(months=24, wait_seconds=60)


def told(study: str = "1.2", date: str = "20260601", **changes: Any) -> Assessment:
    """What the model said of a study."""
    aspect = Aspect.of(changes.pop("body_part", "CHEST"), "", "PA")
    series = SeriesAssessment(f"{study}.9", aspect, (("1.2.3", f"{study}.9.1"),), (Answer("f", "absent", 0.1, -2.0),))
    values: dict[str, Any] = {
        "study_instance_uid": study,
        "study_date": date,
        "study_time": "1200",
        "born": "1960",
        "sex": "F",
        "plugin": "chest",
        "version": "1.0",
        "model": "digest",
        "series": (series,),
        **changes,
    }
    return Assessment(**values)


def candidates(*assessments: Assessment) -> list[Candidate]:
    return [Candidate(one.study_instance_uid, one, is_open=False) for one in assessments]


def test_the_newest_earlier_study_is_the_prior() -> None:
    studies = (told("1.5", "20250101"), told("1.6", "20260301"), told("1.7", "20260702"), told("1.8", "20251201"))
    choice = choose(told(), candidates(*studies), RULE)
    assert choice.priors == (studies[1],)
    assert choice.reasons == ()


def test_of_two_studies_of_one_day_the_time_tells_which_was_first() -> None:
    morning, evening = told("1.5", study_time="0800"), told("1.6", study_time="1800")
    assert choose(told(), candidates(morning, evening), RULE).priors == (morning,)
    assert choose(told(), candidates(told("1.7")), RULE).priors == (), "of one moment neither is the earlier one"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"born": "1970"}, "the study of 2026-03-01 has the same patient id, but another birth date"),
        ({"sex": "M"}, "the study of 2026-03-01 has the same patient id, but another sex"),
        ({"model": "other"}, "the study of 2026-03-01 was assessed by another model (chest 1.0)"),
        ({"body_part": "KNEE"}, "the study of 2026-03-01: it shows another body part (KNEE, not CHEST)"),
        ({"series": ()}, "the study of 2026-03-01: nothing of it was assessed"),
        ({"date": "20230101"}, "the study of 2023-01-01 is older than 24 months"),
        ({"date": "20230230"}, "the study of 2023-02-30 is older than 24 months"),
    ],
)
def test_what_is_no_prior_says_why_and_an_older_one_is_taken(changes: dict[str, Any], reason: str) -> None:
    one = told("1.5", **{"date": "20260301", **changes})
    choice = choose(told(), candidates(one), RULE)
    assert (choice.priors, choice.reasons) == ((), (reason,))
    older = told("1.6", "20260101")
    assert choose(told(), candidates(older, one), RULE).priors == (older,)


def test_a_study_without_a_date_is_compared_with_nothing() -> None:
    assert choose(told(date=""), candidates(told("1.5", "20260101")), RULE).reasons == (
        "the study does not say when it was made",
    )
    assert choose(told(), candidates(told("1.5", "")), RULE).priors == ()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger(tmp_path / "ledger.db")
    yield found
    found.close()


def classified(ledger: Ledger, assessment: Assessment, rule: PriorRule | None = RULE, **of_arrival: Any) -> int:
    """A study as far as its prediction; the id of its analysis."""
    uid = assessment.study_instance_uid
    routed(ledger, uid, plan(series=(f"{uid}.9",), prior=rule), **of_arrival)
    (row,) = ledger.analyses.of_study(uid)
    ledger.analyses.classified(row.id, "a summary", {}, assessment=assessment_text(assessment))
    return row.id


def routed(ledger: Ledger, uid: str, made: Plan, **of_arrival: Any) -> None:
    ledger.arrivals.record([arrival(1, uid, **of_arrival)])
    assert ledger.studies.complete(ledger.studies.get(uid), "quiet", partial=False, expected=None)
    ledger.analyses.route(uid, [made], [])


def due(ledger: Ledger, state: AnalysisState = AnalysisState.CLASSIFIED) -> list[int]:
    return [row.id for row in ledger.analyses.lease(state, "me", 1, 10, 300)]


def settled(ledger: Ledger, analysis_id: int) -> Comparison | None:
    row = ledger.comparisons.of_analysis(analysis_id)
    assert row is not None
    return row.comparison


def test_a_report_waits_until_its_prior_is_settled(ledger: Ledger) -> None:
    first = classified(ledger, told("1.5", "20260301"))
    second = classified(ledger, told())
    assert due(ledger) == []
    assert Priors(ledger).step() == 2
    assert due(ledger) == [first, second]
    assert settled(ledger, first) == Comparison(None, "there is no earlier study of this patient")
    assert settled(ledger, second) == Comparison(told("1.5", "20260301"))
    assert Priors(ledger).step() == 0


def test_what_is_settled_stays_so(ledger: Ledger) -> None:
    number = classified(ledger, told())
    Priors(ledger).step()
    assert not ledger.comparisons.settle(number, Comparison(told("1.5", "20260301")))
    assert settled(ledger, number) == Comparison(None, "there is no earlier study of this patient")
    assert ledger.job(ledger.analyses.get(number)).comparison == settled(ledger, number)


def test_one_that_nobody_has_thought_of_holds_up_no_other_report(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, plain = classified(ledger, told("1.2")), classified(ledger, told("1.3"))
    real = settling.choose
    monkeypatch.setattr(
        settling, "choose", lambda now, *rest: 1 // 0 if now.study_instance_uid == "1.2" else real(now, *rest)
    )
    assert Priors(ledger).step() == 2
    said = settled(ledger, odd)
    assert said is not None
    assert said.prior is None
    assert "could not be compared (ZeroDivisionError at test_priors.py:" in said.sentence
    assert due(ledger) == [odd, plain]


def test_an_archive_is_asked_again_after_our_ledger_was_locked(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classified(ledger, told("1.2"), replace(RULE, archive="pacs"))
    archives = Archives(Settings, ledger, Spool(tmp_path), lambda: False)
    asked: list[str] = []

    def locked(*_: object) -> str:
        asked.append("pacs")
        raise LedgerBusy("the ledger does not answer")

    monkeypatch.setattr(Archives, "_fetched", locked)
    archives.step()
    archives.step()
    assert asked == ["pacs", "pacs"]
    monkeypatch.setattr(Archives, "_fetched", lambda *_: "the archive has none")
    archives.step()
    (one,) = ledger.comparisons.unsettled()
    assert (one.is_spent, one.asked) == (True, "the archive has none")


def test_a_study_that_is_on_its_way_is_waited_for(ledger: Ledger) -> None:
    routed(ledger, "1.5", plan(series=("1.5.9",)))
    number = classified(ledger, told())
    assert Priors(ledger).step() == 0
    (row,) = ledger.analyses.of_study("1.5")
    earlier = told("1.5", "20260301")
    ledger.analyses.classified(row.id, "a summary", {}, assessment=assessment_text(earlier))
    assert Priors(ledger).step() == 1
    assert settled(ledger, number) == Comparison(earlier)


@pytest.mark.parametrize("clock", [61.0, -100.0])
def test_nobody_is_waited_for_longer_than_the_route_says(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, clock: float
) -> None:
    ledger.arrivals.record([arrival(1, "1.5")])
    number = classified(ledger, told())
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + clock)
    assert Priors(ledger).step() == 1
    assert settled(ledger, number) == Comparison(None, "another study of the patient did not come in time")


def test_another_patient_is_never_compared_with(ledger: Ledger) -> None:
    classified(ledger, told("1.5", "20260301"), patient_key="somebody else")
    nameless = classified(ledger, told("1.6", "20260301"), patient_key="")
    number, other = classified(ledger, told()), classified(ledger, told("1.7"), patient_key="")
    assert Priors(ledger).step() == 4
    for one in (number, other, nameless):
        assert settled(ledger, one) == Comparison(None, "there is no earlier study of this patient")


def test_what_was_withdrawn_or_is_done_anew_is_no_prior(ledger: Ledger) -> None:
    before = classified(ledger, told("1.5", "20260301"), None)
    ledger.analyses.fail(before, "no disk")
    ledger.analyses.retry(before)
    number = classified(ledger, told())
    assert Priors(ledger).step() == 0, "it is queued again"
    ledger.analyses.hold(before)
    ledger.analyses.drop(before)
    assert Priors(ledger).step() == 1
    assert settled(ledger, number) == Comparison(None, "there is no earlier study of this patient")


def test_who_wants_no_prior_does_not_wait(ledger: Ledger) -> None:
    number = classified(ledger, told(), None)
    assert due(ledger) == [number]
    assert ledger.comparisons.of_analysis(number) is None


def test_what_another_version_has_assessed_is_assessed_anew(ledger: Ledger) -> None:
    before = classified(ledger, told("1.5", "20260301", version="0.9", model="older"), None)
    number = classified(ledger, told())
    assert Priors(ledger).step() == 0
    (first, anew) = ledger.analyses.of_study("1.5")
    assert (first.id, anew.revision, anew.plugin_version, anew.destinations) == (before, 0, "1.0", ())
    assert due(ledger, AnalysisState.QUEUED) == [anew.id]
    assert Priors(ledger).step() == 0, "it is asked for once"
    again = told("1.5", "20260301")
    ledger.analyses.classified(anew.id, "a summary", {}, assessment=assessment_text(again))
    assert ledger.analyses.get(anew.id).state is AnalysisState.DROPPED, "nothing of it is reported"
    assert Priors(ledger).step() == 1
    assert settled(ledger, number) == Comparison(again)
    assert ledger.analyses.get(before).state is AnalysisState.CLASSIFIED


def test_what_is_assessed_anew_has_the_place_of_the_report_that_waits_for_it(ledger: Ledger) -> None:
    older = told("1.5", "20260301", version="0.9", model="older")
    routed(ledger, "1.5", replace(plan(series=("1.5.9",)), route="nights", priority=Priority.LOW, rank=9e9))
    (before,) = ledger.analyses.of_study("1.5")
    ledger.analyses.classified(before.id, "a summary", {}, assessment=assessment_text(older))
    ledger.analyses.prioritise(classified(ledger, told()), Priority.STAT, 0)
    assert Priors(ledger).step() == 0
    (_, anew) = ledger.analyses.of_study("1.5")
    assert (anew.route, anew.priority) == ("films", Priority.STAT)
    stat_and_open = ledger.analyses.lease(AnalysisState.QUEUED, "me", 1, 10, 300, Turn(most=0, shut=("nights",)))
    assert [row.id for row in stat_and_open] == [anew.id]


def test_what_cannot_be_assessed_anew_is_not_compared_with(ledger: Ledger) -> None:
    older = told("1.5", "20260301", version="0.9", model="older")
    classified(ledger, older, None)
    number = classified(ledger, told())
    assert Priors(ledger).step() == 0
    (_, anew) = ledger.analyses.of_study("1.5")
    ledger.analyses.fail(anew.id, "a file is not in the spool")
    assert Priors(ledger).step() == 1
    reason = "the study of 2026-03-01 was assessed by another model (chest 0.9)"
    assert settled(ledger, number) == Comparison(None, reason)


def test_what_was_assessed_before_answers_were_kept_is_assessed_anew(ledger: Ledger) -> None:
    routed(ledger, "1.5", plan(series=("1.5.9",)))
    (before,) = ledger.analyses.of_study("1.5")
    ledger.analyses.classified(before.id, "a summary")
    number = classified(ledger, told())
    assert Priors(ledger).step() == 0
    (_, anew) = ledger.analyses.of_study("1.5")
    ledger.analyses.classified(anew.id, "a summary", {}, assessment=assessment_text(told("1.5", "20260301")))
    assert Priors(ledger).step() == 1
    assert settled(ledger, number) == Comparison(told("1.5", "20260301"))


def test_what_is_not_known_any_more_is_said_to_be_so(ledger: Ledger) -> None:
    routed(ledger, "1.5", plan(series=("1.5.9",)))
    (before,) = ledger.analyses.of_study("1.5")
    ledger.analyses.classified(before.id, "a summary")
    number = classified(ledger, told())
    assert Priors(ledger).step() == 0
    (_, anew) = ledger.analyses.of_study("1.5")
    ledger.analyses.fail(anew.id, "a file is not in the spool")
    assert Priors(ledger).step() == 1
    assert settled(ledger, number) == Comparison(None, "what was said of another study of this patient was not kept")


# More than one prior


def test_the_newest_ones_that_fit_are_taken_so_many_as_are_wanted() -> None:
    studies = [told(f"1.{number}", f"2026030{number}") for number in range(1, 6)]
    unfit = told("1.6", "20260306", body_part="KNEE")
    rule = PriorRule(most=3)
    choice = choose(told(), candidates(unfit, *studies), rule)
    assert choice.priors == (studies[4], studies[3], studies[2])
    assert choice.reasons == ("the study of 2026-03-06: it shows another body part (KNEE, not CHEST)",)
    assert choose(told(), candidates(*studies[:2]), rule).priors == (studies[1], studies[0])


def test_another_view_is_a_prior_only_where_the_rule_allows_it() -> None:
    (series,) = told().series
    now = told(series=(SeriesAssessment("1.2.9", Aspect.of("CHEST", "", "AP"), series.instances, series.findings),))
    earlier = told("1.5", "20260301")
    strict = choose(now, candidates(earlier), RULE)
    assert (strict.priors, strict.reasons) == ((), ("the study of 2026-03-01: it shows another view (PA, not AP)",))
    assert choose(now, candidates(earlier), PriorRule(views=(("AP", "PA"),))).priors == (earlier,)
    assert choose(now, candidates(earlier), PriorRule(views=(("AP", "LL"),))).priors == ()


def test_several_priors_and_why_others_are_none_are_settled_once(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        classified(ledger, told(f"1.5.{number}", f"2026030{number}"), None)
    classified(ledger, told("1.6", "20260401", body_part="KNEE"), None)
    rule = PriorRule(wait_seconds=60, most=2, views=(("PA", "AP"),))
    number = classified(ledger, told(), rule)
    assert Priors(ledger).step() == 1
    newest, before = told("1.5.3", "20260303"), told("1.5.2", "20260302")
    assert settled(ledger, number) == Comparison(newest, "", (before,), rule.views)
    row = ledger.comparisons.of_analysis(number)
    assert row is not None
    assert row.passed == ("the study of 2026-04-01: it shows another body part (KNEE, not CHEST)",)


# What an archive sends


def test_what_an_archive_sent_and_is_no_prior_is_followed_by_the_next_one(ledger: Ledger) -> None:
    priors, comparisons = Priors(ledger, asks_archives=True), ledger.comparisons
    number = classified(ledger, told(), PriorRule(archive="pacs", wait_seconds=60))
    comparisons.ask(number, "the prior of 2026-04-01", "1.7")
    assert priors.step() == 0
    comparisons.tried(number, "1.7", "the prior of 2026-04-01")
    assert priors.step() == 0, "it has no answer, and the archive may have another one"
    comparisons.tried(number, "1.6", "the prior of 2026-03-01 did not come whole: status A702")
    assert priors.step() == 0
    classified(ledger, told("1.5", "20260201"), None)
    assert priors.step() == 1
    assert settled(ledger, number) == Comparison(told("1.5", "20260201"))
    row = comparisons.of_analysis(number)
    assert row is not None
    assert row.passed == (
        "the prior of 2026-04-01 was fetched, and is none: it was not assessed, "
        "or its patient has another id or issuer",
        "the prior of 2026-03-01 did not come whole: status A702",
    )


def test_when_the_archive_has_no_more_each_study_has_its_reason(ledger: Ledger) -> None:
    priors, comparisons = Priors(ledger, asks_archives=True), ledger.comparisons
    number = classified(ledger, told(), PriorRule(archive="pacs", wait_seconds=60))
    comparisons.tried(number, "1.6", "the prior of 2026-03-01 did not come whole: status A702")
    classified(ledger, told("1.5", "20260201", body_part="KNEE"), None)
    assert priors.step() == 0
    comparisons.spend(number, "the archive 'pacs' has no further one of this patient")
    assert priors.step() == 1
    assert settled(ledger, number) == Comparison(
        None,
        "the study of 2026-02-01: it shows another body part (KNEE, not CHEST); the prior of 2026-03-01 did not come "
        "whole: status A702; the archive 'pacs' has no further one of this patient",
    )


# What is reused


def test_what_the_same_version_has_said_is_not_assessed_again(ledger: Ledger) -> None:
    classified(ledger, told("1.5", "20260301"), None)
    number = classified(ledger, told())
    assert Priors(ledger).step() == 1
    assert settled(ledger, number) == Comparison(told("1.5", "20260301"))
    assert len(ledger.analyses.of_study("1.5")) == 1
    assert due(ledger, AnalysisState.QUEUED) == []


def test_what_was_assessed_anew_once_serves_every_later_study(ledger: Ledger) -> None:
    classified(ledger, told("1.5", "20260301", version="0.9", model="older"), None)
    classified(ledger, told("1.6", "20260501"))
    Priors(ledger).step()
    (_, anew) = ledger.analyses.of_study("1.5")
    again = told("1.5", "20260301")
    ledger.analyses.classified(anew.id, "a summary", {}, assessment=assessment_text(again))
    number = classified(ledger, told(), PriorRule(wait_seconds=60, most=2))
    assert Priors(ledger).step() == 2
    assert settled(ledger, number) == Comparison(told("1.6", "20260501"), "", (again,))
    assert len(ledger.analyses.of_study("1.5")) == 2


def test_of_several_priors_all_that_another_version_has_assessed_are_assessed_anew_at_once(ledger: Ledger) -> None:
    older = {"version": "0.9", "model": "older"}
    for number in (1, 2, 3):
        classified(ledger, told(f"1.5.{number}", f"2026030{number}", **older), None)
    number = classified(ledger, told(), PriorRule(wait_seconds=60, most=2))
    assert Priors(ledger).step() == 0
    counts = [len(ledger.analyses.of_study(f"1.5.{number}")) for number in (1, 2, 3)]
    assert counts == [1, 2, 2], "the newest two"
    for study, date in (("1.5.2", "20260302"), ("1.5.3", "20260303")):
        (_, anew) = ledger.analyses.of_study(study)
        ledger.analyses.classified(anew.id, "a summary", {}, assessment=assessment_text(told(study, date)))
    assert Priors(ledger).step() == 1
    row = settled(ledger, number)
    assert row is not None
    assert [one.study_instance_uid for one in row.priors] == ["1.5.3", "1.5.2"]


def test_the_answer_of_another_plugin_is_not_compared_with(ledger: Ledger) -> None:
    routed(ledger, "1.5", plan("other", series=("1.5.9",)))
    (row,) = ledger.analyses.of_study("1.5")
    earlier = told("1.5", "20260301", plugin="other")
    ledger.analyses.classified(row.id, "a summary", {}, assessment=assessment_text(earlier))
    number = classified(ledger, told())
    assert Priors(ledger).step() == 1
    assert settled(ledger, number) == Comparison(None, "there is no earlier study of this patient")
    assert len(ledger.analyses.of_study("1.5")) == 1


def test_readers_are_told_no_address_and_no_hint_to_operators(
    ledger: Ledger, tmp_path: Path, hospital: Hospital
) -> None:
    away = Destination(name="pacs", kind="dicom", ae_title="PACS", port=9, timeout_seconds=2)
    number = classified(ledger, told(), replace(RULE, archive="pacs"))
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    (path,) = ledger.audited.files("1.2")
    spool.path(path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(hospital.film(), spool.path(path))
    settings = Settings(node=NodeSettings(data_dir=tmp_path), destinations=(away,))
    Archives(lambda: settings, ledger, spool, lambda: False).step()
    assert Priors(ledger, asks_archives=True).step() == 1
    said = "the archive 'pacs' did not give a prior: it cannot be reached, or does not answer"
    assert settled(ledger, number) == Comparison(None, said)
