"""When it is time for a round, and the process that makes it. Loads no numpy: it runs in the main process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from node.config import WatchSettings
from node.ledger import Ledger
from node.stopping import spared

log = structlog.get_logger()

#: Between two looks at whether it is time, and at whether the process has ended.
TICK_SECONDS = 10.0
_POLL_SECONDS = 0.1
_LONGEST_SECONDS = 900.0
#: Name of the time of the last round among the ledger's facts.
LAST = "watch"
_TROUBLE = "watching the models"


class Watching:
    """Starts rounds.

    Args:
        settings: when; asked at each look, since `radnode reload` may change it.
        copy: file of the settings that the process reads.
        ledger: knows the last round.
        stops: whether the node stops.
    """

    def __init__(
        self, settings: Callable[[], WatchSettings], copy: Path, ledger: Ledger, stops: Callable[[], bool]
    ) -> None:
        self._settings, self._copy, self._ledger, self._stops = settings, copy, ledger, stops

    def is_due(self, now: float) -> bool:
        """Whether it is time; a clock that was set back does not silence it."""
        settings, last = self._settings(), self._ledger.facts.time_of(LAST)
        late = not last <= now < last + settings.every_hours * 3600
        return settings.enabled and late and bool(self._ledger.observations.watched())

    def step(self) -> bool:
        """A round, if it is time. True when there was one; whether it went well is noted as a trouble or none."""
        now = time.time()
        if not self.is_due(now):
            return False
        status = self._run()
        if status is None:
            return False
        if status:
            self._ledger.facts.note_time(LAST, now)  # not again every few seconds
        reason = (
            f"a round ended with exit status {status}: see the log; `radnode watch look` makes one" if status else ""
        )
        self._ledger.facts.set_trouble(_TROUBLE, reason)
        return True

    def _run(self) -> int | None:
        """The exit status; None when the node stops meanwhile."""
        command, ends = [sys.executable, "-m", "node.watch", str(self._copy)], time.monotonic() + _LONGEST_SECONDS
        with spared():
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        with process:
            while process.poll() is None:
                if self._stops() or time.monotonic() > ends:
                    process.kill()  # nothing is lost: what it writes is one transaction for each plugin
                    process.wait()
                    return None if self._stops() else process.returncode
                time.sleep(_POLL_SECONDS)
        return process.returncode
