"""The signals that stop the node, from its first moment on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from node.stopping import Stop, spared
from tests.peers import until
from tests.peers.ports import free_port
from tests.peers.processes import naming


def test_the_first_signal_asks_and_a_second_one_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stop, seen = Stop(), list[object]()
    stop.at_once = lambda: seen.append("killed")
    monkeypatch.setattr(os, "_exit", seen.append)
    stop.hear(signal.SIGTERM, None)
    assert stop.asked.is_set()
    assert seen == []
    stop.hear(signal.SIGINT, None)
    assert seen == ["killed", 1]


def test_who_is_spared_outlives_a_ctrl_c_and_who_started_it_does_not() -> None:
    with spared():
        process = subprocess.Popen(["sleep", "60"])
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    process.terminate()
    assert process.wait(5) == -signal.SIGTERM
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.fixture
def serve(tmp_path: Path) -> Callable[[], subprocess.Popen[str]]:
    config = tmp_path / "radnode.toml"
    (tmp_path / "in").mkdir()
    config.write_text(
        f'[node]\ndata_dir = "{tmp_path}/data"\nport = {free_port()}\n[web]\nenabled = true\nport = {free_port()}\n'
        f'[[inputs]]\nname = "in"\npath = "{tmp_path}/in"\n'
    )
    command = [sys.executable, "-m", "node", "serve", "-c", str(config)]
    return lambda: subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True)


def test_a_ctrl_c_while_its_processes_load_is_one_line(
    serve: Callable[[], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = serve()
    until(lambda: len(naming(f"{tmp_path}{os.sep}")) == 4, "receiver, intake and web have been started")
    time.sleep(0.2)  # they load their code, and so does the main process
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert [json.loads(line)["action"] for line in said.splitlines()] == ["stopped"]
    assert not (tmp_path / "data" / "serving.json").exists(), "nothing was begun"
    until(lambda: not naming(f"{tmp_path}{os.sep}"), "none of them is left")


INTERRUPTING = "threading.Timer({seconds}, os.kill, (os.getpid(), signal.SIGINT)).start(); main()"


@pytest.mark.parametrize(("command", "seconds"), [("serve", 0.02), ("status --watch 1 --json", 0.02)])
def test_a_ctrl_c_while_the_program_loads_leaves_one_line(command: str, seconds: float, tmp_path: Path) -> None:
    program = "import os, signal, sys, threading; from node.cli import main; " + INTERRUPTING.format(seconds=seconds)
    command_line = [sys.executable, "-c", program, *command.split()]
    with subprocess.Popen(command_line, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as one:
        assert one.wait(30) == 130
        assert one.stderr is not None
        assert one.stderr.read().split() == ["radnode:", "interrupted"]


def test_whoever_ignores_a_ctrl_c_goes_on(tmp_path: Path) -> None:
    program = "import os, signal, sys, threading; signal.signal(2, signal.SIG_IGN); from node.cli import main; "
    command = [sys.executable, "-c", program + INTERRUPTING.format(seconds=0.02), "--version"]
    assert subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stderr == b""
