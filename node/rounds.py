"""What the main process asks others by the clock: archives for studies and for promises, worklists for work."""

from __future__ import annotations

from collections.abc import Callable

from node.config import Settings
from node.fetch import Watch
from node.ledger import Ledger
from node.safekeeping import Asker
from node.scheduler import Tick
from node.telemetry import Teller
from node.worklist import Performer


def rounds(settings: Settings, ledger: Ledger, is_stopping: Callable[[], bool]) -> list[Tick]:
    """A tick for each that is to be asked. Args: is_stopping: the node is; nobody who is slow keeps it."""
    asked = [one for one in settings.destinations if one.storage_commitment]
    fetched = [(one, Watch(one, settings, ledger, is_stopping)) for one in settings.fetch]
    worked = [(one, Performer(one, settings, ledger, is_stopping)) for one in settings.worklists]
    told = [Teller(settings, ledger, is_stopping)] if settings.telemetry.url else []
    return [
        *(Tick(f"ask {one.name} to keep", 2.0, Asker(one, settings, ledger).step) for one in asked),
        *(Tick(f"fetch {one.name}", watch.glance_seconds, watch.tick) for one, watch in fetched),
        *(Tick(f"worklist {one.name}", one.every_seconds, performer.step) for one, performer in worked),
        *(Tick("telemetry", 5.0, teller.step) for teller in told),
    ]
