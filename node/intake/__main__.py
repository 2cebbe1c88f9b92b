"""`python -m node.intake CONFIG.toml [--lifeline]`: watches folders, follows Orthancs, listens for reports in messages.

Prints `watching N sources` when it is ready; SIGTERM ends it after the file in hand. With `--lifeline` it ends as well
when its standard input does, so it never outlives the process that started it.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import structlog

from node import bare  # isort: skip  # first of all: it keeps codecs out
from node import child
from node.config import Settings
from node.errors import DeliveryError, DeliveryRefused, RadnodeError, where
from node.intake.entry import Limits
from node.intake.folder import Watcher
from node.intake.hl7 import INLET, Inlet
from node.intake.orthanc import Follower
from node.intake.visit import Intake
from node.ledger import Ledger
from node.spool import Spool

log = structlog.get_logger()

#: Pause after a look that something kept from its work.
_AGAIN_SECONDS = 5.0
#: Between two looks at the changes of an Orthanc.
_FOLLOW_SECONDS = 1.0
#: How long a file in hand may take after SIGTERM.
_DRAIN_SECONDS = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Watch until told to end; the exit status."""
    return child.run("intake", "Take DICOM files out of folders and Orthancs, and reports off MLLP.", _serve, arguments)


def _serve(settings: Settings, lifeline: bool) -> None:
    bare.silence_libraries()
    end = child.end_of(lifeline)
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # somebody opens a file while we ask for a lease on it
    spool = Spool(settings.node.data_dir / "spool", settings.storage.min_free_mb)
    path, limits = settings.node.data_dir / "ledger.db", settings.receive
    ledger = Ledger(path, settings.storage.busy_seconds, limits.max_study_objects, limits.max_study_mb << 20)
    with Intake(settings, spool, ledger) as intake:
        sources = [*_sources(settings, intake, ledger, end), *_inlet(settings, intake, spool, ledger)]
        threads = [_start(Watching(one, ledger, end)) for one in sources]
        print(f"watching {len(threads)} sources", flush=True)
        end.wait()
        for thread in threads:
            thread.join(_DRAIN_SECONDS)


@dataclass(frozen=True)
class Source:
    """What is looked at again and again.

    Attributes:
        name: as it is shown.
        look: takes what is there; what keeps it from that, in words, or empty. Raises what ends a look.
        seconds: between two looks.
        close: after the last one.
    """

    name: str
    look: Callable[[], str]
    seconds: float
    close: Callable[[], None] = lambda: None


def _sources(settings: Settings, intake: Intake, ledger: Ledger, end: threading.Event) -> Iterator[Source]:
    for folder in settings.inputs:
        watcher = Watcher(folder, intake, Limits.of(settings), end.is_set)
        yield Source(folder.name, partial(_look, watcher), folder.look_seconds, watcher.close)
    for orthanc in settings.followed:
        follower = Follower(orthanc, intake, ledger, end.is_set)
        yield Source(orthanc.name, partial(_follow, follower), _FOLLOW_SECONDS)


def _inlet(settings: Settings, intake: Intake, spool: Spool, ledger: Ledger) -> Iterator[Source]:
    """A port that is taken is looked at again and again, as a folder that is away."""
    if settings.hl7.enabled:
        inlet = Inlet(settings, spool, ledger, intake.refused)
        yield Source(INLET, inlet.look, _AGAIN_SECONDS, inlet.close)


def _look(watcher: Watcher) -> str:
    watcher.look()
    return watcher.trouble


def _follow(follower: Follower) -> str:
    try:
        follower.look()
    except (DeliveryError, DeliveryRefused) as error:
        return str(error)
    return ""


class Watching:
    """Looks at one source again and again, and shows what keeps it from its work."""

    def __init__(self, source: Source, ledger: Ledger, end: threading.Event) -> None:
        self._source, self._ledger, self._end = source, ledger, end
        self._shown = ""

    def run(self) -> None:
        """Until the end; never raises."""
        while not self._end.is_set():
            begun = time.monotonic()
            try:
                self._show(self._source.look())
            except RadnodeError as error:
                log.error("source not watched", input=self._source.name, why=str(error))
            except Exception as error:  # the edge of this loop
                self._show(where(error))
            rest = _AGAIN_SECONDS if self._shown else self._source.seconds
            self._end.wait(max(rest, time.monotonic() - begun))  # never more than half of the time
        self._source.close()
        self._ledger.close()

    def _show(self, trouble: str) -> None:
        if trouble != self._shown:
            if trouble:
                log.error("source not watched", input=self._source.name, why=trouble)
            self._ledger.facts.set_trouble(f"input {self._source.name}", trouble)
            self._shown = trouble


def _start(watching: Watching) -> threading.Thread:
    """A thread of its own: no source waits for another, as a folder of a server which is away."""
    thread = threading.Thread(target=watching.run, daemon=True)
    thread.start()
    return thread


if __name__ == "__main__":
    sys.exit(main())
