"""Processes that the main process minds: one that ends is replaced, and shown."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from node import children
from node.children import Children, commands_of, held
from node.config import NodeSettings, ReceiveSettings, Settings, WatchedFolder, WebSettings, frozen
from node.ledger import Ledger
from node.spool import write_once
from tests.peers import until
from tests.peers.ports import free_port

SLEEPER = [sys.executable, "-c", "import sys; sys.stdin.read()"]  # ends with its lifeline
FAILING = [sys.executable, "-c", "raise SystemExit(3)"]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    one = Ledger(tmp_path / "ledger.db")
    yield one
    one.close()


def ended(running: Children) -> bool:
    return any(process.poll() is not None for process in running._running)


def test_only_what_the_settings_ask_for_is_started(tmp_path: Path) -> None:
    plain, copy = Settings(), tmp_path / "serving.json"
    assert [name for name, _ in commands_of(plain, copy)] == ["receiver"]
    inputs = (WatchedFolder(name="EXPORT", path=tmp_path),)
    all_ = Settings(inputs=inputs, web=WebSettings(enabled=True), receive=ReceiveSettings(processes=2))
    commands = commands_of(all_, copy)
    assert [name for name, _ in commands] == ["receiver", "receiver", "intake", "web"]
    assert [command[2] for _, command in commands] == ["node.receive", "node.receive", "node.intake", "node.web"]
    assert {tuple(command[3:]) for _, command in commands} == {(str(copy), "--lifeline", "--held")}


def test_one_that_ended_is_replaced_and_its_trouble_shown_until_it_is_well(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Children([("receiver", SLEEPER), ("web", FAILING)], ledger)
    running.start()
    until(lambda: ended(running), "it fails")
    running._commands = [("receiver", SLEEPER), ("web", SLEEPER)]
    with structlog.testing.capture_logs() as lines:
        assert running.mind()
    assert [(line["event"], line["exit_status"]) for line in lines] == [("web ended, starting another", 3)]
    assert ledger.facts.troubles() == {"web": "it ended with exit status 3: see the log"}
    assert not running.mind()
    assert ledger.facts.troubles() != {}, "it has not lived long"
    monkeypatch.setattr(children, "_WELL_SECONDS", 0.0)
    assert not running.mind()
    assert ledger.facts.troubles() == {}
    running.terminate()
    running.end(time.monotonic() + 5)


def test_who_does_not_end_in_time_is_killed(ledger: Ledger) -> None:
    deaf = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); print(1); time.sleep(60)"]
    running = Children([("receiver", deaf)], ledger)
    running.start()
    time.sleep(0.5)
    running.terminate()
    running.end(time.monotonic() + 0.2)
    assert ended(running)


def test_they_end_with_their_lifeline(ledger: Ledger) -> None:
    running = Children([("receiver", SLEEPER)], ledger)
    running.start()
    children._let_go(running._running[0])
    until(lambda: ended(running), "it ends by itself")
    running.end(time.monotonic() + 1)


def test_those_that_are_held_do_nothing_before_they_are_let_go(ledger: Ledger, tmp_path: Path) -> None:
    settings = Settings(node=NodeSettings(data_dir=tmp_path, port=free_port()))
    running = Children(commands_of(settings, settings.serving_path), ledger, held(settings))
    (process,) = running._running
    time.sleep(0.3)
    assert process.poll() is None, "it does not miss its settings, which are not there yet"
    write_once(settings.serving_path, frozen(settings))
    running.start()
    until(lambda: answers(settings.node.port), "it listens")
    assert running._running == [process]
    running.terminate()
    running.end(time.monotonic() + 10)


def answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_those_that_are_held_end_with_who_started_them(ledger: Ledger, tmp_path: Path) -> None:
    (process,) = held(Settings(node=NodeSettings(data_dir=tmp_path / "none")))
    children._let_go(process)
    assert process.wait(20) == 0
    assert not (tmp_path / "none").exists()


def test_associations_of_one_that_ended_hold_no_study_open(ledger: Ledger) -> None:
    running = Children([("receiver", FAILING)], ledger)
    running.start()
    (process,) = running._running
    with ledger._database.write() as connection:
        connection.execute(
            "INSERT INTO associations (association, calling_ae, called_ae, peer, receiver, opened_at)"
            " VALUES ('a', 'X', 'Y', '127.0.0.1', ?, 0)",
            (process.pid,),
        )
    until(lambda: ended(running), "it fails")
    running.mind()
    (row,) = ledger._database.read("SELECT ending FROM associations")
    assert row["ending"] == "the receiver ended"
    running.kill()
    running.end(time.monotonic() + 1)


def test_who_was_signed_in_at_one_that_ended_is_signed_out(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    running = Children([("web", FAILING)], ledger)
    running.start()
    (process,) = running._running
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: process.pid)
        ledger.sessions.begin("ann", "10.0.0.7")
    ledger.sessions.begin("bob", "10.0.0.7")
    until(lambda: ended(running), "it fails")
    running.mind()
    (last,) = ledger.events.latest(1)
    assert (last.action, last.detail["token"]) == ("signed out of the dashboard", "ann")
    assert last.detail["reason"] == "the web process ended"
    running.kill()
    running.end(time.monotonic() + 1)


def test_what_a_killed_command_was_receiving_is_open_no_longer(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(20)
    ledger.arrivals.open_association("mine", "CT", "RADNODE", "127.0.0.1")
    monkeypatch.setattr(os, "getpid", lambda: gone.pid)
    ledger.arrivals.open_association("its", "CT", "RADNODE", "127.0.0.1")
    monkeypatch.undo()
    Children([], ledger).mind()
    assert ledger.arrivals.receivers() == [os.getpid()]
