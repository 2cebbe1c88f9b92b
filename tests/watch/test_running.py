"""A node watches its model: films of another contrast raise the alarm, more of the same do not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from node.ledger import MeasureRow, Verdict
from tests.peers import Hospital, RunningNode, until
from tests.peers.dcmtk import storescu
from tests.peers.hospital import CANARY

COUNT = 20
WATCH = {"window": COUNT, "baseline": COUNT, "least": COUNT, "least_of_sender": COUNT, "pause_on": ["inputs"]}


def sent(node: RunningNode, hospital: Hospital, first: int, count: int, **changes: Any) -> None:
    """A film of each of so many patients, answered."""
    films = [hospital.film(number, **changes) for number in range(first, first + count)]
    storescu(node.port, films, called=node.ae_title, calling="CR1")
    node.await_ended([hospital.study_uid(number) for number in range(first, first + count)])


def looked(node: RunningNode) -> tuple[int, dict[tuple[str, str], MeasureRow]]:
    """A look in a process of its own, as the node itself starts it."""
    command = [sys.executable, "-m", "node.watch", str(node.config)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # who lets go of it, ends it
        status = process.wait(60)
    return status, {(one.metric, one.subject): one for one in node.ledger.measures.latest("brightness")}


@pytest.mark.acceptance
@pytest.mark.slow  # sixty films
def test_a_change_of_contrast_raises_the_alarm_and_more_of_the_same_does_not(
    start_node: Callable[..., RunningNode], hospital: Hospital
) -> None:
    routes = [{"name": "films", "modality": ["DX"], "plugin": "brightness"}]
    node = start_node(routes=routes, watch=WATCH)
    sent(node, hospital, 100, 2 * COUNT)  # the first of them are the baseline
    until(lambda: node.ledger.measures.latest("brightness"), "the node looks by itself")
    status, quiet = looked(node)
    assert status == 0
    assert quiet["ks deviation", ""].verdict is Verdict.AS_BEFORE
    assert not node.ledger.measures.alarms()
    sent(node, hospital, 300, COUNT, WindowWidth=1500)
    _, changed = looked(node)
    assert changed["ks deviation", ""].verdict is Verdict.ALARM
    assert changed["ks deviation", "sender CR1"].verdict is Verdict.ALARM
    assert "drift: ks deviation" in node.ledger.pauses.paused()["brightness"]
    (report,) = (node.data / "reports").iterdir()
    assert "brightness 1.0.0" in report.read_text()
    assert CANARY not in report.read_text()
