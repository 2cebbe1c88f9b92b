from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node.audit import Forwarder
from node.config import AuditSettings, Destination, NodeSettings, Settings
from node.ledger import Ledger
from node.spool import Spool
from tests.peers import Pki

Make = Callable[..., Forwarder]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    one = Ledger(tmp_path / "ledger.db", busy_seconds=5)
    yield one
    one.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    one = Spool(tmp_path / "spool")
    one.prepare()
    return one


@pytest.fixture
def server_context(pki: Pki) -> ssl.SSLContext:
    """Of a collector that wants our certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki.ca)
    context.load_cert_chain(pki.modality.certificate, pki.modality.key)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
def make(ledger: Ledger, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A forwarder that was begun, to a plain collector unless told otherwise."""
    monkeypatch.setattr("node.audit.forwarder._SETTLED_SECONDS", 0.0)

    def build(port: int, **audit: Any) -> Forwarder:
        values = {"enabled": True, "transport": "tcp", "port": port, "timeout_seconds": 5, **audit}
        pacs = Destination(name="pacs", kind="dicom", ae_title="PACS", host="10.0.0.9", port=104)
        hook = Destination(name="hook", kind="webhook", url="https://user:secret@hook.example/in?token=secret")
        settings = Settings(
            node=NodeSettings(data_dir=tmp_path), audit=AuditSettings(**values), destinations=(pacs, hook)
        )
        one = Forwarder(settings, ledger, spool)
        one.begin()
        return one

    return build
