"""How many requests an address may send."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest

from node.web.guard import Allowance, caller_of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_an_allowance_is_used_up_and_regained_evenly(clock: Clock) -> None:
    allowance = Allowance(lambda: 6, clock=clock)
    assert [allowance.take("a") for _ in range(6)] == [0.0] * 6
    assert allowance.take("a") == pytest.approx(10.0)
    clock.now += 5
    assert allowance.take("a") > 0, "asking too early uses up what was regained, so that a flood stays out"
    clock.now += 10
    assert allowance.take("a") == 0.0
    assert allowance.take("a") > 0
    clock.now += 1e6
    assert [allowance.take("a") for _ in range(7)].count(0.0) == 6


def test_callers_do_not_use_up_what_is_others(clock: Clock) -> None:
    allowance = Allowance(lambda: 1, clock=clock)
    assert (allowance.take("a"), allowance.take("b")) == (0.0, 0.0)
    assert allowance.take("a") > 0


def test_looking_uses_nothing_up(clock: Clock) -> None:
    allowance = Allowance(lambda: 1, clock=clock)
    assert [allowance.wait("a") for _ in range(3)] == [0.0] * 3
    allowance.take("a")
    assert allowance.wait("a") == pytest.approx(60.0)


def test_how_many_may_be_had_is_asked_each_time(clock: Clock) -> None:
    known = [1]
    allowance = Allowance(lambda: known[0], clock=clock)
    assert (allowance.take("a"), allowance.take("a") > 0) == (0.0, True)
    known[0] = 60
    clock.now += 2
    assert [allowance.take("a") for _ in range(3)].count(0.0) == 2
    assert allowance.take("b") == 0.0
    known[0] = 2
    assert [allowance.take("b") for _ in range(3)].count(0.0) == 2, "what was saved up is cut off"


def test_only_so_many_callers_are_remembered(clock: Clock) -> None:
    allowance = Allowance(lambda: 1, callers=10, clock=clock)
    for number in range(1000):
        allowance.take(str(number))
    assert len(allowance._left) == 10
    assert allowance.take("999") > 0


@pytest.mark.parametrize(
    ("client", "caller"),
    [
        (("10.0.0.1", 5), "10.0.0.1"),
        (("2001:db8:1:2:3:4:5:6", 5), "2001:db8:1:2"),
        (None, ""),
    ],
)
def test_a_caller_is_an_address_or_a_network_of_ipv6(client: tuple[str, int] | None, caller: str) -> None:
    scope: MutableMapping[str, Any] = {"client": client}
    assert caller_of(scope) == caller
