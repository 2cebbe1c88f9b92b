"""What the main process asks others by the clock: archives for studies and for promises, worklists for work."""

from __future__ import annotations

from collections.abc import Callable

from node.config import Settings, Worklist
from node.fetch import Watch
from node.ledger import Ledger
from node.safekeeping import Asker
from node.scheduler import Tick
from node.telemetry import Teller
from node.worklist import Channel, Performer

#: How soon news of a worklist is looked into, seconds.
_GLANCE_SECONDS = 0.5


def rounds(settings: Settings, ledger: Ledger, is_stopping: Callable[[], bool]) -> list[Tick]:
    """A tick for each that is to be asked. Args: is_stopping: the node is; nobody who is slow keeps it."""
    asked = [one for one in settings.destinations if one.storage_commitment]
    fetched = [(one, Watch(one, settings, ledger, is_stopping)) for one in settings.fetch]
    told = [Teller(settings, ledger, is_stopping)] if settings.telemetry.url else []
    return [
        *(Tick(f"ask {one.name} to keep", 2.0, Asker(one, settings, ledger).step) for one in asked),
        *(Tick(f"fetch {one.name}", watch.glance_seconds, watch.tick) for one, watch in fetched),
        *(tick for one in settings.worklists for tick in _work(one, settings, ledger, is_stopping)),
        *(Tick("telemetry", 5.0, teller.step) for teller in told),
    ]


def _work(worklist: Worklist, settings: Settings, ledger: Ledger, is_stopping: Callable[[], bool]) -> list[Tick]:
    """Of one worklist: asked by the clock and, where it is subscribed to, whenever it tells something."""
    performer, name = Performer(worklist, settings, ledger, is_stopping), f"worklist {worklist.name}"
    if not worklist.events:
        return [Tick(name, worklist.every_seconds, performer.step)]
    channel = Channel(worklist, settings, ledger, is_stopping)
    seconds = min(_GLANCE_SECONDS, worklist.every_seconds)
    return [
        Tick(name, seconds, lambda: performer.glance(channel.news)),
        Tick(f"events of {name}", _GLANCE_SECONDS, channel.step),
    ]
