"""A receiver that takes what archives send, with its own spool and ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.config import Destination, NodeSettings, Settings, StorageSettings
from node.fetch import Fetched, Fetcher, Wanted, find
from node.ledger import Ledger
from node.receive.server import Receiver
from node.spool import Spool


@dataclass
class Running:
    """A receiver that runs, and what fetches to it."""

    settings: Settings
    ledger: Ledger

    def fetch(self, archive: Destination, again: bool = False, **wanted: str) -> list[Fetched]:
        found = find(archive, self.settings.node.ae_title, Wanted(**wanted), 100)
        return list(Fetcher(archive, self.settings, self.ledger, "somebody").fetch(found.matches, again=again))

    def trail(self, uid: str, beginning: str = "fetch") -> list[tuple[str, dict[str, Any]]]:
        events = self.ledger.events.of_study(uid)
        return [(event.action, event.detail) for event in events if event.action.startswith(beginning)]


Start = Callable[..., Running]


@pytest.fixture
def receive(tmp_path: Path) -> Iterator[Start]:
    """Starts a receiver. Args: min_free_mb: below which it refuses whatever comes."""
    started: list[Receiver] = []
    ledgers: list[Ledger] = []

    def start(min_free_mb: int = 0) -> Running:
        settings = Settings().model_copy(update={"node": NodeSettings().model_copy(update={"port": 0})})
        spool, ledger = Spool(tmp_path / "spool", min_free_mb), Ledger(tmp_path / "ledger.db")
        spool.prepare()
        receiver = Receiver(settings, spool, ledger)
        receiver.start()
        started.append(receiver)
        ledgers.append(ledger)
        node, storage = NodeSettings(port=receiver.port, data_dir=tmp_path), StorageSettings(min_free_mb=min_free_mb)
        return Running(Settings(node=node, storage=storage), ledger)

    yield start
    for receiver in started:
        receiver.stop()
    for ledger in ledgers:
        ledger.close()
