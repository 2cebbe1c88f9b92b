"""A server that takes objects by STOW-RS, and what clients send it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import uvicorn
from pydicom.dataset import Dataset

from node.config import NodeSettings, ReceiveSettings, Settings, WebSettings
from node.ledger import Ledger
from node.spool import Spool
from node.web import tokens
from node.web.app import Web
from node.web.tokens import Role
from tests.peers import until

KIND = 'multipart/related; type="application/dicom"; boundary=edge'
IN_JSON = 'multipart/related; type="application/dicom+json"; boundary=edge'
OCTETS = "application/octet-stream"
REFERENCED, FAILED, OTHERS = "00081199", "00081198", "0008119A"
INSTANCE, WARNING, FAILURE = "00081155", "00081196", "00081197"


@dataclass
class Running:
    """A server, and a token that may store."""

    url: str
    token: str
    ledger: Ledger
    spool: Spool
    folder: Path

    def post(self, body: Any, study: str = "", kind: str = KIND, **headers: str) -> requests.Response:
        url = f"{self.url}/dicom-web/studies{study}"
        more = {"Authorization": f"Bearer {self.token}", "Content-Type": kind, "Accept": "application/dicom+json"}
        return requests.post(url, data=body, headers=more | headers, timeout=30)

    def events(self) -> list[str]:
        return [event.action for event in self.ledger.events.latest(100)[::-1]]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.ledger._database.read(sql)]


@contextlib.contextmanager
def storing(tmp_path: Path) -> Iterator[Running]:
    limits = ReceiveSettings(max_object_mb=2, network_seconds=0.5)
    settings = Settings(node=NodeSettings(data_dir=tmp_path), web=WebSettings(), receive=limits)
    ledger, spool = Ledger(tmp_path / "ledger.db", busy_seconds=0.2), Spool(tmp_path / "spool")
    spool.prepare()
    server_of = Web(settings, ledger, spool)
    server = uvicorn.Server(uvicorn.Config(server_of.application(), log_config=None, server_header=False))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    until(lambda: server.started, "it serves")
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield Running(url, tokens.add(settings.web_tokens, "CLOUD-PACS", Role.STORE), ledger, spool, tmp_path)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        server_of.close()
        ledger.close()


def part(content: bytes, kind: str = "application/dicom", location: str = "") -> bytes:
    where = f"\r\nContent-Location: {location}" if location else ""
    return f"--edge\r\nContent-Type: {kind}{where}\r\n\r\n".encode() + content + b"\r\n"


def apart(ds: Dataset) -> tuple[dict[str, Any], dict[str, bytes]]:
    """DICOM JSON of a dataset, and its bulk data by URI, as a stranger makes them."""
    bulk: dict[str, bytes] = {}

    def put(element: Any) -> str:
        bulk[f"bulk/{ds.SOPInstanceUID}/{len(bulk)}"] = element.value
        return list(bulk)[-1]

    return ds.to_json_dict(bulk_data_threshold=16, bulk_data_element_handler=put), bulk


def metadata(*tables: Any) -> bytes:
    return part(json.dumps(list(tables)).encode(), "application/dicom+json")


def body(*contents: bytes) -> bytes:
    return b"".join(map(part, contents)) + b"--edge--\r\n"


def told(answer: requests.Response, sequence: str, reason: str = "") -> list[Any]:
    """UID of each item, or with a reason (UID, reason)."""
    items = answer.json().get(sequence, {}).get("Value", [])
    named = [one.get(INSTANCE, {}).get("Value", [""])[0] for one in items]
    return list(zip(named, (one[reason]["Value"][0] for one in items), strict=True)) if reason else named
