"""The node as a whole: one for each data folder, and everything it started is minded."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from node import service
from node.classify.process import WorkerDied, WorkerProcess
from node.config import CriticalRule, Destination, NodeSettings, Route, Settings
from node.errors import ConfigError, LedgerBusy
from node.service import Service
from tests.peers import RunningNode, until

Make = Callable[..., Service]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setattr(service, "_RESTART_SECONDS", 0.01)
    made: list[Service] = []

    def build(**settings: Any) -> Service:
        made.append(Service(Settings(node=NodeSettings(data_dir=tmp_path), **settings)))
        return made[-1]

    yield build
    for one in made:
        one._lock.close()


# Who may start


@pytest.mark.parametrize(("plugin", "finding"), [("chest-radiograph", "pneumothoraks"), ("chest", "pneumothorax")])
def test_a_rule_for_a_finding_that_nobody_claims_is_refused(make: Make, plugin: str, finding: str) -> None:
    ris = Destination(name="ris", kind="hl7", port=2575)
    rule = CriticalRule(name="air", plugin=plugin, finding=finding, destinations=("ris",))
    with pytest.raises(ConfigError, match=f"claims {plugin}: {finding}"):
        make(destinations=(ris,), critical=(rule,))


def test_a_second_node_on_one_data_folder_is_refused(make: Make, tmp_path: Path) -> None:
    make()
    with pytest.raises(ConfigError) as caught:
        make()
    text = str(caught.value)
    assert text == f"another radnode serves this data folder [{tmp_path}] - stop it, or use another data_dir"


def test_the_folder_is_free_when_the_node_has_gone(make: Make) -> None:
    make()._lock.close()
    make()


def test_a_route_to_an_unknown_plugin_is_refused_before_anything_is_touched(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be used: it is not installed \[route 'films': chest-radiography\]"):
        make(routes=(Route(name="films", plugin="chest-radiography"),))
    assert not (tmp_path / "ledger.db").exists()


def test_routes_to_installed_plugins_are_taken(make: Make) -> None:
    make(routes=(Route(name="films", plugin="chest-radiograph"),))


def test_a_data_folder_that_cannot_be_made_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="the data folder cannot be used: Not a directory"):
        Service(Settings(node=NodeSettings(data_dir=tmp_path / "file" / "data")))


# Workers


class PlayedProcess:
    """A worker process that starts as a test wants."""

    def __init__(self, hello: dict[str, Any] | Exception) -> None:
        self.hello, self.pid, self.starts = hello, None, 0

    def start(self, seconds: float) -> dict[str, Any]:
        self.starts += 1
        if isinstance(self.hello, Exception):
            raise self.hello
        return self.hello


def _keep_alive(node: Service, process: PlayedProcess) -> bool:
    return node._keep_alive(cast(WorkerProcess, process))


def test_a_worker_that_cannot_start_is_logged_and_shown(make: Make) -> None:
    node = make()
    reason = "the worker cannot start: ModuleNotFoundError at engine.py:3: onnxruntime"
    with structlog.testing.capture_logs() as lines:
        assert not _keep_alive(node, PlayedProcess(WorkerDied(reason)))
    assert [(line["event"], line["error"]) for line in lines] == [("worker does not start", reason)]
    assert list(node._ledger.facts.troubles().values()) == [reason]
    assert _keep_alive(node, PlayedProcess({"problems": [], "lacking": []}))
    assert node._ledger.facts.troubles() == {}


def test_a_plugin_that_cannot_be_used_is_shown_and_the_worker_works(make: Make) -> None:
    node = make()
    assert _keep_alive(node, PlayedProcess({"problems": ["chest: weights differ"], "lacking": []}))
    assert list(node._ledger.facts.troubles().values()) == ["chest: weights differ"]


# The loop of a thread


def _loop(node: Service, step: Callable[[], object]) -> list[Any]:
    """Run the step loop in this thread until the step stops it; what was logged."""
    with structlog.testing.capture_logs() as lines:
        node._repeat(step)
    return lines


def test_a_step_that_fails_is_called_again_and_its_text_is_not_logged(make: Make) -> None:
    node, errors = make(), [LedgerBusy("the ledger is locked"), ValueError("PHICANARY")]

    def step() -> bool:
        if errors:
            raise errors.pop(0)
        node._stopping.set()
        return False

    lines = _loop(node, step)
    assert [line["event"] for line in lines] == ["step failed", "step failed"]
    assert lines[0]["error"] == "the ledger is locked"
    assert lines[1]["error"].startswith("ValueError at test_service.py:")


def test_a_step_with_more_to_do_is_called_at_once(make: Make) -> None:
    node, begun, calls = make(), time.monotonic(), [0]

    def step() -> bool:
        calls[0] += 1
        if calls[0] == 50:
            node._stopping.set()
        return True

    _loop(node, step)
    assert calls == [50]
    assert time.monotonic() - begun < 5


def test_a_second_signal_ends_the_node_at_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    node, status = make(), []
    monkeypatch.setattr(os, "_exit", status.append)
    node._on_signal(signal.SIGTERM, None)
    assert status == []
    node._on_signal(signal.SIGTERM, None)
    assert status == [1]


# As processes


@pytest.mark.acceptance
def test_a_node_minds_its_processes_and_keeps_the_settings_it_was_started_with(
    start_node: Callable[..., RunningNode],
) -> None:
    node = start_node()
    node.await_worker()

    second = node.run_cli("serve")
    assert second.returncode == os.EX_CONFIG
    assert "another radnode serves this data folder" in second.stderr

    node.config.write_text("[node]\nport = 'changed while the node runs'")
    for kind in ("receiver", "worker"):
        (old,) = node.pids(kind)
        os.kill(old, signal.SIGKILL)
        until(lambda kind=kind, old=old: set(node.pids(kind)) - {old}, f"another {kind}")  # type: ignore[misc]
    node.restart()
    assert node.stop() == 0
    for kind in ("main", "receiver", "worker"):
        assert node.pids(kind) == []
