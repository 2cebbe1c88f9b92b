"""An HTTP answer that is whole in time, however it drips: a socket's own limit is one for each read alone."""

from __future__ import annotations

import io
import socket
import time
from functools import partial
from http.client import HTTPResponse
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Reading(io.RawIOBase):
    """What a socket brings until it is too late. Args: raw: of the socket, which has a time limit for each read."""

    def __init__(self, raw: io.RawIOBase, source: socket.socket) -> None:
        self._raw, self._socket, self._silence = raw, source, source.gettimeout() or 0.0
        self._begin = time.monotonic()
        self.allow(self._silence)

    def allow(self, seconds: float) -> None:
        """Args: seconds: that all may take, from the beginning."""
        self._end = self._begin + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # any buffer
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer is not whole in time")
        if left >= self._silence:
            return self._raw.readinto(buffer)
        self._socket.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        finally:
            self._socket.settimeout(self._silence)  # the next request may go out over the same connection

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    """Args: sock: over which the request has gone out; seconds: in which all of it has come.

    Its head has come in the time of a single read.
    """

    def __init__(self, sock: socket.socket, *options: Any, seconds: float, **more: Any) -> None:  # Any: passed through
        super().__init__(sock, *options, **more)
        self._seconds, self._reading = seconds, _Reading(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._reading)

    def begin(self) -> None:
        """Reads the head."""
        super().begin()
        self._reading.allow(self._seconds)


class _Connection(HTTPConnection):
    def __init__(self, *options: Any, answer_seconds: float, **more: Any) -> None:  # Any: passed through
        super().__init__(*options, **more)
        self.response_class = partial(_Answer, seconds=answer_seconds)  # type: ignore[assignment]  # it is called


class _SecureConnection(HTTPSConnection):
    def __init__(self, *options: Any, answer_seconds: float, **more: Any) -> None:  # Any: passed through
        super().__init__(*options, **more)
        self.response_class = partial(_Answer, seconds=answer_seconds)  # type: ignore[assignment]  # it is called


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def pools(seconds: float) -> dict[str, Any]:  # Any: callables where urllib3 has classes
    """By scheme, pools of connections over which every answer is whole so long after its request, or fails."""
    return {scheme: partial(kind, answer_seconds=seconds) for scheme, kind in _KINDS.items()}


_KINDS = {"http": _Pool, "https": _SecurePool}
