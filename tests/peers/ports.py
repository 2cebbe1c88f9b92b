"""Ports that are free."""

from __future__ import annotations

import random
import socket

#: Below the range from which the kernel gives ports to clients, so that no connection takes one in between.
_FIRST, _LAST = 20000, 32000
_given: set[int] = set()


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, and which this process has not given away yet."""
    draw = random.SystemRandom()
    for _ in range(1000):
        port = draw.randint(_FIRST, _LAST)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise AssertionError("no port is free")
