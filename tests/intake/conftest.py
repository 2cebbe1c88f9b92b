"""A node's spool and ledger, and the door that other ways in share."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.config import NodeSettings, ReceiveSettings, Settings
from node.intake import Intake
from node.intake.hl7 import Inlet
from node.ledger import Event, Ledger, ReportRow
from node.spool import Spool
from tests.peers.ports import free_port


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


Open = Callable[..., Inlet]


@pytest.fixture
def open_inlet(ward: Ward, settings: Settings) -> Iterator[Open]:
    """Starts a listener with these settings of `[hl7]`; it is closed after the test."""
    started: list[Inlet] = []

    def start(more: Settings = settings, **changes: object) -> Inlet:
        hl7 = {"enabled": True, "port": free_port(), "idle_seconds": 10, "message_seconds": 5, **changes}
        chosen = more.model_copy(update={"hl7": type(settings.hl7)(**hl7)})
        inlet = Inlet(chosen, ward.spool, ward.ledger, ward.intake.refused)
        assert inlet.look() == ""
        started.append(inlet)
        return inlet

    yield start
    for one in started:
        one.close()


@pytest.fixture
def inlet(open_inlet: Open) -> Inlet:
    return open_inlet()


def rows(ward: Ward) -> list[ReportRow]:
    """Oldest first."""
    return ward.ledger.reports.latest(5000)[::-1]


def kept(ward: Ward) -> list[bytes]:
    return [ward.spool.path(name).read_bytes() for name in ward.spool.messages()]
