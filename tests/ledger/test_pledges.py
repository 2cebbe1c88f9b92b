"""What archives are asked to promise, and what becomes of files and results when they do, or do not."""

from __future__ import annotations

import time

import pytest

from node.commitment import Reference
from node.ledger import DeliveryRow, Ledger
from node.states import AnalysisState, Keeping, Reason
from tests.ledger.material import SC, SR, after, reported

BOTH = [Reference(SC, "1.2.7.1"), Reference(SR, "1.2.7.2")]
ATTEMPTS, SECONDS = 3, 30.0


def delivered(ledger: Ledger) -> int:
    """A study whose two results an archive took that is asked to keep them; the analysis."""
    analysis, _ = reported(ledger)
    deliver(ledger)
    return analysis.id


def deliver(ledger: Ledger) -> None:
    for row in ledger.deliveries.due("pacs", 300):
        ledger.deliveries.done(row, ask=True)


def rows(ledger: Ledger) -> dict[str, DeliveryRow]:
    return {row.sop_instance_uid: row for row in ledger.deliveries.of_study("1.2")}


def keeping(ledger: Ledger) -> list[Keeping]:
    return [row.kept for row in rows(ledger).values()]


def purgeable(ledger: Ledger) -> bool:
    soon = time.time() + 10
    found = ledger.studies.expired(soon), ledger.studies.delivered(soon), ledger.studies.begin_purge("1.2", soon)
    assert len({bool(one) for one in found}) == 1, "age, room and the purge itself agree"
    return bool(found[0])


def test_files_stay_until_the_archive_promised_to_keep_every_result(ledger: Ledger) -> None:
    delivered(ledger)
    assert ledger.pledges.wanted("pacs") == BOTH
    assert not purgeable(ledger)
    ledger.pledges.ask("pacs", "2.25.1", BOTH)
    assert (ledger.pledges.wanted("pacs"), ledger.pledges.waiting("pacs")) == ([], 2)
    assert ledger.pledges.report("2.25.1", ["1.2.7.1"], {}, ATTEMPTS, SECONDS)
    assert keeping(ledger) == [Keeping.KEPT, Keeping.ASKED]
    assert not purgeable(ledger)
    assert ledger.pledges.report("2.25.1", ["1.2.7.2"], {}, ATTEMPTS, SECONDS)
    assert ledger.pledges.waiting("pacs") == 0
    assert purgeable(ledger)


def test_who_is_not_asked_holds_nothing_up(ledger: Ledger) -> None:
    reported(ledger)
    for row in ledger.deliveries.due("pacs", 300):
        ledger.deliveries.done(row)
    assert ledger.pledges.wanted("pacs") == []
    assert purgeable(ledger)


def test_a_report_that_nobody_asked_for_changes_nothing(ledger: Ledger) -> None:
    delivered(ledger)
    assert not ledger.pledges.report("2.25.9", ["1.2.7.1", "1.2.7.2"], {}, ATTEMPTS, SECONDS)
    assert keeping(ledger) == [Keeping.WANTED, Keeping.WANTED]


def test_what_another_archive_was_asked_about_is_not_promised_by_this_one(ledger: Ledger) -> None:
    delivered(ledger)
    ledger.pledges.ask("other", "2.25.1", BOTH)
    assert ledger.pledges.report("2.25.1", ["1.2.7.1", "1.2.7.2"], {}, ATTEMPTS, SECONDS)
    assert Keeping.KEPT not in keeping(ledger)


def test_what_is_not_kept_is_delivered_again_and_asked_about_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysis = delivered(ledger)
    ledger.pledges.ask("pacs", "2.25.1", BOTH)
    lost = {"1.2.7.2": "no such object instance (0112)"}
    assert ledger.pledges.report("2.25.1", ["1.2.7.1"], lost, ATTEMPTS, SECONDS)
    assert ledger.deliveries.due("pacs", 300) == []
    after(SECONDS + 1, monkeypatch)
    (row,) = ledger.deliveries.due("pacs", 300)
    assert (row.sop_instance_uid, row.kept) == ("1.2.7.2", Keeping.AGAIN)
    assert row.error == "the archive does not keep it: no such object instance (0112)"
    assert ledger.analyses.get(analysis).state is AnalysisState.DELIVERED
    assert not purgeable(ledger)
    deliver(ledger)
    assert keeping(ledger) == [Keeping.KEPT, Keeping.WANTED]


