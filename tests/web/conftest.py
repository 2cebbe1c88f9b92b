"""The server of a node over real HTTP, with one answered study."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn

from node.config import NodeSettings, Settings, WebSettings
from node.ledger import Ledger
from node.spool import Spool
from node.web import tokens
from node.web.app import Web
from tests.peers import until
from tests.review.material import answered

#: In a minute, from one address.
REQUESTS = 60


@dataclass
class Running:
    """The server of a node with one answered study, and a token for it."""

    url: str
    token: str
    ledger: Ledger
    folder: Path

    def ask(self, method: str, path: str, *, token: str | None = None, **more: Any) -> requests.Response:
        given = self.token if token is None else token
        headers = ({"Authorization": f"Bearer {given}"} if given else {}) | more.pop("headers", {})
        return requests.request(method, self.url + path, headers=headers, timeout=10, **more)

    def post(self, *items: Any, study: str = "1.2", **more: Any) -> requests.Response:
        return self.ask("POST", f"/studies/{study}/reviews", json={"reviews": list(items), **more})


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Running]:
    limits = WebSettings(allowed_hosts=("radnode.hospital",), requests_per_minute=REQUESTS)
    settings = Settings(node=NodeSettings(data_dir=tmp_path), web=limits)
    ledger, spool = Ledger(tmp_path / "ledger.db", busy_seconds=1), Spool(tmp_path / "spool", 1)
    spool.prepare()
    answered(ledger, spool)
    application = Web(settings, ledger, spool).application()
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, server_header=False))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    until(lambda: server.started, "it serves")
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield Running(url, tokens.add(settings.web_tokens, "pacs"), ledger, tmp_path)
    server.should_exit = True
    thread.join()
    listener.close()
    ledger.close()
