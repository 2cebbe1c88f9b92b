"""This machine once more, under systemd: its own files, where what is changed is forgotten, and no network."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deployment.wheelhouse import ROOT
from tests.peers import until

#: Where the machine has the Python of the tests, what its packages are, and this repository, wherever they are here: a
#: service does not see anybody's home (ProtectHome).
PYTHON, NEIGHBOURS, SOURCE = "/opt/python", "/opt/neighbours", "/opt/source"
_TARGET = "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n"
_MASKED = ("systemd-firstboot.service", "timers.target")


class Machine:
    """Args: root: its files, as seen from here; leader: its process 1, as numbered here."""

    def __init__(self, root: Path, leader: int) -> None:
        self.root, self._leader = root, leader

    def run(self, *command: str, status: int | None = 0) -> str:
        """A command on it, as root; what it says. Args: status: it must end with; None: any."""
        there = ["nsenter", f"--target={self._leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--"]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "PYTHON": f"{PYTHON}/bin/python3"}
        done = subprocess.run(
            [*there, *command], capture_output=True, text=True, env=environment, check=False, timeout=300
        )
        said = done.stdout + done.stderr
        assert status in (None, done.returncode), f"{command} ended with {done.returncode}:\n{said}\n{self._journal()}"
        return said

    def shows(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def _journal(self) -> str:
        there = ["nsenter", f"--target={self._leader}", "--mount", "--pid", "--"]
        done = subprocess.run(
            [*there, "journalctl", "--no-pager", "-n", "60"], capture_output=True, text=True, check=False
        )
        return done.stdout


@contextmanager
def booted(folder: Path) -> Iterator[Machine]:
    """Such a machine; skips the test where it cannot be. Args: folder: to be used, and left empty."""
    if os.geteuid() != 0:
        pytest.skip("a machine under systemd needs root")
    nspawn = shutil.which("systemd-nspawn")
    if nspawn is None:
        pytest.skip("systemd-nspawn is not installed (Debian: systemd-container)")
    folder.mkdir()
    with _overlay(folder) as root:
        _furnish(root)
        binds = [f"--bind-ro={here}:{there}" for here, there in _bound().items()]
        options = ["--machine=radnode-test", "--private-network", "--register=no", "--keep-unit", "--console=pipe"]
        with (folder / "console").open("wb") as console:
            nspawned = subprocess.Popen(
                [nspawn, f"--directory={root}", *options, *binds, "--boot", "systemd.unit=radnode-test.target"],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        try:
            machine = Machine(root, _leader(nspawned, folder / "console"))
            until(lambda: _is_up(machine), lambda: (folder / "console").read_text(errors="replace")[-2000:])
            machine.run("ldconfig")
            yield machine
        finally:
            _halt(nspawned)


def _bound() -> dict[str, str]:
    return {sys.base_prefix: PYTHON, sysconfig.get_paths()["purelib"]: NEIGHBOURS, str(ROOT): SOURCE}


@contextmanager
def _overlay(folder: Path) -> Iterator[Path]:
    """The files of this machine, and what is changed in memory."""
    root = folder / "root"
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here: a container without CAP_SYS_ADMIN?")
    try:
        for name in ("changed", "work", "root"):
            (folder / name).mkdir()
        layers = f"lowerdir=/,upperdir={folder / 'changed'},workdir={folder / 'work'}"
        done = subprocess.run(
            ["mount", "-t", "overlay", "overlay", "-o", layers, str(root)], check=False, capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"no overlay of / can be mounted here: {done.stderr.strip()}")
        try:
            yield root
        finally:
            subprocess.run(["umount", "--lazy", str(root)], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _furnish(root: Path) -> None:
    """A target with nothing but the base system, whatever is installed here."""
    units = root / "etc/systemd/system"
    (units / "radnode-test.target").write_text(_TARGET, encoding="ascii")
    for name in _MASKED:
        masked = units / name
        masked.unlink(missing_ok=True)
        masked.symlink_to("/dev/null")
    for place in ("opt/radnode", "etc/radnode", "var/lib/radnode"):
        shutil.rmtree(root / place, ignore_errors=True)
    (root / "etc/ld.so.conf.d/00-python.conf").write_text(f"{PYTHON}/lib\n", encoding="ascii")  # it is elsewhere now
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n", encoding="ascii")


def _leader(nspawned: subprocess.Popen[bytes], console: Path) -> int:
    children = Path(f"/proc/{nspawned.pid}/task/{nspawned.pid}/children")
    found: list[str] = []

    def is_there() -> bool:
        if nspawned.poll() is not None:
            pytest.skip(f"no machine boots here: {console.read_text(errors='replace')[-500:]}")
        found[:] = children.read_text().split()
        return any(Path(f"/proc/{pid}/comm").read_text().strip() == "systemd" for pid in found)

    until(is_there, "systemd runs")
    return next(int(pid) for pid in found if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd")


def _is_up(machine: Machine) -> bool:
    return machine.run("systemctl", "is-active", "radnode-test.target", status=None).strip() == "active"


def _halt(nspawned: subprocess.Popen[bytes]) -> None:
    nspawned.send_signal(signal.SIGTERM)  # it tells process 1 to power off
    try:
        nspawned.wait(20)
    except subprocess.TimeoutExpired:
        nspawned.kill()
        nspawned.wait()
