"""`python -m node.intake CONFIG.toml [--lifeline]`: watches folders, follows Orthancs, listens for reports in messages.

Prints `watching N sources` when it is ready; SIGTERM ends it after the file in hand. With `--lifeline` it ends as well
when its standard input does, so it never outlives the process that started it.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from functools import partial

from node import bare  # isort: skip  # first of all: it keeps codecs out
from node import child
from node.config import Settings
from node.intake.entry import Limits
from node.intake.folder import Watcher
from node.intake.hl7 import INLET, Inlet
from node.intake.orthanc import Follower
from node.intake.visit import Intake
from node.intake.watching import AGAIN_SECONDS, Source, Watching
from node.ledger import Ledger
from node.spool import Spool

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
        threads = [Watching(one, ledger, end).start() for one in sources]
        print(f"watching {len(threads)} sources", flush=True)
        end.wait()
        for thread in threads:
            thread.join(_DRAIN_SECONDS)


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
        yield Source(INLET, inlet.look, AGAIN_SECONDS, inlet.close)


def _look(watcher: Watcher) -> str:
    watcher.look()
    return watcher.trouble


def _follow(follower: Follower) -> str:
    follower.look()
    return ""


if __name__ == "__main__":
    sys.exit(main())
