"""A receiver on a free port, with its own spool and ledger."""

from __future__ import annotations

import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from node.config import NodeSettings, PeerRule, ReceiveSettings, Settings, TlsSettings
from node.ledger import Event, Ledger
from node.receive.server import Receiver
from node.spool import Spool
from node.study import Series
from tests.receive.peer import Peer


@dataclass
class Running:
    """A receiver that runs, and what it writes to."""

    receiver: Receiver
    spool: Spool
    ledger: Ledger

    @property
    def port(self) -> int:
        return self.receiver.port

    @property
    def tls_port(self) -> int:
        return self.receiver.ports["tls.port"]

    def peer(self, tls: ssl.SSLContext | None = None) -> Peer:
        return Peer(self.tls_port if tls else self.port, tls=tls)

    def events(self) -> list[Event]:
        """What is in the trail, oldest first."""
        return self.ledger.events.latest(1000)[::-1]

    def series(self, study: str = "1.2.3") -> tuple[Series, ...]:
        return self.ledger.studies.series(study)

    def set_aside(self) -> list[tuple[str, str]]:
        """UID and reason of each object in quarantine."""
        rows = self.rows("SELECT sop_instance_uid, reason FROM quarantine ORDER BY id")
        return [(row["sop_instance_uid"], row["reason"]) for row in rows]

    def rows(self, sql: str) -> list[Any]:
        return self.ledger._database.read(sql)

    def files(self) -> list[Path]:
        return [self.spool.path(name) for name in self.spool.files()]

    def unfinished(self) -> list[Path]:
        return list((self.spool.root / "incoming").iterdir())

    def wait_for(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.01)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What was logged."""
    with structlog.testing.capture_logs() as captured:
        yield captured


Start = Callable[..., Running]


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is such a thing: syncing is not what most tests are about, and takes their time."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts a receiver; keywords go to `[receive]`, except those that are named."""
    running: list[Running] = []

    def begin(
        *,
        node: dict[str, Any] | None = None,
        tls: dict[str, Any] | None = None,
        peers: Sequence[PeerRule] = (),
        min_free_mb: int = 0,
        busy_seconds: float = 10.0,
        **limits: Any,
    ) -> Running:
        settings = Settings(
            node=NodeSettings(**{"data_dir": folder} | (node or {})),
            tls=TlsSettings(**(tls or {})),
            receive=ReceiveSettings(**limits),
            peers=tuple(peers),
        )
        anywhere = {name: getattr(settings, name).model_copy(update={"port": 0}) for name in ("node", "tls")}
        settings = settings.model_copy(update=anywhere)
        spool = Spool(folder / "spool", min_free_mb)
        spool.prepare()
        ledger = Ledger(folder / "ledger.db", busy_seconds)
        receiver = Receiver(settings, spool, ledger)
        receiver.start()
        running.append(Running(receiver, spool, ledger))
        return running[-1]

    yield begin
    for each in running:
        each.receiver.stop()
        each.ledger.close()


@pytest.fixture
def node(start: Start) -> Running:
    """A receiver with every setting at its default."""
    return start()
