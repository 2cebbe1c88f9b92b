"""The program as a process: exit statuses that a script can rely on, and no library that makes people wait."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
import structlog

from node import config
from node.cli.program import COMMANDS
from node.logs import on_stderr
from node.offline import Bench
from tests.cli.conftest import Site
from tests.peers import Hospital, until

ROOT = Path(__file__).parents[2]
MODELS = {"torch", "monai", "onnxruntime", "highdicom"}
HEAVY = MODELS | {"numpy", "pydicom", "pynetdicom", "apscheduler", "structlog", "requests", "PIL"}

_MODULES = {f"node.cli.{module}" for module, _ in COMMANDS.values()}

_RUN = """\
import json, sys
from typer.testing import CliRunner
from node.cli.app import app
for command in json.loads(sys.argv[1]):
    CliRunner().invoke(app, command)
print(json.dumps([name for name, module in sys.modules.items() if module]))
"""


def radnode(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=60)


def _loaded_by(*commands: list[str]) -> set[str]:
    """Top-level modules that these commands load, one after the other in one process."""
    arguments = [sys.executable, "-c", _RUN, json.dumps(commands)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=ROOT, timeout=120)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_commands_that_people_wait_for_load_nothing_heavy(site: Site) -> None:
    config = ["-c", str(site.config)]
    found = _loaded_by(
        ["--help"],
        ["status", *config],
        ["studies", *config],
        ["studies", "show", site.answered, *config],
        ["trail", site.answered, *config],
        ["why", site.answered, *config],
        ["why", site.ignored, *config],
        ["queue", *config],
        ["queue", "hold", "999", *config],
        ["plugins", "list"],
        ["plugins", "show", "chest-radiograph"],
        ["config", "check", *config],
        ["config", "show", *config],
    )
    assert not found & HEAVY


def test_a_command_loads_no_other(site: Site) -> None:
    program = "import sys\nfrom node.cli import main\ntry: main()\nfinally: print(*sys.modules)"
    command = [sys.executable, "-c", program, "status", "-c", str(site.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert done.returncode == 2, done.stderr
    assert {"status"} == {name.removeprefix("node.cli.") for name in done.stdout.split() if name in _MODULES}


def test_no_command_loads_a_model_library(site: Site, tmp_path: Path) -> None:
    config = ["-c", str(site.config)]
    found = _loaded_by(
        ["doctor", *config],
        ["plugins", "verify"],
        ["echo", "pacs", *config],
        ["send", str(tmp_path / "radnode.toml"), "--to", "pacs", *config],
        ["route", "explain", str(tmp_path / "radnode.toml"), *config],
        ["run", str(tmp_path / "radnode.toml"), "--plugin", "chest-radiograph", "--out", str(tmp_path / "out")],
        ["demo", "--folder", str(tmp_path)],  # refused: the folder is somebody's
    )
    assert not found & MODELS
    assert "node" in found


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--version",), 0, "radnode 0."),
        (("--help",), 0, "studies"),
        (("statu",), os.EX_USAGE, "No such command"),
        (("status", "--jsn"), os.EX_USAGE, "No such option"),
        (("status", "-c", "nowhere.toml"), os.EX_CONFIG, "radnode: the configuration cannot be read"),
        (("plugins", "show", "nothing"), os.EX_DATAERR, "there is no such plugin [nothing] - installed are: "),
    ],
)
def test_exit_statuses_are_those_of_sysexits(arguments: tuple[str, ...], status: int, message: str) -> None:
    done = radnode(*arguments)
    assert done.returncode == status
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_down_and_a_wrong_command_line_are_told_apart(site: Site) -> None:
    assert radnode("status", "-c", str(site.config)).returncode == 2
    assert radnode("status", "--nonsense").returncode == os.EX_USAGE


@pytest.mark.parametrize("command", [("man",), ("studies",)])
def test_who_has_seen_enough_of_it_is_no_error(site: Site, command: tuple[str, ...]) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    words = [sys.executable, "-m", "node", *command, *(("-c", str(site.config)) if command == ("studies",) else ())]
    done = subprocess.run(words, stdout=writes, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT, timeout=60)
    os.close(writes)
    assert (done.returncode, done.stderr) == (1, "")


def test_what_a_command_logs_is_not_among_what_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    on_stderr()
    log = structlog.get_logger()
    log.debug("new", why="")
    log.warning("set aside", why="torn")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line.split()[-1] for line in printed.err.splitlines()] == ["why=torn"]


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_name_that_the_terminal_has_no_letters_for_is_shown_all_the_same(
    site: Site, more: tuple[str, ...], hospital: Hospital
) -> None:
    bench = Bench(site.config.parent, config.load(site.config))
    film = hospital.film(9)
    ds = pydicom.dcmread(film)
    ds.SpecificCharacterSet, ds.PatientName = "ISO_IR 192", "Müller^Žofia"
    ds.save_as(film)
    bench.take([film])
    bench.ledger.close()
    command = [sys.executable, "-m", "node", "studies", "--phi", *more, "-c", str(site.config)]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, capture_output=True, check=True, cwd=ROOT, env=environment, timeout=60)
    assert "Müller^\\u017dofia" in done.stdout.decode("latin-1")


def test_a_full_disk_that_it_prints_to_is_told_in_a_line(site: Site) -> None:
    command = [sys.executable, "-m", "node", "studies", "-c", str(site.config)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT, timeout=60
        )
    assert done.returncode == os.EX_IOERR
    assert done.stderr == "radnode: No space left on device [standard output]\n"


# Watching


class Watched:
    """`radnode status --watch` on a terminal of its own."""

    def __init__(self, site: Site) -> None:
        self._screen, ours = pty.openpty()
        command = [sys.executable, "-m", "node", "status", "--watch", "0.2", "-c", str(site.config)]
        environment = {**os.environ, "TERM": "xterm"}
        self.process = subprocess.Popen(command, stdin=ours, stdout=ours, stderr=ours, cwd=ROOT, env=environment)
        os.close(ours)
        self.text = ""

    def shows(self, words: str) -> bool:
        if words not in self.text:
            self.text += os.read(self._screen, 65536).decode(errors="replace")
        return words in self.text

    def ends_with(self) -> int:
        until(lambda: self.shows("\x1b[?1049l"), "the terminal is as it was")
        status = self.process.wait(10)
        os.close(self._screen)
        return status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_screen_follows_the_node_until_it_is_told_to_end(site: Site, number: int) -> None:
    watched = Watched(site)
    until(lambda: watched.shows("(not running): down"), "the node is down")
    site.ledger.facts.beat(os.getpid())
    until(lambda: watched.shows(f"(pid {os.getpid()}): degraded"), "the node is degraded")
    os.kill(watched.process.pid, number)
    assert watched.ends_with() == 1


def test_who_watches_without_a_terminal_gets_one_screen(site: Site) -> None:
    done = radnode("status", "--watch", "1", "-c", str(site.config))
    assert done.returncode == 2
    assert done.stdout.count("(not running): down") == 1
    assert "last image 20" in done.stdout
    assert "\x1b" not in done.stdout


def test_seconds_without_watching_are_a_mistake(site: Site) -> None:
    assert radnode("status", "5", "-c", str(site.config)).returncode == os.EX_USAGE


def test_a_reader_that_goes_away_is_no_error(site: Site) -> None:
    command = f"{sys.executable} -m node plugins list | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_no_demonstration_is_never_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("the only copy")
    done = radnode("demo", "--folder", str(tmp_path))
    assert done.returncode == os.EX_DATAERR
    assert "holds something else" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "the only copy"
