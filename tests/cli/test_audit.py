"""`radnode audit`: what happened, who did it, and whether the trail is as it was written."""

from __future__ import annotations

import sqlite3

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
