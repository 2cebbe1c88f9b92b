"""Couriers follow the configuration: one for each destination, and never two at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.changes import Changes
from node.config import Destination, Settings
from node.dispatch import Dispatch
from node.ledger import Ledger
from node.loops import Loops
from node.spool import Spool
from tests.ledger.material import reported, results
from tests.peers import until


class House:
    """Loops, ledger and spool without a node."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger, self.spool = Ledger(folder / "ledger.db"), Spool(folder / "spool")
        self.spool.prepare()
        self.loops = Loops(Changes(self.ledger), threading.Event())
        self.dispatch = Dispatch(self.loops, self.ledger, self.spool)

    def follow(self, *destinations: Destination) -> None:
        settings = Settings(destinations=destinations)
        self.dispatch.follow(settings, self.dispatch.prepare(settings))

    def to(self, name: str, folder: str) -> Destination:
        return Destination(name=name, kind="folder", path=self.folder / folder)

    def couriers(self) -> list[str]:
        return sorted(one.name for one in threading.enumerate() if one.name.startswith("courier-"))

    def report(self, study: str) -> None:
        """Results that are due for `pacs`, in the spool."""
        for one in results(study):
            path = self.spool.path(one.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(one.sop_instance_uid.encode())
        reported(self.ledger, study)

    def states(self, study: str) -> set[str]:
        return {row.state for row in self.ledger.deliveries.of_study(study)}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.loops.stopping.set()
    made.loops.wake()
    made.dispatch.stop()
    made.loops.join(time.monotonic() + 5)
    made.ledger.close()


def test_couriers_come_and_go_with_their_destinations(house: House) -> None:
    pacs, vna = house.to("pacs", "a"), house.to("vna", "b")
    house.follow(pacs)
    assert house.couriers() == ["courier-pacs"]
    house.follow(pacs, vna)
    assert house.couriers() == ["courier-pacs", "courier-vna"]
    house.ledger.facts.set_trouble("destination pacs", "it does not answer")
    house.follow(vna)
    until(lambda: house.couriers() == ["courier-vna"], "the courier that is not wanted any more has ended")
    until(lambda: not house.ledger.facts.troubles(), "what was wrong with it is over")


def test_one_that_did_not_change_goes_on(house: House) -> None:
    house.follow(house.to("pacs", "a"))
    (before,) = [one for one in threading.enumerate() if one.name == "courier-pacs"]
    house.follow(house.to("pacs", "a"), house.to("vna", "b"))
    assert before.is_alive()
    assert house.couriers().count("courier-pacs") == 1


def test_a_changed_destination_gets_what_is_due_from_then_on(house: House) -> None:
    house.follow(house.to("pacs", "before"))
    house.report("1.2")
    until(lambda: house.states("1.2") == {"DONE"}, "it is delivered")
    house.follow(house.to("pacs", "after"))
    house.report("1.3")
    until(lambda: house.states("1.3") == {"DONE"}, "the next is delivered")
    files = {name: len([p for p in (house.folder / name).rglob("*") if p.is_file()]) for name in ("before", "after")}
    assert files == {"before": 2, "after": 2}
    until(lambda: house.couriers() == ["courier-pacs"], "one courier is left")


def test_the_next_courier_waits_for_the_last_one(house: House) -> None:
    pacs = house.to("pacs", "a")
    house.follow(pacs)
    held, ended = threading.Event(), threading.Event()

    def wait() -> None:
        held.wait(10)
        ended.set()

    slow = threading.Thread(target=wait)
    slow.start()
    house.dispatch._threads["pacs"] = slow  # a step that an archive keeps waiting
    house.report("1.2")
    until(lambda: house.states("1.2") == {"DONE"}, "the first courier is at work")
    house.follow(house.to("pacs", "b"))
    house.report("1.3")
    time.sleep(0.3)
    assert house.states("1.3") == {"WAITING"}
    held.set()
    until(lambda: house.states("1.3") == {"DONE"}, "the next courier is at work")
    assert ended.is_set()
