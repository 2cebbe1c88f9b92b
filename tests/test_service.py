"""The node as a whole: one for each data folder, and everything it started is minded."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from node import loops
from node.classify.process import WorkerDied, WorkerProcess
from node.config import CriticalRule, Destination, NodeSettings, Route, Settings, load
from node.errors import ConfigError, LedgerBusy
from node.service import Service
from tests.ledger.material import reported
from tests.peers import RunningNode, until

Make = Callable[..., Service]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setattr(loops, "RESTART_SECONDS", 0.01)
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
        self.meanwhile: Callable[[], None] | None = None

    def start(self, seconds: float) -> dict[str, Any]:
        self.starts += 1
        if self.meanwhile:
            self.meanwhile()
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


@pytest.mark.parametrize("hello", [{"problems": [], "lacking": []}, WorkerDied("it is gone")])
def test_while_a_worker_loads_its_plugins_that_is_shown(make: Make, hello: dict[str, Any] | Exception) -> None:
    node, process, seen = make(), PlayedProcess(hello), []
    process.meanwhile = lambda: seen.extend(what for what, _ in node._ledger.facts.doing().values())
    _keep_alive(node, process)
    assert seen == ["loads its plugins"]
    assert node._ledger.facts.doing() == {}


# The loop of a thread


def _loop(node: Service, step: Callable[[], object]) -> list[Any]:
    """Run the step loop in this thread until the step stops it; what was logged."""
    with structlog.testing.capture_logs() as lines:
        node._loops.repeat(step)
    return lines


def test_a_step_that_fails_is_called_again_and_its_text_is_not_logged(make: Make) -> None:
    node, errors = make(), [LedgerBusy("the ledger is locked"), ValueError("PHICANARY")]

    def step() -> bool:
        if errors:
            raise errors.pop(0)
        node._loops.stopping.set()
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
            node._loops.stopping.set()
        return True

    _loop(node, step)
    assert calls == [50]
    assert time.monotonic() - begun < 5


# Reading the configuration again


_FIRST = """\
[node]
data_dir = "."

[[destinations]]
name = "pacs"
kind = "folder"
path = "pacs"

[[routes]]
name = "films"
modality = ["DX"]
plugin = "chest-radiograph"
destinations = ["pacs"]
"""
_SECOND = _FIRST.replace('"pacs"', '"vna"').replace(
    "[[destinations]]", "[study]\nsettled_seconds = 3\n\n[[destinations]]"
)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Service]:
    """A node with its couriers, and without any process."""
    path = tmp_path / "radnode.toml"
    path.write_text(_FIRST)
    node = Service(load(path), path)
    node._dispatch.follow(node._settings, node._dispatch.prepare(node._settings))
    yield node
    node._loops.stopping.set()
    node._changes.stop()
    node._dispatch.stop()
    node._loops.join(time.monotonic() + 5)
    node._lock.close()


def reload(node: Service, text: str) -> dict[str, Any]:
    """What the node answers to a configuration."""
    (node._settings.node.data_dir / "radnode.toml").write_text(text)
    number = node._ledger.reloads.ask()
    node._reloader.step()
    answer = node._ledger.reloads.answer_to(number)
    assert answer is not None
    return answer


def couriers() -> list[str]:
    return sorted(one.name for one in threading.enumerate() if one.name.startswith("courier-"))


def test_a_changed_configuration_counts_for_all_that_follows(serving: Service, tmp_path: Path) -> None:
    worker = threading.Thread(target=serving._work)  # ends when what it was started with counts no more
    serving._keep_alive = lambda worker: False  # type: ignore[method-assign]  # no process is needed for that
    worker.start()
    answer = reload(serving, _SECOND.replace("[node]", "[node]\nport = 104"))
    assert answer["error"] == ""
    assert answer["live"] == [
        "study.settled_seconds",
        "destinations: 'vna' is new",
        "destinations: 'pacs' is gone",
        "routes: 'films' is changed",
    ]
    assert answer["restart"] == ["node.port"]
    worker.join(5)
    assert not worker.is_alive()
    until(lambda: couriers() == ["courier-vna"], "only the new destination has a courier")
    copies = [load(tmp_path / name) for name in ("serving.json", "serving-1.json")]
    assert copies == [serving._serving.settings] * 2, "processes that are started from here on know it"
    assert serving._serving.settings.node.port == 11112
    assert serving._forwarder._lookup._settings is serving._serving.settings, "audit messages say where it is"
    told = serving._ledger.events.latest(1)[0]
    assert (told.action, told.detail["restart"]) == ("configuration read again", ["node.port"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_SECOND.replace("modality", "modalty"), "radnode.toml:14: routes.0.modalty: unknown key"),
        (_SECOND.replace("chest-radiograph", "chest"), "the plugin cannot be used: it is not installed [route 'films'"),
        ("[node", "the configuration is no TOML"),
    ],
)
def test_a_wrong_configuration_leaves_everything_as_it_was(
    serving: Service, tmp_path: Path, text: str, message: str
) -> None:
    before = serving._serving
    answer = reload(serving, text)
    assert message in answer["error"]
    assert (answer["live"], answer["restart"]) == ([], [])
    assert serving._serving is before
    assert couriers() == ["courier-pacs"]
    assert not list(tmp_path.glob("serving-*.json"))
    assert "configuration read again" not in [event.action for event in serving._ledger.events.latest(9)]


def test_what_waits_for_a_destination_that_is_gone_is_named(serving: Service) -> None:
    serving._dispatch.stop()
    until(lambda: couriers() == [], "nobody delivers")
    reported(serving._ledger)
    assert reload(serving, _SECOND)["left"] == ["2 objects wait for 'pacs', which is no destination any more"]


def test_the_same_configuration_changes_nothing(serving: Service) -> None:
    before = serving._serving
    answer = reload(serving, _FIRST)
    assert (answer["error"], answer["live"], answer["restart"]) == ("", [], [])
    assert serving._serving is before


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
