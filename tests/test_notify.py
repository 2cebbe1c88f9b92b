"""What a service manager is told, read by a socket such as it has."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.notify import Manager


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(2)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def test_it_is_told_and_no_child_can_speak_in_its_name(heard: socket.socket) -> None:
    manager = Manager()
    assert "NOTIFY_SOCKET" not in os.environ
    manager.ready()
    assert heard.recv(200) == b"READY=1\nSTATUS=serving"
    manager.stopping()
    assert heard.recv(200).startswith(b"STOPPING=1")


def test_signs_of_life_come_twice_in_the_time_that_is_given(
    heard: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    manager = Manager()
    end, told = time.monotonic() + 0.5, 0
    while time.monotonic() < end:
        manager.alive()
        time.sleep(0.005)
    heard.setblocking(False)
    while True:
        try:
            assert heard.recv(200) == b"WATCHDOG=1"
        except BlockingIOError:
            break
        told += 1
    assert 2 <= told <= 6


@pytest.mark.parametrize("pid", ["1", "x"])
def test_a_watchdog_of_another_process_is_not_answered(
    heard: socket.socket, monkeypatch: pytest.MonkeyPatch, pid: str
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    monkeypatch.setenv("WATCHDOG_PID", pid)
    Manager().alive()
    heard.setblocking(False)
    with pytest.raises(BlockingIOError):
        heard.recv(200)


def test_an_abstract_socket_is_spoken_to(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"radnode-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(2)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        Manager().ready()
        assert listener.recv(200).startswith(b"READY=1")


def test_without_a_manager_and_with_one_that_is_gone_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Manager().ready()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    Manager().ready()
