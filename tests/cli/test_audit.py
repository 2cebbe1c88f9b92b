"""`radnode audit`: what happened, who did it, and whether the trail is as it was written."""

from __future__ import annotations

import sqlite3
import time

from node import config
from node.cli import neighbours
from node.cli.operator import operator
from tests.cli.conftest import Site


def test_the_newest_events_are_listed_first(site: Site) -> None:
    site.ledger.events.add("something", site.answered, reason="because")
    assert site.text("audit", "list", "-n", "1").endswith(f"{site.answered}  something  reason=because\n")
    assert site.json("audit")[0]["action"] == "something"


def test_who_acted_and_who_looked_stands_in_the_trail(site: Site) -> None:
    site.text("queue", "retry", str(site.analysis_id(site.failed)))
    site.text("studies", "show", site.answered, "--phi")
    site.text("studies", "complete", site.ignored)
    acted = [one for one in site.json("audit") if one["action"] == "operator's command"]
    assert [(one["study_instance_uid"], one["detail"]["command"]) for one in acted] == [
        (site.ignored, "studies complete"),
        (site.answered, "patient shown"),
        (site.failed, "queue retry"),
    ]
    assert {one["detail"]["operator"] for one in acted} == {operator()}


def test_a_whole_trail_is_said_to_be_whole_and_its_digest_can_be_noted(site: Site) -> None:
    first = site.json("audit", "verify")
    site.ledger.events.add("something")
    assert site.run("audit", "verify", "--head", first["head"]).exit_code == 0
    assert "note it elsewhere" in site.text("audit", "verify")


def test_a_digest_of_a_line_that_was_removed_in_order_raises_no_alert(site: Site) -> None:
    head = site.json("audit", "verify")["head"]
    site.ledger.events.add("something")
    assert site.ledger.forgetting.shorten(time.time() + 1)
    done = site.run("audit", "verify", "--head", head)
    assert done.exit_code == 0
    assert f"the digest {head} is of an event that was removed in order" in done.output
    assert "!" not in done.output
    assert site.ledger.events.latest(1)[0].action == "trail shortened"


def test_a_changed_or_cut_trail_is_told_with_its_place(site: Site) -> None:
    head = site.json("audit", "verify")["head"]
    connection = sqlite3.connect(site.config.parent / "ledger.db")
    connection.execute("DROP TRIGGER events_as_written")
    connection.execute("UPDATE events SET action = 'nothing happened' WHERE id = 2")
    connection.commit()
    connection.close()
    done = site.run("audit", "verify", "--head", "0" * 64)
    assert done.exit_code == 1
    assert "event 2 does not fit to what is before it" in done.output
    assert f"the digest {'0' * 64} is not in it" in done.output
    assert site.run("audit", "verify", "--head", head).exit_code == 1


def test_a_changed_trail_is_an_event_that_a_collector_hears_of(site: Site) -> None:
    assert site.run("audit", "verify", "--head", "0" * 64).exit_code == 1
    (event,) = site.ledger.events.latest(1)
    assert event.action == "trail is broken"


def test_who_reads_the_trail_is_noted_where_a_collector_wants_to_know(site: Site) -> None:
    site.text("audit")
    assert site.ledger.events.latest(1)[0].action != "operator's command"
    with site.config.open("a") as stream:
        stream.write("\n[audit]\nenabled = true\n")
    for command in (["audit"], ["audit", "verify"]):
        site.text(*command)
        detail = site.ledger.events.latest(1)[0].detail
        assert (detail["command"].split()[0], detail["operator"]) == ("audit", operator())


def test_the_doctor_says_whether_the_collector_answers(site: Site) -> None:
    with site.config.open("a") as stream:
        stream.write('\n[audit]\nenabled = true\nport = 1\ntransport = "tcp"\n')
    ((_, ok, found),) = neighbours._collector(config.load(site.config))
    assert not ok
    assert "127.0.0.1:1" in found
