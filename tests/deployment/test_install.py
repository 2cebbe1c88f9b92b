"""Installing from a wheelhouse, upgrading and going back, with real environments; the wheels hold the node alone.

What it needs comes from the environment of the tests, by a wheel that names its folder: `pip` runs as always.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.ledger import Ledger
from node.ledger.steps import VERSION
from tests.deployment.wheelhouse import ROOT, house

pytestmark = pytest.mark.slow

INSTALL = ROOT / "deploy" / "install.sh"
#: A step that only a later program knows.
LATER = "\nVERSION += 1\nSTEPS[VERSION] = 'CREATE TABLE tomorrow (x TEXT)'\n"


@dataclass
class Machine:
    """Where it is installed, and a node that has worked."""

    folder: Path

    @property
    def prefix(self) -> Path:
        return self.folder / "opt"

    @property
    def config(self) -> Path:
        return self.folder / "radnode.toml"

    @property
    def ledger(self) -> Path:
        return self.folder / "data" / "ledger.db"

    def install(self, *arguments: str | Path, status: int = 0) -> str:
        """The script; what it says."""
        environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": "", "PIP_NO_INDEX": "1"}
        command = [str(INSTALL), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=300)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def upgrade(self, house: Path, status: int = 0) -> str:
        return self.install("upgrade", house, self.prefix, self.config, status=status)

    def roll_back(self, *options: str, status: int = 0) -> str:
        return self.install("rollback", self.prefix, self.config, *options, status=status)

    def current(self) -> str:
        return (self.prefix / "current").readlink().name.partition("-")[0]

    def version(self) -> int:
        """Of the ledger."""
        connection = sqlite3.connect(self.ledger)
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        connection.close()
        return int(found)

    def actions(self) -> list[str]:
        connection = sqlite3.connect(self.ledger)
        found = [action for (action,) in connection.execute("SELECT action FROM events ORDER BY id")]
        connection.close()
        return found

    def happens(self, action: str) -> None:
        """By the program that is current."""
        program = "import sys; from pathlib import Path; from node.ledger import Ledger\n"
        program += "Ledger(Path(sys.argv[1])).events.add(sys.argv[2])"
        environment = {**os.environ, "PYTHONPATH": ""}
        command = [str(self.prefix / "current" / "bin" / "python"), "-c", program, str(self.ledger), action]
        subprocess.run(command, check=True, env=environment, cwd=self.folder)


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("houses")
    later = ("node/ledger/steps.py", "", LATER)
    last = "    yield from neighbours(settings)\n"
    more = ("node/cli/doctor.py", last, f'{last}    yield "clock of the archive", False, "an hour late"\n')
    packed = ("node/cli/doctor.py", last, f'{last}    yield "codec HTJ2K", False, "missing"\n')
    return {
        "1.0": house(folder / "first", "1.0"),
        "1.1": house(folder / "second", "1.1", later, more),
        "1.2": house(
            folder / "broken", "1.2", later, more, packed, ("node/cli/doctor.py", '"jpeg_ls"', '"no_such_module"')
        ),
    }


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, houses: dict[str, Path]) -> Machine:
    """With version 1.0; tests of this file follow one another on it."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    said = machine.install("install", houses["1.0"], machine.prefix)
    assert "current is 1.0-" in said
    machine.config.write_text('[node]\ndata_dir = "data"\nport = 11119\n[worker]\nplugins = []\n')
    machine.ledger.parent.mkdir()
    ledger = Ledger(machine.ledger)
    ledger.events.add("received")
    ledger.close()
    return machine


def test_a_wheelhouse_that_was_changed_is_refused(houses: dict[str, Path], machine: Machine, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    for path in houses["1.1"].iterdir():
        (bad / path.name).write_bytes(path.read_bytes())
    (bad / "more-1-py3-none-any.whl").write_bytes(b"x")
    assert "more-1-py3-none-any.whl is not in SHA256SUMS" in machine.upgrade(bad, status=1)
    (bad / "MANIFEST").write_text((bad / "MANIFEST").read_text().replace("python 3", "python 2"))
    assert "a file is not the one that was made" in machine.upgrade(bad, status=1)
    assert machine.current() == "1.0"


def test_a_node_that_runs_otherwise_is_not_touched(houses: dict[str, Path], machine: Machine) -> None:
    with (machine.ledger.parent / "serve.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "stop it first" in machine.upgrade(houses["1.1"], status=1)
    assert (machine.current(), machine.version()) == ("1.0", VERSION)


def test_a_version_that_finds_more_wrong_is_not_taken(houses: dict[str, Path], machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 11119)):  # so that doctor asks the ledger whether it is its own node's
        said = machine.upgrade(houses["1.2"], status=1)
    assert "is the copy now" in said, "the ledger was brought up to date, and taken back"
    refusal = said.partition("finds wrong what 1.0-")[2]
    assert "codec JPEG-LS: missing" in refusal, "what the old version found right"
    assert "codec HTJ2K: missing" in refusal, "what only the new one looks at, and brings itself"
    assert "clock of the archive" not in refusal, "what is around the node, and was no better before"
    assert "port " not in refusal, "another program has the port, in the old version's eyes, too"
    assert (machine.current(), machine.version()) == ("1.0", VERSION)
    assert machine.actions()[0] == "received"


def test_forth_and_back_as_long_as_nothing_has_happened(houses: dict[str, Path], machine: Machine) -> None:
    said = machine.upgrade(houses["1.1"])
    assert "current is 1.1-" in said
    assert "clock of the archive: an hour late" in said.partition("the upgrade has not changed")[2], "it is told"
    assert machine.current() == "1.1"
    machine.happens("node started")
    assert machine.version() == VERSION + 1
    assert "nothing happened since" in machine.roll_back()
    assert (machine.current(), machine.version()) == ("1.0", VERSION)
    assert machine.actions()[0] == "received"


def test_what_would_be_lost_is_said_first_and_kept_beside(houses: dict[str, Path], machine: Machine) -> None:
    machine.upgrade(houses["1.1"])
    machine.happens("received")
    machine.happens("critical finding acknowledged")
    said = machine.roll_back(status=1)
    assert "again       1 received" in said
    assert "lost        1 critical finding acknowledged" in said
    assert (machine.current(), machine.version()) == ("1.1", VERSION + 1)
    machine.roll_back("--accept-loss")
    assert (machine.current(), machine.version()) == ("1.0", VERSION)
    assert "critical finding acknowledged" not in machine.actions()
    newest = max(machine.ledger.parent.glob("ledger.db.before-????????-??????"), key=lambda path: path.stat().st_mtime)
    machine.ledger.unlink()
    newest.rename(machine.ledger)
    assert "critical finding acknowledged" in machine.actions()
