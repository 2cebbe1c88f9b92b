"""The couriers of a running node: one for each destination, in a thread of its own; they follow the configuration."""

from __future__ import annotations

import threading
from functools import partial

from node.config import Destination, Settings
from node.deliver import Courier
from node.ledger import Ledger
from node.loops import Loops
from node.spool import Spool


class Dispatch:
    """Never two couriers for one destination at a time: a result would be sent twice. Args: loops: run their threads.

    Worked example::

        made = dispatch.prepare(settings)    # raises for a destination that cannot be used; nothing is changed yet
        dispatch.follow(settings, made)
    """

    def __init__(self, loops: Loops, ledger: Ledger, spool: Spool) -> None:
        self._loops, self._ledger, self._spool = loops, ledger, spool
        self._running: dict[str, tuple[Destination, Courier]] = {}
        self._threads: dict[str, threading.Thread] = {}  # the last of each name, also of those that have ended

    def prepare(self, settings: Settings) -> list[tuple[Destination, Courier]]:
        """Couriers for the destinations that are new or changed; raises :class:`~node.errors.RadnodeError`."""
        return [
            (one, Courier(one, self._ledger, self._spool, settings))
            for one in settings.destinations
            if one.name not in self._running or self._running[one.name][0] != one
        ]

    def follow(self, settings: Settings, made: list[tuple[Destination, Courier]]) -> None:
        """End the couriers that are not wanted any more, and start those that were made, each after its predecessor."""
        replaced = {one.name for one, _ in made}
        gone = [name for name in self._running if settings.destination(name) is None]
        for name in [*gone, *(name for name in replaced if name in self._running)]:
            self._running.pop(name)[1].stop()
        for destination, courier in made:
            name = destination.name
            self._running[name] = destination, courier
            target = partial(self._deliver, courier, self._threads.get(name))
            self._threads[name] = self._loops.run(f"courier-{name}", target)
        self._loops.wake()

    def stop(self) -> None:
        """Begin no further study."""
        for _, courier in self._running.values():
            courier.stop()

    def _deliver(self, courier: Courier, predecessor: threading.Thread | None) -> None:
        if predecessor is not None:
            predecessor.join()
        self._loops.repeat(courier.step, is_over=lambda: courier.is_stopped)
        courier.rest()
        if not self._loops.stopping.is_set():  # its destination is another now, or gone: what was wrong is over
            self._ledger.facts.set_trouble(f"destination {courier.name}", "")
