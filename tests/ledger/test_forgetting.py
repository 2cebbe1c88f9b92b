"""Rows of what is long over go; what is sent again is known all the same, and the trail stays verifiable."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from node.ledger import Input, Ledger, WorkitemState
from node.ledger.forgetting import FORGOTTEN
from node.ledger.forgotten import _find
from node.states import StudyState
from node.study import Outcome
from tests.ledger.material import after, arrival, completed, reported, routed, workitem_row

DAY = 86400.0
GONE = ("results", "deliveries", "associations")


def delivered(ledger: Ledger, study: str = "1.2") -> None:
    """A study that is closed, and whose files are gone."""
    ledger.arrivals.open_association("a1", "SENDER", "RADNODE", "127.0.0.1")
    reported(ledger, study)
    ledger.arrivals.close_association("a1", "released")
    while due := ledger.deliveries.due("pacs", 1.0, 50):
        for row in due:
            ledger.deliveries.done(row, "")
    purge(ledger, study)


def purge(ledger: Ledger, study: str) -> None:
    assert ledger.studies.begin_purge(study, time.time() + 1)
    ledger.studies.mark_purged(study, time.time() + 1)


def newer(ledger: Ledger) -> None:
    """Another study is analysed after it."""
    routed(ledger, "9.9")


def forget(ledger: Ledger, study: str = "1.2") -> bool:
    return ledger.forgetting.forget(study, time.time() + 1)


def rows(ledger: Ledger, table: str) -> int:
    return len(ledger._database.read(f"SELECT 1 FROM {table}"))  # noqa: S608  our names


def test_of_a_study_that_is_long_over_its_own_row_is_left(ledger: Ledger) -> None:
    delivered(ledger)
    newer(ledger)
    before = ledger.studies.get("1.2")
    assert ledger.forgetting.studies(time.time() + 1) == ["1.2"]
    assert forget(ledger)
    assert [rows(ledger, table) for table in ("instances", "analyses", *GONE)] == [1, 1, 0, 0, 0]
    assert ledger.studies.get("1.2") == replace(before, reason=FORGOTTEN)
    assert ledger.events.of_study("1.2")[-1].action == "rows forgotten"
    assert ledger.events.of_study("1.2")[-1].detail == {"instances": 1, "results": 2}
    assert ledger.forgetting.studies(time.time() + 1) == []
    assert not forget(ledger)
    assert ledger.upkeep.problems() == []


def test_what_is_younger_open_or_waits_for_an_operator_stays(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered(ledger)
    newer(ledger)
    assert ledger.forgetting.studies(time.time() - 10) == []
    (failed,) = ledger.analyses.of_study("9.9")
    ledger.analyses.fail(failed.id, "broken")
    routed(ledger, "9.10")
    with ledger._database.write() as connection:
        connection.execute("UPDATE studies SET purged = 1, state = 'CLOSED' WHERE study_instance_uid != '1.2'")
    assert ledger.forgetting.studies(time.time() + 1) == ["1.2"]


def test_the_newest_analysis_keeps_its_number_for_itself(ledger: Ledger) -> None:
    delivered(ledger)
    assert ledger.forgetting.studies(time.time() + 1) == []


def test_what_is_sent_again_is_no_new_image(ledger: Ledger) -> None:
    delivered(ledger)
    newer(ledger)
    forget(ledger)
    before = ledger.studies.get("1.2")
    assert ledger.arrivals.record([arrival()]) == [Outcome.DUPLICATE]
    assert ledger.arrivals.record([arrival()]) == [Outcome.DUPLICATE]
    study = ledger.studies.get("1.2")
    assert (study.state, study.revision, study.images) == (StudyState.CLOSED, before.revision, before.images)
    assert ledger.analyses.of_study("1.2") == []
    assert ledger.upkeep.knows("1.2.9.1", arrival().path), "its file is nobody's otherwise"
    assert ledger.studies.expired(time.time() + 1) == ["1.2"], "its file goes with time, as any other"
    purge(ledger, "1.2")
    assert forget(ledger)
    assert ledger.arrivals.record([arrival()]) == [Outcome.DUPLICATE]
    assert ledger.arrivals.record([arrival(sha256="other")]) == [Outcome.SET_ASIDE]


def test_other_content_is_set_aside_and_a_result_of_ours_is_known(ledger: Ledger) -> None:
    delivered(ledger)
    newer(ledger)
    forget(ledger)
    assert ledger.arrivals.record([arrival(sha256="other")]) == [Outcome.SET_ASIDE]
    assert ledger.arrivals.record([arrival(sop_instance_uid="1.2.7.1")]) == [Outcome.OWN_RESULT]
    assert ledger.studies.get("1.2").state is StudyState.CLOSED


def test_a_late_image_makes_the_next_revision(ledger: Ledger) -> None:
    delivered(ledger)
    newer(ledger)
    revision = ledger.studies.get("1.2").revision
    forget(ledger)
    assert ledger.arrivals.record([arrival(2)]) == [Outcome.NEW]
    study = ledger.studies.get("1.2")
    assert (study.state, study.revision) == (StudyState.RECEIVING, revision + 1)
    assert ledger.arrivals.record([arrival(1)]) == [Outcome.NEW]
    assert len(ledger.studies.series("1.2")[0].instances) == 2, "what came again is analysed with it"
    assert not forget(ledger)


def test_an_entry_that_lies_across_two_others_is_none(ledger: Ledger) -> None:
    assert _find(b"aaaaaaaabbbbbbbbccccccccdddddddd", b"bbbbbbbb", 2) is None
    assert _find(b"aaaaaaaabbbbbbbbccccccccdddddddd", b"cccccccc", 2) == b"ccccccccdddddddd"


def test_old_lines_of_the_trail_go_and_it_is_verified_across_the_gap(ledger: Ledger) -> None:
    delivered(ledger)
    noted, count = ledger.events.head(), rows(ledger, "events")
    boundary = time.time()
    newer(ledger)
    last = ledger.events.head()
    assert ledger.forgetting.lines(boundary) == count
    assert ledger.forgetting.shorten(boundary) == count
    assert ledger.forgetting.shorten(boundary) == 0
    found = ledger.events.verify(last)
    assert (found.broken, found.found, found.removed) == (None, True, count)
    at_gap = ledger.events.verify(noted)
    assert (at_gap.found, at_gap.in_order) == (True, True)
    assert ledger.events.of_study("1.2") == []
    assert ledger.events.latest(1)[0].action == "trail shortened"


def test_a_change_behind_the_gap_is_seen_and_no_other_line_can_be_removed(ledger: Ledger, tmp_path: Path) -> None:
    delivered(ledger)
    boundary = time.time()
    newer(ledger)
    ledger.forgetting.shorten(boundary)
    with sqlite3.connect(tmp_path / "ledger.db") as hand, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        hand.execute("DELETE FROM events")
    hand.execute("DROP TRIGGER events_stay")
    (first,) = hand.execute("SELECT min(id) FROM events").fetchone()
    hand.execute("DELETE FROM events WHERE id = ?", (first,))
    hand.commit()
    hand.close()
    assert ledger.events.verify().broken == first + 1


def test_a_digest_that_was_noted_before_its_line_went_is_known_and_any_other_is_not(ledger: Ledger) -> None:
    ledger.events.add("first")
    noted = ledger.events.head()
    delivered(ledger)
    assert ledger.forgetting.shorten(time.time() + 1)
    found = ledger.events.verify(noted)
    assert (found.broken, found.found, found.in_order, found.unknown) == (None, True, True, 0)
    for other in ("0" * 64, noted[:-1], "x" * 64, noted[16:] + noted[:16]):
        assert not ledger.events.verify(other).found
    now = ledger.events.verify(ledger.events.head())
    assert (now.found, now.in_order) == (True, False)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM removed_lines",
        "UPDATE removed_lines SET digests = digests || x'0000000000000000'",
        "INSERT OR REPLACE INTO removed_lines SELECT max(id), x'0000000000000000' FROM events",
    ],
)
def test_what_is_kept_of_digests_cannot_be_changed_unseen(ledger: Ledger, change: str) -> None:
    delivered(ledger)
    ledger.forgetting.shorten(time.time() + 1)
    (says_so,) = ledger._database.read("SELECT id FROM events WHERE action = 'trail shortened'")
    assert ledger.events.verify().broken is None
    with ledger._database.write() as connection:
        connection.execute(change)
    assert ledger.events.verify().broken == says_so["id"]


def test_lines_that_an_earlier_version_removed_are_unknown(ledger: Ledger) -> None:
    ledger.events.add("trail shortened", events=3, runs=[])
    found = ledger.events.verify("0" * 64)
    assert (found.broken, found.found, found.removed, found.unknown) == (None, False, 3, 3)


def test_a_line_that_says_what_is_gone_never_goes(ledger: Ledger) -> None:
    delivered(ledger)
    refer_to_line(ledger, 2)
    for _ in range(3):
        noted = ledger.events.head()
        ledger.events.add("later")
        assert ledger.forgetting.shorten(time.time() + 1)
        assert (ledger.events.verify(noted).broken, ledger.events.verify(noted).found) == (None, True)
    kept = [event.action for event in ledger.events.latest(50)]
    assert (kept.count("trail shortened"), len(kept)) == (3, 5), "and the record's, and the newest other"


def refer_to_line(ledger: Ledger, event: int) -> None:
    columns = "(plugin, digest, at, operator, record, sha256, event)"
    with ledger._database.write() as connection:
        connection.execute(f"INSERT INTO evaluations {columns} VALUES ('a', '', 0, '', '', '', {event})")  # noqa: S608


def test_lines_that_a_record_refers_to_stay_and_fit(ledger: Ledger) -> None:
    delivered(ledger)
    refer_to_line(ledger, 2)
    boundary = time.time()
    ledger.events.add("later")
    count = ledger.forgetting.lines(boundary)
    assert ledger.forgetting.shorten(boundary) == count > 1
    assert ledger._database.read("SELECT min(id) FROM events")[0][0] == 2
    found = ledger.events.verify()
    assert (found.broken, found.removed) == (None, count)


def test_what_a_collector_waits_for_stays(ledger: Ledger) -> None:
    completed(ledger)
    ledger.audited.set_sent(1)
    ledger.events.add("later")
    assert ledger.forgetting.shorten(time.time() + 1) == 1


def test_the_newest_line_stays(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    completed(ledger)
    head = ledger.events.head()
    after(10 * DAY, monkeypatch)
    ledger.forgetting.shorten(time.time())
    assert ledger.events.verify(head).found


def test_few_lines_are_not_worth_one_that_says_it(ledger: Ledger) -> None:
    delivered(ledger)
    assert ledger.forgetting.shorten(time.time() + 1, least=1000) == 0
    assert ledger.forgetting.shortened_at() == 0


def test_a_workitem_stays_as_long_as_one_of_its_studies(ledger: Ledger) -> None:
    item = workitem_row(Input("1.2", ("PACS",), ("1.2.9.1",)), Input("1.3"))
    ledger.workitems.add(item)
    for study in item.studies:
        delivered(ledger, study)
    newer(ledger)
    assert not any(forget(ledger, study) for study in item.studies), "it is in hand"
    assert ledger.workitems.get("1.9") == item
    ledger.workitems.move(item, WorkitemState.COMPLETED)
    assert forget(ledger)
    (left,) = ledger.workitems.of_study("1.3")
    assert (left.studies, ledger.workitems.of_study("1.2")) == (("1.3",), [])
    assert forget(ledger, "1.3")
    assert (ledger.workitems.get("1.9"), rows(ledger, "inputs")) == (None, 0)
