"""`radnode queue prioritise`, and what the commands say of what waits."""

from __future__ import annotations

import pytest

from node.ledger import Plan
from node.priority import Priority
from tests.cli.conftest import Site

SHUT = 'window = "00:00-00:01"\n'


@pytest.fixture
def waiting(site: Site) -> int:
    """An analysis that waits for a worker."""
    number = site.analysis_id(site.failed)
    site.ledger.analyses.retry(number)
    return number


def test_the_operator_makes_a_study_stat_by_number_and_by_uid(site: Site, waiting: int) -> None:
    assert site.text("queue", "prioritise", str(waiting), "stat") == f"analysis {waiting} is stat\n"
    assert site.ledger.analyses.get(waiting).priority is Priority.STAT
    assert site.text("queue", "prioritise", site.failed, "low") == f"analysis {waiting} is low\n"
    assert site.ledger.analyses.get(waiting).priority is Priority.LOW
    commands = [e.detail["command"] for e in site.ledger.events.of_study(site.failed) if "command" in e.detail]
    assert commands == ["queue prioritise"] * 2


def test_a_study_of_which_nothing_waits_cannot_be_prioritised(site: Site) -> None:
    assert "no analysis of it waits" in site.refusal("queue", "prioritise", site.ignored, "stat").what
    assert "DELIVERED" in site.refusal("queue", "prioritise", str(site.analysis_id(site.answered)), "stat").what


def test_priority_and_reason_stand_in_queue_status_and_why(site: Site, waiting: int) -> None:
    site.ledger.analyses.prioritise(waiting, Priority.STAT, 0)
    (row,) = site.json("queue", "list")["analyses"]
    assert (row["priority"], row["priority_reason"], row["waits_until"]) == ("stat", "the operator says so", None)
    assert f"{waiting}\tQUEUED\tstat: the operator says so\t" in site.text("queue", "list")
    assert "waiting    1 stat\n" in site.text("status")
    assert "priority stat: the operator says so" in site.text("why", site.failed)


def test_until_when_it_waits_stands_in_queue_status_and_why(site: Site, waiting: int) -> None:
    """No window is open for longer than a minute, and neither begins in this one or the next."""
    text = site.config.read_text()
    now = site.json("queue", "list")["analyses"][0]["changed_at"]
    site.config.write_text(text + _shut(now))
    (row,) = site.json("queue", "list")["analyses"]
    assert now < row["waits_until"] <= now + 86400
    assert "not begun before" in site.text("queue", "list")
    assert "1 routine (window opens 20" in site.text("status")
    why = site.text("why", site.failed)
    assert "the window of route 'films' is shut" in why
    assert f"radnode queue prioritise {waiting} stat" in why
    site.config.write_text(text + _shut(now).replace("UTC", "Pacific/Kiritimati"))
    for command in (("queue", "list"), ("status",), ("why", site.failed)):
        assert "in Pacific/Kiritimati)" in site.text(*command)
    site.ledger.analyses.prioritise(waiting, Priority.STAT, 0)
    assert site.json("queue", "list")["analyses"][0]["waits_until"] is None


def _shut(now: float) -> str:
    """A window, as a line of the last route, that opens in twelve hours."""
    hour = (int(now // 3600) + 12) % 24
    return f'window = "{hour:02}:00-{hour:02}:01"\n\n[queue]\ntime_zone = "UTC"\n'


def test_a_window_that_is_none_is_refused_with_its_line(site: Site) -> None:
    site.config.write_text(site.config.read_text() + 'window = "at night"\n')
    error = site.refusal("queue", "list")
    assert "'at night' is no window: 20:00-06:00, or sat,sun 00:00-24:00" in str(error)


def test_a_plan_says_nothing_of_priority_where_nobody_does(site: Site) -> None:
    assert Plan("chest", "1", "films", (), ()).priority is Priority.ROUTINE
