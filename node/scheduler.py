"""The ticks: what happens by the clock, run by APScheduler, in memory, in the one main process of a node.

No job store is shared: two schedulers on one store run each job twice. Ticks only look at what the ledger says is due,
so a missed tick loses nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from node.errors import RadnodeError, where

log = structlog.get_logger()

#: A wall clock that moves by more than this against the monotonic clock was set, not drifting.
_JUMP_SECONDS = 2.0


@dataclass(frozen=True)
class Tick:
    """Something to be done every so many seconds."""

    name: str
    seconds: float
    run: Callable[[], object]


class _Every(BaseTrigger):  # type: ignore[misc]  # APScheduler is untyped
    """Every so many seconds; what was missed counts as one run.

    APScheduler's own counts every run that was missed. A clock that is set ahead by a day would keep it from its work
    for seconds, and one that comes up in 1970 and is then put right would never let it go.
    """

    def __init__(self, seconds: float) -> None:
        self._interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """When it runs next."""
        due = (previous_fire_time or now) + self._interval
        return due if due > now else now + self._interval


class Scheduler:
    """Runs ticks, one at a time each, until :meth:`stop`."""

    def __init__(self, ticks: Sequence[Tick]) -> None:
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns of every tick that waits for the last one
        self._ticks = ticks
        self._offset = time.time() - time.monotonic()
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(ticks) + 1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    def start(self) -> None:
        """Begin; each tick runs first after its interval."""
        for tick in self._ticks:
            self._scheduler.add_job(_guarded, _Every(tick.seconds), args=[tick], id=tick.name)
        self._scheduler.start()

    def mind_the_clock(self) -> bool:
        """Call this now and then from a thread of your own: APScheduler sleeps until a wall-clock time, so a clock that
        is set back would silence it for as long. True: it was set."""
        offset = time.time() - time.monotonic()
        was_set = abs(offset - self._offset) > _JUMP_SECONDS
        if was_set:
            log.warning("clock was set", seconds=round(offset - self._offset, 1))
            for tick in self._ticks:
                self._scheduler.reschedule_job(tick.name, trigger=_Every(tick.seconds))
        self._offset = offset
        return was_set

    def stop(self) -> None:
        """Run no further tick; wait for those that are running."""
        self._scheduler.shutdown(wait=True)


def _guarded(tick: Tick) -> None:
    """The edge of a tick: what fails now is tried again at the next one."""
    try:
        tick.run()
    except RadnodeError as error:
        log.error("tick failed", tick=tick.name, error=str(error))
    except Exception as error:
        log.error("tick failed", tick=tick.name, error=where(error))
