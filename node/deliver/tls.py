"""TLS as caller: a context for a destination."""

from __future__ import annotations

import ssl

from node.config import Destination
from node.errors import ConfigError, DeliveryError
from node.tls import client_context


def context_for(destination: Destination) -> ssl.SSLContext:
    """Whose certificates count, and our own; raises :class:`DeliveryError` when our own files cannot be used."""
    certificate, key = destination.certificate_file, destination.key_file
    pair = (certificate, key) if certificate and key else None
    try:
        return client_context(destination.ca_file, pair, allow_other_hostname=destination.allow_other_hostname)
    except ConfigError as error:
        raise DeliveryError(error.what, about=f"{destination.name}: {error.about}", hint=error.hint) from error
