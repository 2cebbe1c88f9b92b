from __future__ import annotations

from node.ledger import Ledger, upkeep
from tests.ledger.material import arrival, received


def test_a_study_is_written_down_before_it_is_asked_for(ledger: Ledger) -> None:
    assert ledger.fetches.of_study("1.2") is None
    ledger.fetches.ask("1.2", "pacs", 3, "somebody")
    row = ledger.fetches.of_study("1.2")
    assert row is not None
    assert (row.archive, row.instances, row.ended_at, row.came, row.reason) == ("pacs", 3, None, None, "")


def test_what_came_is_counted_here(ledger: Ledger) -> None:
    ledger.fetches.ask("1.2", "pacs", 3, "somebody")
    received(ledger, images=2)
    ledger.fetches.end("1.2", "the third is lost", archive="pacs", completed=3)
    row = ledger.fetches.of_study("1.2")
    assert row is not None
    assert (row.came, row.reason) == (2, "the third is lost")
    assert row.ended_at is not None
    events = [(one.action, one.detail) for one in ledger.events.of_study("1.2") if one.action.startswith("fetch")]
    assert events == [
        ("fetch asked", {"archive": "pacs", "instances": 3, "operator": "somebody"}),
        ("fetched", {"came": 2, "archive": "pacs", "completed": 3, "reason": "the third is lost"}),
    ]


def test_one_that_is_asked_for_again_is_open_again(ledger: Ledger) -> None:
    ledger.fetches.ask("1.2", "pacs", 3, "somebody")
    ledger.fetches.end("1.2", "out of resources")
    ledger.fetches.ask("1.2", "other", None, "somebody")
    row = ledger.fetches.of_study("1.2")
    assert row is not None
    assert (row.archive, row.instances, row.ended_at, row.reason) == ("other", None, None, "")


def test_each_time_in_a_row_that_it_does_not_come_it_waits_longer(ledger: Ledger) -> None:
    waits = []
    for _ in range(9):
        ledger.fetches.ask("1.2", "pacs", 3, "somebody")
        ledger.fetches.end("1.2", "one failed", ["1.2.9.3"], archive="pacs")
        row = ledger.fetches.of_study("1.2")
        assert row is not None
        assert row.again_at is not None
        assert row.ended_at is not None
        assert row.unsent == ("1.2.9.3",)
        waits.append(round(row.again_at - row.ended_at))
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert ledger.events.latest(1)[0].detail["unsent"] == ["1.2.9.3"]
    ledger.fetches.ask("1.2", "pacs", 4, "somebody")
    row = ledger.fetches.of_study("1.2")
    assert row is not None
    assert (row.tries, row.again_at, row.unsent) == (1, None, ()), "the archive has more of it now: another matter"


def test_what_could_not_be_sent_and_came_all_the_same_is_not_lacking(ledger: Ledger) -> None:
    received(ledger, images=1)
    ledger.arrivals.record([arrival(2, defect="no pixels")])
    assert ledger.fetches.lacking("1.2", ["1.2.9.1", "1.2.9.2", "1.2.9.3"]) == ["1.2.9.3"]
    assert ledger.fetches.lacking("1.2", []) == []


def test_what_is_set_aside_has_come_once(ledger: Ledger) -> None:
    own = arrival(3, sop_instance_uid="1.2.7.1", sop_class_uid="1.2.840.10008.5.1.4.1.1.7", defect="")
    twice = [arrival(1), arrival(1, sha256="other"), arrival(1, sha256="third"), arrival(2, defect="no pixels"), own]
    ledger.arrivals.record([*twice, arrival(9, study="1.3")])
    assert ledger.fetches.came("1.2") == 3
    assert ledger.fetches.came("1.4") == 0


def test_what_the_spool_has_lost_has_to_come_again(ledger: Ledger) -> None:
    received(ledger, images=2)
    with ledger._database.write() as connection:
        sql = "UPDATE instances SET set_aside = ? WHERE sop_instance_uid = '1.2.9.1'"
        connection.execute(sql, (upkeep.MISSING_FILE,))
    assert ledger.fetches.came("1.2") == 1
