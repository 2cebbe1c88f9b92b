"""What was announced and is not there is asked for again, later each time, and not for ever."""

from __future__ import annotations

import time

import pytest

from node.ledger import Ledger
from node.ledger.absences import FIRST_AGAIN_SECONDS, MOST_TRIES
from tests.ledger.material import after


def test_it_is_due_later_each_time_and_then_given_up(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []
    for number in range(1, MOST_TRIES + 1):
        found = ledger.absences.note("orthanc", "instances/i1", "1.2" if number == 1 else "")
        assert (found.tries, found.study_instance_uid) == (number, "1.2")
        assert ledger.absences.due("orthanc") == []
        if found.again_at is not None:
            waits.append(round(found.again_at - time.time()))
            after(waits[-1] + 1, monkeypatch)
            assert [one.tries for one in ledger.absences.due("orthanc")] == [number]
            assert ledger.absences.due("other") == []
    assert waits == [FIRST_AGAIN_SECONDS * 2**number for number in range(MOST_TRIES - 1)]
    assert 3600 < sum(waits) < 4000
    (row,) = ledger.absences.of_study("1.2")
    assert (row.tries, row.again_at) == (MOST_TRIES, None)
    (event,) = ledger.events.of_study("1.2")
    told = (event.action, event.detail)
    assert told == ("archive lacks what it announced", {"archive": "orthanc", "tries": MOST_TRIES})


def test_what_came_and_what_is_old_is_no_more(ledger: Ledger) -> None:
    for resource in ("series/s1", "series/s2"):
        ledger.absences.note("orthanc", resource)
    ledger.absences.settle("orthanc", "series/s1")
    assert [one.resource for one in ledger.absences.of_study("")] == ["series/s2"]
    ledger.absences.forget(time.time() - 60)
    assert len(ledger.absences.of_study("")) == 1
    ledger.absences.forget(time.time() + 60)
    assert ledger.absences.of_study("") == []
