"""What limits a machine, and what one would change, from made-up seconds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.capacity import Capacity, Carried, Disk, compare

FILM = Carried(
    plugin="chest",
    study="a film of 8 MB",
    images=1,
    engine="openvino",
    receive=0.02,
    decode=0.02,
    predict=0.06,
    results=0.04,
    receiver_cpu=0.01,
    worker_cpu=0.12,
    objects=2,
)
FAST = Disk(file=0.001, append=0.0002)


def capacity(one: Carried = FILM, disk: Disk = FAST, cores: int = 8, workers: int = 1, load: float = 0.0) -> Capacity:
    processes = {"receivers": 1, "workers": workers}
    return Capacity("a machine", cores, load, processes, disk, 500.0, (one,), {})


def test_one_worker_is_the_limit_of_a_machine_with_cores_to_spare() -> None:
    found = capacity()
    first, second, *_ = found.limits(FILM)
    assert (first.name, round(first.per_hour)) == ("worker (mostly the model)", 30000)
    assert "worker.processes" in first.change
    assert second.per_hour > first.per_hour
    assert found.sentences()[0].startswith(
        "chest: about 30,000 studies an hour (a film of 8 MB). What limits it: worker"
    )


@pytest.mark.parametrize(
    ("found", "limit", "change"),
    [
        (capacity(disk=Disk(file=0.1, append=0.05)), "disk", "power-loss protection"),
        (capacity(cores=2, workers=8), "processor (mostly the model)", "plugins bench"),
        (
            capacity(replace(FILM, results=0.9, worker_cpu=0.9), cores=1),
            "worker (mostly building results)",
            "processes",
        ),
        (
            capacity(replace(FILM, decode=9.0, worker_cpu=9.0), workers=99),
            "processor (mostly decoding)",
            "uncompressed",
        ),
        (capacity(replace(FILM, receive=1.0)), "receiver", "receive.processes"),
    ],
)
def test_what_is_slowest_is_the_limit(found: Capacity, limit: str, change: str) -> None:
    (one,) = found.carried
    tightest = found.limits(one)[0]
    assert tightest.name == limit
    assert change in tightest.change


def test_a_busy_machine_an_abstention_and_a_failure_are_told() -> None:
    found = replace(capacity(replace(FILM, note="it gives no answer"), load=7.0), failed={"other": "no weights"})
    text = "\n".join(found.sentences())
    assert "chest: it gives no answer." in text
    assert "other: not measured: no weights" in text
    assert "busy (load 7.0)" in text


def test_only_much_less_than_before_is_told() -> None:
    assert compare(capacity(), {"chest": 33000.0, "gone": 5.0}) == []
    assert compare(capacity(), {"chest": 60000.0}) == ["chest: 30,000 studies an hour, 60,000 before"]
