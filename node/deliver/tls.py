"""TLS as caller: a context for a destination, which remembers why a connection came to nothing."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import Any

from node.config import Destination
from node.errors import ConfigError, DeliveryError
from node.tls import client_context, reason_of


class Stream(ssl.SSLSocket):
    """Tells its context why there was no TLS: pynetdicom keeps that to itself."""

    def do_handshake(self, block: bool = False) -> None:
        """As the socket of the ssl module; PS3.15 B.12 wants it before the first PDU."""
        try:
            super().do_handshake(block)
        except (ssl.SSLError, ConnectionError) as error:
            _remember(self.context, error)
            raise

    def recv(self, *arguments: Any) -> bytes:  # Any: passed through
        """The same; with TLS 1.3 a peer that refuses us says so only here (RFC 8446 4.4.2)."""
        try:
            return super().recv(*arguments)
        except ssl.SSLError as error:
            _remember(self.context, error)
            raise

    def shutdown(self, how: int) -> None:
        """The same; without an error where nobody is there any more, else pynetdicom would not close it."""
        with suppress(OSError):
            super().shutdown(how)


def context_for(destination: Destination) -> ssl.SSLContext:
    """Whose certificates count, and our own; raises :class:`DeliveryError` when our own files cannot be used."""
    certificate, key = destination.certificate_file, destination.key_file
    pair = (certificate, key) if certificate and key else None
    try:
        return client_context(destination.ca_file, pair, allow_other_hostname=destination.allow_other_hostname)
    except ConfigError as error:
        raise DeliveryError(error.what, about=f"{destination.name}: {error.about}", hint=error.hint) from error


class Call:
    """One attempt at an association over TLS. Raises :class:`DeliveryError` when our own files cannot be used."""

    def __init__(self, destination: Destination) -> None:
        self._context = context_for(destination)
        self._context.sslsocket_class = Stream
        self._hostname = destination.host

    @property
    def arguments(self) -> tuple[ssl.SSLContext, str]:
        """What pynetdicom takes: context, and the host name that the peer's certificate must have."""
        return self._context, self._hostname

    @property
    def trouble(self) -> str:
        """Why there was no TLS; empty: there was, or nobody answered."""
        return str(getattr(self._context, _TROUBLE, ""))


_TROUBLE = "trouble"


def _remember(context: ssl.SSLContext, error: OSError) -> None:
    setattr(context, _TROUBLE, reason_of(error))
