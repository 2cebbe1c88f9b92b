"""deploy/radnode.service: what systemd itself says of it, and the node under a manager that listens."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers import RunningNode, system_program

pytestmark = [pytest.mark.acceptance, pytest.mark.integration]

UNIT = Path(__file__).parents[2] / "deploy" / "radnode.service"
#: Of `systemd-analyze security`, in tenths: below 2 it says OK.
EXPOSURE = 20


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("radnode")
    here = tmp_path / "radnode.service"
    here.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/radnode/current/bin/radnode", str(program)))
    analyze = str(system_program("systemd-analyze"))
    done = subprocess.run([analyze, "verify", str(here)], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "radnode.service" in line]) == (0, [])
    asked = [analyze, "security", "--offline=true", f"--threshold={EXPOSURE}", str(here)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-300:]


def test_the_manager_hears_when_peers_are_answered_and_when_it_ends(
    start_node: Callable[..., RunningNode], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "2000000")
        node = start_node()
        heard = [manager.recv(200)]
        while not heard[-1].startswith(b"READY=1"):
            heard.append(manager.recv(200))
        assert set(heard[:-1]) <= {b"WATCHDOG=1"}
        assert manager.recv(200) == b"WATCHDOG=1"
        assert node.stop() == 0
        while not heard[-1].startswith(b"STOPPING=1"):
            heard.append(manager.recv(200))
