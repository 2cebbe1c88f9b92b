"""What a dashboard shows."""

from __future__ import annotations

import time

import pytest

from node.ledger import Ledger, Wanted
from node.states import AnalysisState, StudyState
from node.study import Attributes
from tests.ledger.material import after, arrival, completed, received, reported, routed


def uids(ledger: Ledger, wanted: Wanted, count: int = 2) -> list[list[str]]:
    """Study Instance UIDs of every page."""
    found = []
    while True:
        page = ledger.overview.page(wanted, count)
        found.append([one.study_instance_uid for one in page.studies])
        if page.after is None:
            return found
        wanted = Wanted(wanted.state, wanted.modality, wanted.begin, wanted.end, page.after)


def test_pages_go_on_where_the_one_before_ended_also_among_studies_of_one_moment(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = time.time()
    monkeypatch.setattr(time, "time", lambda: moment)
    for number in range(5):
        received(ledger, f"1.{number}")
    assert uids(ledger, Wanted()) == [["1.4", "1.3"], ["1.2", "1.1"], ["1.0"]]
    assert uids(ledger, Wanted(state=StudyState.RECEIVING), 3) == [["1.4", "1.3", "1.2"], ["1.1", "1.0"]]
    assert uids(ledger, Wanted(state=StudyState.CLOSED)) == [[]]


def test_a_modality_is_looked_for_among_the_first_objects(ledger: Ledger) -> None:
    received(ledger, "1.1")
    ledger.arrivals.record([arrival(1, "1.2", attributes=Attributes(modality="MR"))])
    assert uids(ledger, Wanted(modality="MR")) == [["1.2"]]
    assert ledger.overview.modalities("1.2") == ("MR",)
    assert ledger.overview.attributes("1.2").modality == "MR"
    assert ledger.overview.attributes("9") == Attributes()


def test_a_day_has_a_begin_and_an_end(ledger: Ledger) -> None:
    received(ledger, "1.1")
    now = time.time()
    assert uids(ledger, Wanted(begin=now - 60, end=now + 60)) == [["1.1"]]
    assert uids(ledger, Wanted(end=now - 60)) == uids(ledger, Wanted(begin=now + 60)) == [[]]


def test_a_uid_is_found_by_its_beginning(ledger: Ledger) -> None:
    for uid in ("1.2", "1.20", "1.3"):
        received(ledger, uid)
    found = ledger.overview.beginning_so("1.2", 10).studies
    assert [one.study_instance_uid for one in found] == ["1.2", "1.20"]


def test_what_is_open_is_counted(ledger: Ledger) -> None:
    received(ledger, "1.1")
    routed(ledger, "1.3")
    assert ledger.overview.studies_in([StudyState.RECEIVING, StudyState.CLOSED]) == {"RECEIVING": 1, "CLOSED": 0}
    assert ledger.overview.analyses_in([AnalysisState.QUEUED]) == {"QUEUED": 1}
    assert (ledger.overview.queued_for("chest"), ledger.overview.queued_for("other")) == (1, 0)
    assert sum(ledger.overview.by_hour(time.time() - 3600).values()) == 2


def test_the_oldest_is_the_first_that_waits(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = routed(ledger, "1.1")
    after(60, monkeypatch)
    routed(ledger, "1.2")
    assert ledger.overview.oldest(AnalysisState.QUEUED) == first.created_at
    assert ledger.overview.oldest(AnalysisState.HELD) is None


def test_what_waits_for_a_destination_is_told_with_its_last_error(ledger: Ledger) -> None:
    analysis, _ = reported(ledger)
    first, _ = ledger.deliveries.due("pacs", 300)
    ledger.deliveries.postpone(first, "connection refused", 5)
    found = ledger.overview.waiting("pacs")
    assert (found.objects, found.error) == (2, "connection refused")
    assert found.since is not None
    ledger.analyses.drop(analysis.id)
    assert ledger.overview.waiting("pacs").objects == 0
    assert ledger.overview.waiting("other").objects == 0


def test_analyses_of_a_time_are_found_by_halving(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = time.time()
    for number in range(7):
        routed(ledger, f"1.{number}")
        after(100, monkeypatch)
    for first in range(7):
        found = ledger.overview.analyses_from(begin + 100 * first - 50, begin + 10_000, 100)
        assert [one.study_instance_uid for one in found] == [f"1.{number}" for number in reversed(range(first, 7))]
    assert len(ledger.overview.analyses_from(begin - 50, begin + 250, 2)) == 2
    assert ledger.overview.analyses_from(begin + 5000, begin + 6000, 9) == []


def test_a_result_is_found_by_its_uid(ledger: Ledger) -> None:
    completed(ledger, "1.9")
    _, made = reported(ledger)
    assert ledger.overview.result(made[0].sop_instance_uid) == made[0]
    assert ledger.overview.result("9.9") is None
