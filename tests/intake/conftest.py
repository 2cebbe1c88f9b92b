"""A node's spool and ledger, and the door that other ways in share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.config import NodeSettings, ReceiveSettings, Settings
from node.intake import Intake
from node.ledger import Event, Ledger
from node.spool import Spool


@dataclass
class Ward:
    """What comes in, and where it goes."""

    intake: Intake
    spool: Spool
    ledger: Ledger

    def files(self) -> list[Path]:
        return [self.spool.path(name) for name in self.spool.files()]

    def unfinished(self) -> list[Path]:
        return list((self.spool.root / "incoming").iterdir())

    def rows(self, sql: str) -> list[Any]:
        return self.ledger._database.read(sql)

    def trail(self) -> list[Event]:
        """Oldest first."""
        return self.ledger.events.latest(1000)[::-1]

    def actions(self) -> list[str]:
        return [event.action for event in self.trail()]


@pytest.fixture
def data() -> Iterator[Path]:
    """In memory where there is such a thing: syncing is not what these tests are about."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture
def settings(data: Path) -> Settings:
    return Settings(node=NodeSettings(data_dir=data), receive=ReceiveSettings(max_object_mb=2))


@pytest.fixture
def ward(data: Path, settings: Settings) -> Iterator[Ward]:
    spool, ledger = Spool(data / "spool"), Ledger(data / "ledger.db", busy_seconds=0.2)
    spool.prepare()
    with Intake(settings, spool, ledger) as intake:
        yield Ward(intake, spool, ledger)
    ledger.close()
