"""An HTTP server that never falls silent, and never comes to an end: its answer drips."""

from __future__ import annotations

import socket

from tests.peers.tcp import TcpPeer


class DrippingServer(TcpPeer):
    """Args: answer: to every request: sent at once; drop: what comes after it, byte by byte, until nobody listens."""

    def __init__(self, answer: bytes, drop: bytes = b" ") -> None:
        self._answer, self._drop = answer, drop
        super().__init__()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        connection.recv(1 << 20)
        connection.sendall(self._answer)
        while not self.over.wait(0.05):
            connection.sendall(self._drop)


#: What drips: the body, a chunk of it, a body that ends with the connection, the head.
DRIPPING = {
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n",
    "endless": b"HTTP/1.0 200 OK\r\n\r\n",
    "head": b"HTTP/1.1 200 OK\r\nX-Long: ",
}
