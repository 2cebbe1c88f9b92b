"""Who is signed in to the dashboard is signed out in the trail, once, however the session ends."""

from __future__ import annotations

import os
from pathlib import Path

from node.ledger import Ledger

OUT = "signed out of the dashboard"


def out(ledger: Ledger) -> list[tuple[str, str, str]]:
    """Who was signed out: token, address and reason, in order."""
    events = [one.detail for one in reversed(ledger.events.latest(100)) if one.action == OUT]
    return [(one["token"], one["peer"], one.get("reason", "")) for one in events]


def test_who_signs_in_and_out_is_told_with_their_address(ledger: Ledger) -> None:
    name = ledger.sessions.begin("ann", "10.0.0.7")
    assert [one.detail for one in ledger.events.latest(1)] == [{"peer": "10.0.0.7", "token": "ann"}]
    assert out(ledger) == []
    ledger.sessions.end(name)
    ledger.sessions.end(name, "nobody asked for a page")
    ledger.sessions.end_all("the node was stopped")
    assert out(ledger) == [("ann", "10.0.0.7", "")], "once"


def test_a_process_that_ends_takes_its_own_sessions_with_it(ledger: Ledger) -> None:
    ledger.sessions.begin("ann", "10.0.0.7")
    ledger.sessions.end_of(os.getpid() + 1, "the web process ended")
    assert out(ledger) == []
    ledger.sessions.end_of(os.getpid(), "the web process ended")
    ledger.sessions.end_of(os.getpid(), "the web process ended")
    assert out(ledger) == [("ann", "10.0.0.7", "the web process ended")]


def test_what_a_killed_node_left_open_is_ended_in_its_order(tmp_path: Path) -> None:
    before = Ledger(tmp_path / "ledger.db")
    names = [before.sessions.begin(one, "10.0.0.7") for one in ("ann", "bob", "ann")]
    before.sessions.end(names[0])
    before.close()
    after = Ledger(tmp_path / "ledger.db")
    for _ in range(2):
        after.sessions.end_all("the node was stopped")
    left = [("bob", "10.0.0.7", "the node was stopped"), ("ann", "10.0.0.7", "the node was stopped")]
    assert out(after) == [("ann", "10.0.0.7", ""), *left]
    after.close()