def test_what_an_archive_never_keeps_ends_in_the_operators_list(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysis = delivered(ledger)
    for number in range(ATTEMPTS):
        ledger.pledges.ask("pacs", f"2.25.{number}", BOTH)
        ledger.pledges.report(f"2.25.{number}", ["1.2.7.1"], {"1.2.7.2": "resource limitation"}, ATTEMPTS, SECONDS)
        after(SECONDS + 1, monkeypatch)
        deliver(ledger)
    (refused,) = ledger.deliveries.refused()
    assert (refused.sop_instance_uid, refused.error) == (
        "1.2.7.2",
        "the archive does not keep it: resource limitation",
    )
    row = ledger.analyses.get(analysis)
    assert (row.state, row.error) == (
        AnalysisState.FAILED,
        "an archive does not keep what it took: see `radnode queue list`",
    )
    ledger.analyses.retry(analysis)
    assert ledger.analyses.get(analysis).state is AnalysisState.QUEUED


def test_what_is_refused_when_it_comes_again_has_failed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = delivered(ledger)
    ledger.pledges.ask("pacs", "2.25.1", BOTH)
    ledger.pledges.report("2.25.1", ["1.2.7.1"], {"1.2.7.2": "gone"}, ATTEMPTS, SECONDS)
    after(SECONDS + 1, monkeypatch)
    (row,) = ledger.deliveries.due("pacs", 300)
    ledger.deliveries.replace(row, "A900")
    assert ledger.analyses.get(analysis).state is AnalysisState.FAILED


def test_a_clock_that_is_set_back_does_not_keep_a_question_waiting(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered(ledger)
    ledger.pledges.ask("pacs", "2.25.1", BOTH)
    after(-86400, monkeypatch)
    assert ledger.pledges.ask_again("pacs", time.time() - 3600) == 2


def test_a_question_without_a_report_is_asked_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered(ledger)
    ledger.pledges.ask("pacs", "2.25.1", BOTH)
    assert ledger.pledges.ask_again("pacs", time.time() - 60) == 0
    after(100, monkeypatch)
    assert ledger.pledges.ask_again("pacs", time.time() - 60) == 2
    assert ledger.pledges.wanted("pacs") == BOTH
    assert ledger.pledges.report("2.25.1", ["1.2.7.1"], {}, ATTEMPTS, SECONDS), "a late report counts all the same"
    assert keeping(ledger) == [Keeping.KEPT, Keeping.WANTED]


def test_a_destination_that_is_asked_no_more_holds_nothing_up(ledger: Ledger) -> None:
    delivered(ledger)
    assert ledger.pledges.ask_only(["pacs"]) == 0
    assert not purgeable(ledger)
    assert ledger.pledges.ask_only([]) == 2
    assert purgeable(ledger)


def test_what_an_archive_lost_holds_nothing_up_once_it_is_asked_no_more(ledger: Ledger) -> None:
    delivered(ledger)
    ledger.pledges.ask("pacs", "2.25.1", BOTH)
    ledger.pledges.report("2.25.1", ["1.2.7.1"], {"1.2.7.2": "gone"}, ATTEMPTS, SECONDS)
    assert ledger.pledges.ask_only(["another"]) == 1
    assert [(row.state, row.kept) for row in rows(ledger).values()] == [("DONE", Keeping.KEPT), ("DONE", "")]
    assert purgeable(ledger)


def test_withdrawn_results_need_no_promise(ledger: Ledger) -> None:
    delivered(ledger)
    planned = ledger.withdrawals.planned("1.2", "")
    ledger.withdrawals.record([(one, []) for one in planned], Reason.INCORRECT, "somebody")
    assert ledger.pledges.wanted("pacs") == []
    assert purgeable(ledger)
