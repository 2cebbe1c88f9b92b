"""`python -m node.intake CONFIG.toml [--lifeline]`: watches folders, as a process of its own.

Prints `watching N folders` when it is ready; SIGTERM ends it after the file in hand. With `--lifeline` it ends as well
when its standard input does, so it never outlives the process that started it.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from pathlib import Path

import structlog

from node import bare  # isort: skip  # first of all: it keeps codecs out
from node import logs
from node.config import Settings, WatchedFolder, load
from node.dumps import forbid_core_dumps
from node.errors import RadnodeError, where
from node.intake.entry import Limits
from node.intake.folder import Watcher
from node.intake.visit import Intake
from node.ledger import Ledger
from node.lifeline import hold
from node.spool import Spool

log = structlog.get_logger()

#: Pause after a look that something kept from its work.
_AGAIN_SECONDS = 5.0
#: How long a file in hand may take after SIGTERM.
_DRAIN_SECONDS = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Watch until told to end; the exit status."""
    options = _parser().parse_args(arguments)
    forbid_core_dumps()
    logs.configure()
    bare.silence_libraries()
    try:
        return _serve(load(options.config), options.lifeline)
    except (RadnodeError, OSError) as error:
        print(f"intake: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m node.intake", description="Take DICOM files out of folders.")
    parser.add_argument("config", type=Path, help="configuration file (TOML)")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input ends")
    return parser


def _serve(settings: Settings, lifeline: bool) -> int:
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # somebody opens a file while we ask for a lease on it
    if lifeline:
        hold(end.set)
    spool = Spool(settings.node.data_dir / "spool", settings.storage.min_free_mb)
    path, limits = settings.node.data_dir / "ledger.db", settings.receive
    ledger = Ledger(path, settings.storage.busy_seconds, limits.max_study_objects, limits.max_study_mb << 20)
    with Intake(settings, spool, ledger) as intake:
        threads = [_start(Watching(one, settings, intake, ledger, end)) for one in settings.inputs]
        print(f"watching {len(threads)} folders", flush=True)
        end.wait()
        for thread in threads:
            thread.join(_DRAIN_SECONDS)
    return 0


class Watching:
    """Looks into one folder again and again, and shows what keeps it from its work."""

    def __init__(
        self, watched: WatchedFolder, settings: Settings, intake: Intake, ledger: Ledger, end: threading.Event
    ) -> None:
        self._watched, self._ledger, self._end = watched, ledger, end
        self._watcher = Watcher(watched, intake, Limits.of(settings), end.is_set)
        self._shown = ""

    def run(self) -> None:
        """Until the end; never raises."""
        while not self._end.is_set():
            begun = time.monotonic()
            try:
                self._watcher.look()
                self._show(self._watcher.trouble)
            except RadnodeError as error:
                log.error("folder not watched", input=self._watched.name, why=str(error))
            except Exception as error:  # the edge of this loop
                self._show(where(error))
            rest = _AGAIN_SECONDS if self._shown else self._watched.look_seconds
            self._end.wait(max(rest, time.monotonic() - begun))  # never more than half of the time
        self._watcher.close()
        self._ledger.close()

    def _show(self, trouble: str) -> None:
        if trouble != self._shown:
            if trouble:
                log.error("folder not watched", input=self._watched.name, why=trouble)
            self._ledger.facts.set_trouble(f"input {self._watched.name}", trouble)
            self._shown = trouble


def _start(watching: Watching) -> threading.Thread:
    """A thread of its own: one folder waits for no other, as that of a server which is away."""
    thread = threading.Thread(target=watching.run, daemon=True)
    thread.start()
    return thread


if __name__ == "__main__":
    sys.exit(main())
