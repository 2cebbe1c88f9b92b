"""Syslog: a message after RFC 5424, and how it is framed on a stream (RFC 5425, RFC 6587 3.4.1)."""

from __future__ import annotations

import datetime as dt
import os
import socket

#: Facility 10, security and authorization (ITI-20); severities of RFC 5424 6.2.1.
_FACILITY, WARNING, NOTICE = 10, 4, 5
#: By it a collector knows what it gets (ITI-20, 3.20.4.1.2).
MESSAGE_ID = "IHE+RFC-3881"
_APPLICATION = "radnode"


def record(xml: str, at: float, severity: int = NOTICE) -> bytes:
    """One message. Args: xml: what it says; at: when that happened, seconds since the epoch."""
    moment = dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    header = f"<{_FACILITY * 8 + severity}>1 {moment} {_hostname()} {_APPLICATION} {os.getpid()} {MESSAGE_ID} - "
    return header.encode("ascii") + b"\xef\xbb\xbf" + xml.encode()  # the mark says UTF-8 (RFC 5424 6.4)


def framed(message: bytes) -> bytes:
    """With its length before it."""
    return b"%d %b" % (len(message), message)


def _hostname() -> str:
    """Printable ASCII, as the header wants it."""
    name = "".join(char for char in socket.gethostname() if "!" <= char <= "~")
    return name[:255] or "-"
