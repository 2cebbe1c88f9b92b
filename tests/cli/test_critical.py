"""`radnode critical`: what is open, and who has acknowledged it."""

from __future__ import annotations

import os
import pwd

import pytest

from node.errors import PermanentError
from node.ledger import Critical, Notice
from node.study import ResultObject
from tests.cli.conftest import Site

FOUND = Critical(
    "abcd0123",
    "air",
    "pneumothorax",
    0.93,
    30,
    (Notice(ResultObject("2.25.1", "", "", "critical-oru", "x"), ("ris",)),),
)


@pytest.fixture
def critical(site: Site) -> Site:
    """The study that had failed is answered after all, and the answer is critical."""
    row_id = site.analysis_id(site.failed)
    site.ledger.analyses.retry(row_id)
    site.ledger.analyses.classified(row_id, "")
    site.ledger.analyses.reported(row_id, [ResultObject("2.25.2", "1.2", "1.3", "sr", "y")], {}, [FOUND])
    return site


def test_nothing_is_open(site: Site) -> None:
    assert "no critical finding is open" in site.text("critical")
    assert site.json("critical") == []


def test_what_is_open_is_listed_with_its_deadline(critical: Site) -> None:
    assert "escalated" not in critical.text("status")
    shown = critical.text("critical")
    assert "abcd0123" in shown
    assert "pneumothorax" in shown
    (one,) = critical.json("critical", "list")
    assert (one["id"], one["study_instance_uid"], one["escalated"]) == ("abcd0123", critical.failed, False)


def test_what_was_escalated_is_to_be_acknowledged_at_once(critical: Site) -> None:
    assert critical.ledger.criticals.escalate(critical.ledger.criticals.open()[0].due) == 1
    assert "1 critical findings were escalated" in critical.text("status")
    assert "at once: it was escalated" in " ".join(critical.text("critical").split())


def test_the_account_that_acknowledges_is_in_the_trail(critical: Site) -> None:
    account = pwd.getpwuid(os.getuid()).pw_name
    assert f"is acknowledged by {account}" in critical.text("critical", "ack", "abcd0123")
    assert "no critical finding is open" in critical.text("critical")
    trail = critical.text("trail", critical.failed)
    assert "critical finding acknowledged" in trail
    assert f"operator={account}" in trail


def test_what_is_not_open_cannot_be_acknowledged(critical: Site) -> None:
    assert isinstance(critical.refusal("critical", "ack", "ffff"), PermanentError)
