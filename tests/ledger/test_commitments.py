"""Requests for storage commitment: a row until they have their answer."""

from __future__ import annotations

import time

import pytest

from node.commitment import CLASS_CONFLICT, NO_SUCH_OBJECT, Reference
from node.ledger import Ledger
from node.study import Outcome
from tests.ledger.material import after, arrival, received

DX = "1.2.840.10008.5.1.4.1.1.1.1"
KEPT = Reference(DX, "1.2.9.1")


def test_a_request_waits_until_it_was_reported(ledger: Ledger) -> None:
    number = ledger.commitments.ask("1.5", "CT", [KEPT])
    (row,) = ledger.commitments.due(300)
    assert (row.id, row.transaction_uid, row.calling_ae, row.asked, row.attempts) == (number, "1.5", "CT", (KEPT,), 0)
    ledger.commitments.reported(number, 0)
    assert ledger.commitments.due(300) == []
    ledger.commitments.reported(number, 0)
    assert [one.action for one in ledger.events.latest(9)] == [
        "storage commitment reported",
        "storage commitment asked for",
    ]


def test_the_same_request_again_is_answered_again(ledger: Ledger) -> None:
    number = ledger.commitments.ask("1.5", "CT", [KEPT])
    ledger.commitments.reported(number, 0)
    assert ledger.commitments.ask("1.5", "CT", [KEPT]) == number
    assert len(ledger.commitments.due(300)) == 1
    assert ledger.commitments.ask("1.5", "MR", [KEPT]) != number


def test_a_report_that_nobody_took_is_due_later_and_given_up_with_its_reason(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = ledger.commitments.ask("1.5", "CT", [KEPT])
    ledger.commitments.later(number, 60)
    assert ledger.commitments.due(300) == []
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 61)
    assert ledger.commitments.due(300)[0].attempts == 1
    ledger.commitments.give_up(number, "nobody is there")
    assert ledger.commitments.due(300) == []
    assert ledger.events.latest(1)[0].detail["reason"] == "nobody is there"


def test_a_clock_that_is_set_back_holds_no_report_up(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    number = ledger.commitments.ask("1.5", "CT", [KEPT])
    ledger.commitments.later(number, 60)
    after(-86400, monkeypatch)
    assert [row.id for row in ledger.commitments.due(300)] == [number]


def test_what_was_acknowledged_is_held_and_nothing_else(ledger: Ledger) -> None:
    received(ledger)
    assert ledger.arrivals.record([arrival(1, sha256="other")]) == [Outcome.SET_ASIDE]
    held, unknown, other = ledger.commitments.held([KEPT, Reference(DX, "9.9"), Reference("1.2.3", "1.2.9.1")])
    assert (held.failure, held.path, held.size) == (0, arrival().path, 100)
    assert (unknown.failure, unknown.path) == (NO_SUCH_OBJECT, "")
    assert other.failure == CLASS_CONFLICT


def test_what_was_purged_or_lost_is_not_held(ledger: Ledger) -> None:
    received(ledger, images=2)
    ledger.upkeep.set_missing([one for one in ledger.upkeep.named("1.2") if one.sop_instance_uid == "1.2.9.2"])
    assert [one.failure for one in ledger.commitments.held([KEPT, Reference(DX, "1.2.9.2")])] == [0, NO_SUCH_OBJECT]
    ledger._database.connection.execute("UPDATE studies SET purged = 1")
    assert ledger.commitments.held([KEPT])[0].failure == NO_SUCH_OBJECT
    ledger.arrivals.record([arrival()])
    assert ledger.commitments.held([KEPT])[0].failure == 0, "it came again"
