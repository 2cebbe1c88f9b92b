"""HTTP as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from node.ledger import Ledger
from tests.peers.ports import free_port


@pytest.fixture
def config(tmp_path: Path) -> tuple[Path, int]:
    port = free_port()
    path = tmp_path / "radnode.toml"
    path.write_text(f"[node]\ndata_dir = '.'\n[web]\nenabled = true\nport = {port}\n")
    Ledger(tmp_path / "ledger.db").close()
    return path, port


@pytest.fixture
def process(config: tuple[Path, int]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "node.web", str(config[0]), "--lifeline"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        yield started
        started.kill()


def test_it_says_where_it_listens_answers_and_ends_with_its_lifeline(
    process: subprocess.Popen[str], config: tuple[Path, int]
) -> None:
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == f"listening 127.0.0.1 {config[1]}\n"
    assert requests.get(f"http://127.0.0.1:{config[1]}/healthz", timeout=10).status_code == 200
    process.stdin.close()
    assert process.wait(15) == 0


def test_sigterm_ends_it(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) in (0, -signal.SIGTERM)


def test_a_port_in_use_is_said_in_plain_words(process: subprocess.Popen[str], config: tuple[Path, int]) -> None:
    assert process.stdout is not None
    process.stdout.readline()
    second = subprocess.run(
        [sys.executable, "-m", "node.web", str(config[0])], capture_output=True, text=True, timeout=30, check=False
    )
    assert second.returncode == 1
    assert f"the port cannot be used: Address already in use [127.0.0.1:{config[1]}]" in second.stderr
