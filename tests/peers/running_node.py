"""The node as an operator runs it: a configuration file and `radnode serve`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from node.ledger import Event, Ledger, StudyRow
from node.states import StudyState
from tests.peers import dcmtk, processes
from tests.peers.ports import free_port
from tests.peers.waiting import until

Table = Mapping[str, Any]  # TOML's edge
ENDED = frozenset({StudyState.CLOSED, StudyState.IGNORED, StudyState.QUARANTINED})
#: As they appear on the command lines of the node's processes.
KINDS = {
    "main": "-m node serve",
    "receiver": "-m node.receive",
    "worker": "-m node.worker",
    "intake": "-m node.intake",
    "web": "-m node.web",
}


class RunningNode:
    """One node.

    Args:
        folder: of its configuration, data and log.
        destinations, routes, critical, peers, inputs, fetch: tables as in the configuration file.
        plugins: that its workers load; fewer start faster.
        python_path: folders with further plugins.
        python: of the installation that runs it; None: of the tests.
        settings: further sections, merged over quick ones.
    """

    def __init__(
        self,
        folder: Path,
        *,
        destinations: Sequence[Table] = (),
        routes: Sequence[Table] = (),
        critical: Sequence[Table] = (),
        peers: Sequence[Table] = (),
        inputs: Sequence[Table] = (),
        fetch: Sequence[Table] = (),
        worklists: Sequence[Table] = (),
        plugins: Sequence[str] = ("brightness",),
        python_path: Sequence[Path] = (),
        python: Path | None = None,
        **settings: Table,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port, self.ae_title = folder, free_port(), "RADNODE"
        self.config, self.data, self.log_path = folder / "radnode.toml", folder / "data", folder / "node.log"
        quick: dict[str, dict[str, Any]] = {
            "node": {"port": self.port, "data_dir": "data"},
            "study": {"quiet_seconds": {"default": 0.5}, "settled_seconds": 0.3, "missing_wait_seconds": 1},
            "storage": {"min_free_mb": 1},
            "worker": {"plugins": list(plugins), "decode_seconds": 60},
            "retry": {"first_seconds": 0.2, "longest_seconds": 2},
        }
        for section, table in settings.items():
            quick[section] = {**quick.get(section, {}), **table}
        tables = {
            "destinations": destinations,
            "routes": routes,
            "critical": critical,
            "peers": peers,
            "inputs": inputs,
            "fetch": fetch,
            "worklists": worklists,
        }
        self.config.write_text(_toml(quick, **tables), encoding="utf-8")
        self._environment, self._python = dict(os.environ), str(python or sys.executable)
        if python:
            self._environment.pop("PYTHONPATH", None)
        if python_path:
            self._environment["PYTHONPATH"] = os.pathsep.join(map(str, python_path))
        self._process: subprocess.Popen[bytes] | None = None
        self._ledger: Ledger | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.clean_up()

    # Life and death

    def start(self) -> None:
        """Run `radnode serve` until it answers C-ECHO."""
        with self.log_path.open("ab") as log:
            self._process = processes.start(
                [self._python, "-m", "node", "serve", "-c", str(self.config)],
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        until(self._answers, lambda: f"the node answers C-ECHO; its log:\n{self.log()[-3000:]}")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the node ended with {self._process.returncode}:\n{self.log()[-3000:]}"
        return bool(self.pids("receiver")) and dcmtk.answers(self.port, self.ae_title)

    def await_worker(self) -> None:
        """Until its worker has loaded its plugins."""
        until(self._worker_is_ready, lambda: f"a worker is ready; the node's log:\n{self.log()[-3000:]}")

    def _worker_is_ready(self) -> bool:
        said = [line for line in self.log().splitlines() if "worker ready" in line]
        return any(f'"pid": {pid},' in line for pid in self.pids("worker") for line in said)

    def stop(self, seconds: float = 40) -> int:
        """SIGTERM to the main process, as a supervisor does; its exit status."""
        assert self._process is not None
        self._process.terminate()
        status = self._process.wait(seconds)
        self._process = None
        return status

    def kill(self, which: str) -> None:
        """kill -9. Args: which: `main`, `receiver`, `worker`, or `group` for all of them at once."""
        kinds = list(KINDS) if which == "group" else [which]
        if which == "group" and self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)  # those in sessions of their own follow
        pids = [pid for kind in kinds for pid in self.pids(kind)]
        processes.kill(pids)
        if self._process is not None and "main" in kinds:
            self._process.wait(10)
            self._process = None
        until(lambda: not set(pids) & set(self.processes()), f"{which} is gone")

    def restart(self) -> None:
        """As a supervisor does after the main process ended; the node minds its other processes itself."""
        if self._process is None:
            self.start()
        else:
            until(self._answers, "the node answers again")

    def processes(self) -> dict[int, str]:
        """pid -> command line of everything that runs on files in its folder."""
        return processes.naming(f"{self.folder}{os.sep}")

    def pids(self, kind: str) -> list[int]:
        """Of its processes of one kind, see KINDS."""
        return [pid for pid, line in self.processes().items() if KINDS[kind] in line]

    def clean_up(self) -> None:
        """Nothing of it is left running."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None
        processes.kill(list(self.processes()))
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None

    # What it knows

    @property
    def ledger(self) -> Ledger:
        """Its ledger, read directly."""
        if self._ledger is None:
            self._ledger = Ledger(self.data / "ledger.db", 30)
        return self._ledger

    def log(self) -> str:
        """Everything it said."""
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def study(self, uid: str) -> StudyRow | None:
        """A study, if it came."""
        return next((study for study in self.ledger.studies.latest(10000) if study.study_instance_uid == uid), None)

    def await_ended(self, uids: Iterable[str], seconds: float = 90) -> None:
        """Until every one of these studies is closed, ignored or quarantined."""
        wanted = set(uids)

        def ended() -> bool:
            studies = self.ledger.studies.latest(10000)
            return wanted <= {study.study_instance_uid for study in studies if study.state in ENDED}

        try:
            until(ended, "every study has ended", seconds)
        except AssertionError as error:
            open_ones = [
                (study.study_instance_uid, str(study.state), study.reason)
                for study in self.ledger.studies.latest(10000)
                if study.study_instance_uid in wanted and study.state not in ENDED
            ]
            raise AssertionError(f"{error}: {open_ones}; log:\n{self.log()[-3000:]}") from None

    def trail(self, uid: str) -> list[Event]:
        """What happened to a study."""
        return self.ledger.events.of_study(uid)

    # What it is asked

    def run_cli(self, *arguments: str, config: bool = True, text: str = "") -> subprocess.CompletedProcess[str]:
        """A command of `radnode` with this node's configuration."""
        command = [sys.executable, "-m", "node", *arguments, *(["-c", str(self.config)] if config else [])]
        return subprocess.run(
            command, capture_output=True, text=True, env=self._environment, timeout=120, check=False, input=text
        )

    def begin_cli(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command that runs on; see to its end."""
        command = [sys.executable, "-m", "node", *arguments, "-c", str(self.config)]
        return subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def json(self, *arguments: str, config: bool = True) -> Any:  # JSON's edge
        """What a command answers with --json."""
        done = self.run_cli(*arguments, "--json", config=config)
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"radnode {' '.join(arguments)}: no JSON: {done.stdout}{done.stderr}") from None


def _toml(sections: Mapping[str, Table], **arrays: Sequence[Table]) -> str:
    lines = []
    for name, table in sections.items():
        lines += [f"[{name}]", *_entries(table), ""]
    for name, tables in arrays.items():
        for table in tables:
            lines += [f"[[{name}]]", *_entries(table), ""]
    return "\n".join(lines)


def _entries(table: Table) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items()]


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, Path):
        return json.dumps(str(value))
    return json.dumps(value)  # JSON's scalars and lists are TOML's
