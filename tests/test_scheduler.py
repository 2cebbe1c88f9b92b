"""Ticks go on whatever fails in them, and whatever is done to the wall clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from node.errors import LedgerBusy
from node.scheduler import Scheduler, Tick

SOON = 5.0
Start = Callable[..., Scheduler]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Scheduler] = []

    def run(*ticks: Tick) -> Scheduler:
        started.append(Scheduler(ticks))
        started[-1].start()
        return started[-1]

    yield run
    for scheduler in started:
        scheduler.stop()


class Counter:
    """A tick that counts, and may fail."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.count = 0
        self.changed = threading.Condition()

    def __call__(self) -> None:
        with self.changed:
            self.count += 1
            self.changed.notify_all()
        if self._errors:
            raise self._errors.pop(0)

    def reaches(self, count: int, seconds: float = SOON) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self.count >= count, seconds)


def test_ticks_run_again_and_again(start: Start) -> None:
    first, second = Counter(), Counter()
    start(Tick("first", 0.02, first), Tick("second", 0.03, second))
    assert first.reaches(3)
    assert second.reaches(3)


def test_a_tick_that_fails_is_run_again_and_the_failure_is_logged_without_its_text(start: Start) -> None:
    counter = Counter(LedgerBusy("the ledger is locked"), ValueError("PHICANARY"))
    with structlog.testing.capture_logs() as lines:
        start(Tick("close studies", 0.02, counter))
        assert counter.reaches(3)
    failed = [line for line in lines if line["event"] == "tick failed"]
    assert failed[0]["error"] == "the ledger is locked"
    assert failed[1]["error"].startswith("ValueError at test_scheduler.py:")
    assert {line["tick"] for line in failed} == {"close studies"}


def test_a_slow_tick_never_runs_twice_at_a_time_and_holds_up_no_other(start: Start) -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def slow() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.2)
        with lock:
            inside -= 1

    quick = Counter()
    start(Tick("slow", 0.02, slow), Tick("quick", 0.02, quick))
    assert quick.reaches(12)
    assert most == 1


def test_stopping_waits_for_a_running_tick(start: Start) -> None:
    begun, done = threading.Event(), threading.Event()

    def tick() -> None:
        begun.set()
        time.sleep(0.1)
        done.set()

    scheduler = Scheduler([Tick("tick", 0.02, tick)])
    scheduler.start()
    assert begun.wait(SOON)
    scheduler.stop()
    assert done.is_set()


def _silence(scheduler: Scheduler, name: str) -> None:
    """What a clock that is set back by a day does: the next run lies a day ahead."""
    scheduler._scheduler.modify_job(name, next_run_time=datetime.now(UTC) + timedelta(days=1))


@pytest.mark.parametrize("jump", [-86400.0, 86400.0])
def test_a_clock_that_was_set_does_not_silence_the_ticks(
    start: Start, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    counter = Counter()
    scheduler = start(Tick("tick", 0.05, counter))
    assert counter.reaches(1)
    _silence(scheduler, "tick")
    seen = counter.count + 1  # one may have been on its way
    assert not counter.reaches(seen + 1, 0.3)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    with structlog.testing.capture_logs() as lines:
        assert scheduler.mind_the_clock()
    assert [(line["event"], line["seconds"]) for line in lines] == [("clock was set", jump)]
    assert counter.reaches(seen + 2)


def test_a_clock_that_is_put_right_by_half_a_century_runs_a_tick_once_for_all_that_was_missed(start: Start) -> None:
    counter = Counter()
    scheduler = start(Tick("tick", 0.25, counter))
    scheduler._scheduler.modify_job("tick", next_run_time=datetime(1970, 1, 1, tzinfo=UTC))
    assert counter.reaches(1)
    seen = counter.count
    assert counter.reaches(seen + 2)
    assert counter.count < seen + 5


def test_a_clock_that_drifts_is_left_alone(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = start(Tick("tick", 60, Counter()))
    before: Any = scheduler._scheduler.get_job("tick").next_run_time
    real = time.time
    for drift in (0.5, 1.0, 1.5, 2.0, 2.5):
        monkeypatch.setattr(time, "time", lambda drift=drift: real() + drift)
        assert not scheduler.mind_the_clock()
    assert scheduler._scheduler.get_job("tick").next_run_time == before


def test_minding_the_clock_between_stop_and_start_is_no_error() -> None:
    scheduler = Scheduler([Tick("tick", 60, Counter())])
    scheduler.start()
    scheduler.mind_the_clock()
    scheduler.stop()
