"""Group commit: many rows in one transaction, each waiter with its own outcome."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from node.errors import LedgerBusy, SpoolError
from node.receive.commit import Committer
from node.study import Arrival, Attributes, Outcome


def arrival(uid: str) -> Arrival:
    return Arrival(uid, "1.2", "1.2", "1.2.3", "1.2.3.1", "p", 1, "s", "k", "a", "127.0.0.1", Attributes())


@dataclass
class FakeArrivals:
    """Keeps what it is told, in order; can be made to wait and to fail."""

    written: list[Any] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    failing: dict[str, Exception] = field(default_factory=dict)
    busy: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    def _enter(self) -> None:
        self.gate.wait(5)
        if self.busy:
            self.busy -= 1
            raise LedgerBusy("locked")

    def record(self, arrivals: Sequence[Arrival], settle: Sequence[Callable[[], None]] = ()) -> list[Outcome]:
        self._enter()
        for wait in settle:
            wait()
        uids = [each.sop_instance_uid for each in arrivals]
        for uid in uids:
            if uid in self.failing:
                raise self.failing[uid]
        self.written.append(uids)
        return [Outcome.DUPLICATE if uid == "again" else Outcome.NEW for uid in uids]

    def open_association(self, association: str, *_: str) -> None:
        self._enter()
        self.written.append(f"open {association}")

    def close_association(self, association: str, ending: str) -> None:
        self._enter()
        if association in self.failing:
            raise self.failing[association]
        self.written.append(f"close {association} {ending}")


@dataclass
class FakeLedger:
    arrivals: FakeArrivals = field(default_factory=FakeArrivals)
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()


@pytest.fixture
def committer(ledger: FakeLedger) -> Iterator[Committer]:
    with Committer(ledger) as running:  # type: ignore[arg-type]  # a fake
        yield running


class Waiter(threading.Thread):
    """Hands in one arrival."""

    def __init__(self, committer: Committer, uid: str) -> None:
        super().__init__()
        self.committer, self.uid = committer, uid
        self.result: object = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.committer.record(arrival(self.uid), self.settle)
        except Exception as error:
            self.result = error

    def settle(self) -> None:
        if self.uid == "lost":
            raise SpoolError("the spool cannot be written: Input/output error")


def together(ledger: FakeLedger, committer: Committer, *uids: str) -> list[object]:
    """The results of arrivals that came while the ledger was at work for another."""
    ledger.arrivals.gate.clear()
    first = Waiter(committer, "first")
    while not (committer._is_writing and not committer._waiting):
        pass
    waiters = []
    for uid in uids:
        waiters.append(Waiter(committer, uid))
        while len(committer._waiting) < len(waiters):
            pass
    ledger.arrivals.gate.set()
    for waiter in (first, *waiters):
        waiter.join(5)
    return [waiter.result for waiter in waiters]


def test_one_that_comes_alone_is_written_alone(ledger: FakeLedger, committer: Committer) -> None:
    assert committer.record(arrival("1")) is Outcome.NEW
    assert ledger.arrivals.written == [["1"]]


def test_those_that_wait_share_a_transaction(ledger: FakeLedger, committer: Committer) -> None:
    assert together(ledger, committer, "1", "again", "3") == [Outcome.NEW, Outcome.DUPLICATE, Outcome.NEW]
    assert ledger.arrivals.written == [["first"], ["1", "again", "3"]]


def test_one_that_fails_does_not_take_others_with_it(ledger: FakeLedger, committer: Committer) -> None:
    error = sqlite3.IntegrityError("no")
    ledger.arrivals.failing["2"] = error
    assert together(ledger, committer, "1", "2", "3") == [Outcome.NEW, error, Outcome.NEW]
    assert ledger.arrivals.written == [["first"], ["1"], ["3"]]


def test_one_whose_file_is_not_on_the_disk_has_no_row_and_the_others_have(
    ledger: FakeLedger, committer: Committer
) -> None:
    one, lost, three = together(ledger, committer, "1", "lost", "3")
    assert [one, three] == [Outcome.NEW, Outcome.NEW]
    assert isinstance(lost, SpoolError)
    assert ledger.arrivals.written == [["first"], ["1"], ["3"]]


def test_a_locked_ledger_fails_all_that_wait_at_once(ledger: FakeLedger, committer: Committer) -> None:
    ledger.arrivals.failing["2"] = LedgerBusy("locked")
    results = together(ledger, committer, "1", "2", "3")
    assert [type(result) for result in results] == [LedgerBusy] * 3
    assert committer.record(arrival("4")) is Outcome.NEW


def test_an_association_opens_before_and_closes_after_its_instances(ledger: FakeLedger, committer: Committer) -> None:
    committer.open("a", "S", "R", "127.0.0.1")
    committer.record(arrival("1"))
    committer.close("a", "released")
    committer.__exit__()
    assert ledger.arrivals.written == ["open a", ["1"], "close a released"]


def test_what_was_handed_in_is_written_at_the_end(ledger: FakeLedger) -> None:
    with Committer(ledger) as committer:  # type: ignore[arg-type]  # a fake
        for number in range(600):
            committer.close(str(number), "released")
    assert len(ledger.arrivals.written) == 600
    assert ledger.closed


def test_an_end_that_cannot_be_written_is_written_later(ledger: FakeLedger, committer: Committer) -> None:
    ledger.arrivals.busy = 2
    committer.close("a", "released")
    committer.close("b", "released")
    assert _eventually(ledger, ["close a released", "close b released"])


def test_without_a_thread_to_spare_an_end_that_could_not_be_written_goes_with_what_comes_next(
    ledger: FakeLedger, committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    ledger.arrivals.busy = 1
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        committer.close("a", "released")
    assert ledger.arrivals.written == []
    assert committer.record(arrival("1")) is Outcome.NEW
    assert ledger.arrivals.written == [["1"], "close a released"]


def test_a_beginning_that_cannot_be_written_fails_the_instance_and_is_written_later(
    ledger: FakeLedger, committer: Committer
) -> None:
    ledger.arrivals.gate.clear()
    blocker = Waiter(committer, "first")
    while not (committer._is_writing and not committer._waiting):
        pass
    committer.open("a", "S", "R", "127.0.0.1")
    waiter = Waiter(committer, "1")
    while len(committer._waiting) < 2:
        pass
    blocker_done = threading.Thread(target=blocker.join)
    blocker_done.start()
    ledger.arrivals.gate.set()
    blocker_done.join(5)
    waiter.join(5)
    assert waiter.result is Outcome.NEW
    assert ledger.arrivals.written == [["first"], "open a", ["1"]]


def test_an_end_that_fails_for_good_does_not_stop_the_writer(
    ledger: FakeLedger, committer: Committer, logs: list[dict[str, object]]
) -> None:
    ledger.arrivals.failing["a"] = sqlite3.IntegrityError("secret")
    committer.close("a", "released")
    assert committer.record(arrival("1")) is Outcome.NEW
    assert [(entry["event"], entry["about"]) for entry in logs] == [("association not noted", "a")]
    assert str(logs[0]["error"]).startswith("IntegrityError at test_commit.py:"), "a mistake of ours has its place"
    assert "secret" not in repr(logs)


def _eventually(ledger: FakeLedger, written: list[str]) -> bool:
    for _ in range(500):
        if ledger.arrivals.written == written:
            return True
        threading.Event().wait(0.01)
    return False
