"""`radnode queue pause` and `drain`: workers finish what they are at, and begin nothing more."""

from __future__ import annotations

import os
import threading
import time

from node.ledger import AnalysisRow
from node.states import AnalysisState
from tests.cli.conftest import Site


def lease(site: Site) -> list[AnalysisRow]:
    return site.ledger.analyses.lease(AnalysisState.QUEUED, "worker", 60, 8, 300)


def queue(site: Site) -> int:
    """An analysis that waits; its number."""
    site.ledger.facts.beat(os.getpid())
    number = site.analysis_id(site.failed)
    site.ledger.analyses.retry(number)
    return number


def test_nothing_more_is_begun_until_it_is_resumed(site: Site) -> None:
    number = queue(site)
    said = site.text("queue", "drain")
    assert "drained: no worker is at anything\n1 analyses wait until `radnode queue resume`" in said
    assert lease(site) == []
    assert "! the queue is paused by " in site.text("status")
    assert "1 analyses wait for workers" in site.text("queue", "resume")
    assert [row.id for row in lease(site)] == [number]
    assert "the queue is paused" not in site.text("status")


def test_what_a_worker_is_at_is_awaited_until_it_is_reported(site: Site) -> None:
    number = queue(site)
    assert lease(site)

    def work() -> None:
        time.sleep(0.4)
        site.ledger.analyses.classified(number, "nothing found")
        time.sleep(0.4)
        site.ledger.analyses.reported(number, [], {})

    worker = threading.Thread(target=work)
    worker.start()
    begun = time.monotonic()
    done = site.run("queue", "drain")
    worker.join()
    assert done.exit_code == 0
    assert time.monotonic() - begun >= 0.8
    assert "drained: no worker is at anything" in done.output


def test_a_pause_awaits_nobody(site: Site) -> None:
    queue(site)
    assert lease(site)
    assert "paused; workers are still at 1 analyses\n0 analyses wait" in site.text("queue", "pause")
    site.text("queue", "resume")
    site.ledger.facts.beat(None)
    assert site.text("queue", "pause").startswith("paused")
    assert lease(site) == []
    assert "! the queue is paused by " in site.text("status")


def test_after_its_time_it_says_what_is_still_running_and_stays_in_force(site: Site) -> None:
    number = queue(site)
    assert lease(site)
    done = site.run("queue", "drain", "--timeout", "0.3")
    assert done.exit_code == os.EX_TEMPFAIL
    assert f"not done yet, workers are at: {number}; they begin nothing more" in done.output
    assert site.ledger.pauses.queue()


def test_a_node_that_is_down_is_drained_at_once(site: Site) -> None:
    queue(site)
    assert lease(site)
    site.ledger.facts.beat(None)
    done = site.run("queue", "drain")
    assert done.exit_code == 0
    assert "drained: no worker is at anything, since no process serves this node" in done.output


def test_draining_twice_keeps_the_first_reason_and_resuming_twice_is_refused(site: Site) -> None:
    site.run("queue", "drain")
    first = site.ledger.pauses.queue()
    site.run("queue", "drain")
    assert site.ledger.pauses.queue() == first
    site.run("queue", "resume")
    assert site.refusal("queue", "resume").what == "the queue is not paused"


def test_the_trail_says_who_drained_and_resumed(site: Site) -> None:
    site.run("queue", "drain")
    site.run("queue", "resume")
    told = [(event.action, event.detail.get("command", "")) for event in site.ledger.events.latest(4)]
    assert told == [
        ("operator's command", "queue resume"),
        ("queue resumed", ""),
        ("operator's command", "queue drain"),
        ("queue paused", ""),
    ]
