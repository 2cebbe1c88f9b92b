"""What the ledger knows of the running node."""

from __future__ import annotations

import pytest

from node.ledger import Ledger
from node.ledger.facts import HEARTBEAT_SECONDS
from tests.ledger.material import after


def test_a_node_that_gives_a_sign_of_life_is_serving(ledger: Ledger) -> None:
    assert ledger.facts.serving_pid() is None
    ledger.facts.beat(4711)
    assert ledger.facts.serving_pid() == 4711


def test_a_node_that_stopped_or_fell_silent_is_not(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.facts.beat(4711)
    ledger.facts.beat(None)
    assert ledger.facts.serving_pid() is None
    ledger.facts.beat(4711)
    after(HEARTBEAT_SECONDS + 1, monkeypatch)
    assert ledger.facts.serving_pid() is None


def test_a_trouble_is_known_until_it_is_over(ledger: Ledger) -> None:
    ledger.facts.set_trouble("destination pacs", "cannot be reached")
    ledger.facts.set_trouble("worker", "does not start")
    ledger.facts.set_trouble("worker", "")
    assert ledger.facts.troubles() == {"destination pacs": "cannot be reached"}


def test_the_same_trouble_again_is_not_written_again(ledger: Ledger) -> None:
    ledger.facts.set_trouble("worker", "")
    ledger.facts.set_trouble("worker", "does not start")
    reader = Ledger(ledger._database.path)
    before = reader.pulse()
    ledger.facts.set_trouble("worker", "does not start")
    assert reader.pulse() == before
    reader.close()
