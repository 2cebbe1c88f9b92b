"""Peers that take messages: an MLLP server that reads with `hl7`, and an HTTP server."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import hl7

from tests.peers.tcp import TcpPeer

START, END = b"\x0b", b"\x1c\r"
Answer = Callable[[hl7.Message], bytes | None]


def ack(message: hl7.Message, code: str = "AA", text: str = "", control_id: str = "", error: str = "") -> bytes:
    """A general acknowledgement as a receiver writes it. Args: error: an ERR segment."""
    about = control_id or str(message["MSH.F10.R1"])
    lines = [f"MSH|^~\\&|RIS|HOSPITAL|||20260101120000||ACK^R01^ACK|{about}-A|P|2.5.1", f"MSA|{code}|{about}|{text}"]
    return "\r".join([*lines, *([error] if error else []), ""]).encode()


class Mllp(TcpPeer):
    """An MLLP server on 127.0.0.1.

    Args:
        answer: to a message, without its frame; None: closes without one.
        port: 0: any that is free.
        delay: seconds before each answer.
        tls: over TLS with this context.
    """

    def __init__(
        self, answer: Answer = ack, port: int = 0, delay: float = 0.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.messages: list[hl7.Message] = []
        self.raw: list[bytes] = []
        self._answer, self._delay = answer, delay
        super().__init__(port, tls)

    def serve(self, connection: socket.socket) -> None:
        """Take each block, and answer it."""
        connection.settimeout(20)
        read = b""
        while piece := connection.recv(65536):
            read += piece
            while END in read:
                block, _, read = read.partition(END)
                if not self._take(connection, block):
                    return

    def _take(self, connection: socket.socket, block: bytes) -> bool:
        assert block.startswith(START)
        self.raw.append(block[1:])
        self.messages.append(hl7.parse(block[1:].decode()))
        answer = self._answer(self.messages[-1])
        self.over.wait(self._delay)
        if answer is None:
            return False
        connection.sendall(START + answer + END)
        return True

    def control_ids(self) -> list[str]:
        """MSH-10 of everything that came."""
        return [str(one["MSH.F10.R1"]) for one in self.messages]


@dataclass(frozen=True)
class Request:
    """As it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Hook:
    """An HTTP server on 127.0.0.1 that answers with `codes`, one after the other, then with 200.

    Args:
        codes: of its answers.
        port: 0: any that is free.
        delay: seconds before each answer.
    """

    def __init__(self, *codes: int, port: int = 0, delay: float = 0.0) -> None:
        self.requests: list[Request] = []
        self._codes, self._delay, self._over = list(codes), delay, threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                code = outer._take(Request(self.command, self.path, dict(self.headers), body))
                with contextlib.suppress(OSError):  # the client has given up
                    self.send_response(code)
                    self.send_header("Location", "/elsewhere")
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            do_POST = do_OPTIONS = do_GET = answer  # noqa: N815  the names that http.server looks for

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def _take(self, request: Request) -> int:
        self.requests.append(request)
        self._over.wait(self._delay)
        return self._codes.pop(0) if self._codes else 200

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
