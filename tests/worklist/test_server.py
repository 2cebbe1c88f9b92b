"""A worklist server is asked over HTTP as the settings say, and what it answers is not believed."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from structlog.testing import capture_logs

from node.config import Worklist
from node.errors import DeliveryError, DeliveryRefused
from node.ledger import Input
from node.worklist import Server
from node.worklist.workitem import progress
from tests.peers import Pki
from tests.peers.drip import DRIPPING, DrippingServer
from tests.peers.worklist_server import WorklistServer
from tests.worklist.conftest import schedule

CODE = "AI-CXR^99SITE"


def worklist(url: str, **changes: Any) -> Worklist:
    return Worklist(name="ris", url=url, codes={CODE: "chest"}, **{"timeout_seconds": 2, **changes})


def test_over_tls_with_a_token(pki: Pki, tmp_path: Path) -> None:
    pair, token, secret = pki.authority.pair("ris", "127.0.0.1"), tmp_path / "token", "abc"
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    token.write_text(f"{secret}\n", encoding="utf-8")
    with WorklistServer(token=secret, tls=tls) as running:
        with Server(worklist(running.url, ca_file=pki.ca, token_file=token)) as server:
            assert server.search(CODE) == []
        token.write_text("wrong\n", encoding="utf-8")
        stranger = Server(worklist(running.url, ca_file=pki.ca, token_file=token))
        with stranger as server, pytest.raises(DeliveryRefused, match="it refuses us: HTTP 401"):
            server.search(CODE)
        with Server(worklist(running.url)) as server, pytest.raises(DeliveryError, match="compare ca_file"):
            server.search(CODE)


def test_a_token_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryRefused, match="the token file cannot be read"):
        Server(worklist("http://127.0.0.1:1", token_file=tmp_path / "none")).__enter__()


def test_a_workitem_is_read_as_it_was_scheduled(server: WorklistServer) -> None:
    schedule(server, "1.9", "1.2", priority="HIGH", source="PACS2")
    with Server(worklist(server.url, label="AI")) as asked:
        (found,) = asked.search(CODE)
        assert asked.retrieve("1.9") == found
        assert asked.retrieve("1.10") is None
    assert (found.uid, found.state, found.is_ready, found.priority) == ("1.9", "SCHEDULED", True, "HIGH")
    assert (found.inputs, found.label) == ((Input("1.2", ("PACS2",)),), "AI")


@pytest.fixture
def liar() -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers 200 with what stands in the list."""
    said: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # named by the library
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):  # who asked has heard enough
                for piece in said:
                    self.wfile.write(piece)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}", said
    http.shutdown()
    http.server_close()


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b'[{"00080018": 5}]', b"[" * 10_000, b"7"])
def test_what_is_no_dicom_json_is_said_so(liar: tuple[str, list[bytes]], body: bytes) -> None:
    url, said = liar
    said.append(body)
    with Server(worklist(url)) as server, pytest.raises(DeliveryError, match="it is no DICOM JSON"):
        server.search(CODE)


@pytest.mark.filterwarnings("ignore:Invalid value")
def test_what_is_no_workitem_is_left_out(liar: tuple[str, list[bytes]]) -> None:
    url, said = liar
    said.append(
        b'[{"00080018": {"vr": "UI", "Value": ["../../state"]}}, {"00741000": {"vr": "CS", "Value": ["SCHEDULED"]}},'
        b' {"00080018": {"vr": "UI", "Value": ["1.9"]}, "00404021": {"vr": "SQ", "Value": ['
        b'{"0020000D": {"vr": "UI", "Value": ["../1"]}}]}}]'
    )
    with Server(worklist(url)) as server, capture_logs() as logs:
        assert server.search(CODE) == []
    assert [(one["event"], one["count"], one["of"]) for one in logs] == [("workitems not understood", 3, 3)]


def test_one_that_cannot_be_read_keeps_no_other(liar: tuple[str, list[bytes]]) -> None:
    url, said = liar
    said.append(b'[{"00080018": 5}, {"00080018": {"vr": "UI", "Value": ["1.9"]}}]')
    with Server(worklist(url)) as server, capture_logs() as logs:
        assert [one.uid for one in server.search(CODE)] == ["1.9"]
    assert [(one["count"], one["worklist"]) for one in logs] == [(1, "ris")]


@pytest.mark.parametrize("what", ["body", "head"])
def test_an_answer_that_drips_is_cut_off(what: str) -> None:
    with DrippingServer(DRIPPING[what]) as dripping, Server(worklist(dripping.url, timeout_seconds=0.4)) as server:
        began = time.monotonic()
        with pytest.raises(DeliveryError, match="it cannot be reached"):
            server.search(CODE)
        assert time.monotonic() - began < 3


def test_an_answer_without_end_is_cut_off(liar: tuple[str, list[bytes]]) -> None:
    url, said = liar
    said += [b" " * (1 << 20)] * 20
    with Server(worklist(url)) as server, pytest.raises(DeliveryError, match="it is longer than any"):
        server.search(CODE)


def test_a_transaction_uid_is_in_the_query_as_the_standard_wants_it(server: WorklistServer) -> None:
    targets: list[str] = []
    handle = server.handle
    server.handle = lambda method, target, *more: (targets.append(target), handle(method, target, *more))[1]  # type: ignore[method-assign]
    schedule(server, "1.9")
    with Server(worklist(server.url)) as asked:
        asked.update("1.9", progress("2.25.7", 10, "begun"))
    assert targets[-1] == "/dicom-web/workitems/1.9?2.25.7"
