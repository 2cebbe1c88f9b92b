"""Processes that the main process starts and minds: receivers, the one that watches folders, the one for HTTP.

One that ended is replaced; each ends by itself when the main process is gone, by its lifeline. The first of them are
started before the main process has loaded its own code: each loads its own meanwhile, and is held until it may begin.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from node.config import Settings
from node.stopping import spared

if TYPE_CHECKING:
    from node.ledger import Ledger

log = structlog.get_logger()

Process = subprocess.Popen[bytes]

#: One that has lived so long is well again, and so often it is looked whether those who receive live, seconds.
_WELL_SECONDS = 4.0


def commands_of(settings: Settings, copy: Path) -> list[tuple[str, list[str]]]:
    """The processes of these settings, each with the name that `radnode status` shows. Args: copy: of the settings."""
    counts = (
        ("receiver", "node.receive", settings.receive.processes),
        ("intake", "node.intake", int(bool(settings.inputs or settings.followed or settings.hl7.enabled))),
        ("web", "node.web", int(settings.web.enabled)),
    )
    return [
        (name, [sys.executable, "-m", module, str(copy), "--lifeline", "--held"])
        for name, module, count in counts
        for _ in range(count)
    ]


def held(settings: Settings) -> list[Process]:
    """Start those of these settings; each loads its code, and is held until :meth:`Children.start`, or our end."""
    return [_start(command) for _, command in commands_of(settings, settings.serving_path)]


class Children:
    """Those of a node.

    Args:
        commands: name and command of each process.
        ledger: where their troubles are shown.
        held: the same, started already and held; else they are started when it is time.
    """

    def __init__(
        self, commands: Sequence[tuple[str, list[str]]], ledger: Ledger, held: Sequence[Process] | None = None
    ) -> None:
        self._commands, self._ledger = commands, ledger
        self._running = list(held or ())
        self._since = self._looked = 0.0

    def start(self) -> None:
        """Have all of them begin."""
        self._running = self._running or [_start(command) for _, command in self._commands]
        for process in self._running:
            _begin(process)

    def mind(self) -> bool:
        """Start another for each that ended. True when one did: then wait a little before you call again."""
        ended = [number for number, process in enumerate(self._running) if process.poll() is not None]
        for number in ended:
            self._replace(number)
        if ended:
            self._since = time.monotonic()
        elif time.monotonic() - self._since > _WELL_SECONDS:
            for name in dict(self._commands):
                self._ledger.facts.set_trouble(name, "")
        if time.monotonic() - self._looked > _WELL_SECONDS:
            self._looked = time.monotonic()
            self._bury()
        return bool(ended)

    def _bury(self) -> None:
        """What a command was receiving when it was killed (`radnode fetch`) is open no longer."""
        for receiver in self._ledger.arrivals.receivers():
            if not _is_alive(receiver):
                self._ledger.arrivals.close_associations_of(receiver, "the process that received it is gone")

    def _replace(self, number: int) -> None:
        (name, command), process = self._commands[number], self._running[number]
        log.error(f"{name} ended, starting another", exit_status=process.returncode)
        self._ledger.facts.set_trouble(name, f"it ended with exit status {process.returncode}: see the log")
        self._ledger.arrivals.close_associations_of(process.pid, f"the {name} ended")
        self._ledger.sessions.end_of(process.pid, f"the {name} process ended")
        _let_go(process)
        self._running[number] = _start(command)
        _begin(self._running[number])

    def terminate(self) -> None:
        """Ask all of them to finish what is in hand, and end."""
        for process in self._running:
            process.terminate()

    def end(self, deadline: float) -> None:
        """Wait for all of them until that time (monotonic), then kill who is left."""
        for process in self._running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _let_go(process)

    def kill(self) -> None:
        """End all of them at once, and those that are still held."""
        for process in self._running:
            process.kill()


def _start(command: list[str]) -> Process:
    with spared():
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)


def _begin(process: Process) -> None:
    """Let it begin; one that has ended meanwhile is noticed by whoever minds it."""
    with suppress(BrokenPipeError):
        if process.stdin is not None:
            os.write(process.stdin.fileno(), b"\n")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _let_go(process: Process) -> None:
    """Close our end of its lifeline."""
    if process.stdin is not None:
        process.stdin.close()
