"""Who the node is over TLS: its certificate and key, read again whenever their files change."""

from __future__ import annotations

import os
import ssl
import threading
from pathlib import Path

import structlog

from node.config import TlsSettings
from node.errors import ConfigError
from node.tls import open_context, server_context

log = structlog.get_logger()

#: What tells a file from its successor: a renewal replaces it, or writes it anew.
_Stamp = tuple[tuple[int, int, int], ...]


class Identity:
    """Gives each new connection the TLS context of the files as they are now.

    While a renewal is half done (a certificate without its key) the context of before is used on. Raises
    :class:`~node.errors.ConfigError` when the files cannot be used to begin with.

    Args:
        settings: names the files.
        asks_clients: for their certificates, as DICOM peers show them; False: `ca` is not needed.
    """

    def __init__(self, settings: TlsSettings, *, asks_clients: bool = True) -> None:
        self._settings, self._asks_clients = settings, asks_clients
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._context = self._load()

    def context(self) -> ssl.SSLContext:
        """For a connection that begins now."""
        stamp = self._look()
        with self._lock:
            if stamp != self._stamp:
                self._stamp = stamp
                self._renew()
            return self._context

    def _renew(self) -> None:
        try:
            self._context = self._load()
            log.info("certificate renewed", certificate=str(self._settings.certificate))
        except ConfigError as error:
            log.error("certificate not renewed, the one of before is used", error=str(error))

    def _load(self) -> ssl.SSLContext:
        tls = self._settings
        if not self._asks_clients:
            return open_context(tls.certificate, tls.key)
        return server_context(
            tls.certificate, tls.key, tls.ca, tls.crl, require_client_certificate=tls.require_client_certificate
        )

    def _look(self) -> _Stamp:
        tls = self._settings
        return tuple(_stamp(path) for path in (tls.certificate, tls.key, tls.ca, tls.crl) if path is not None)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)
