"""The node's TLS port, as a table of the configuration."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from node.config.section import Port, Section


class TlsSettings(Section):
    """DICOM over TLS (PS3.15 B.12): TLS 1.2 at least. Certificates: `radnode certs`."""

    enabled: bool = Field(False, description="Whether the node listens for DICOM over TLS.")
    port: Port = Field(2762, description="Port for it, on `node.host`.")  # PS3.15 B.12: registered as dicom-tls
    allow_plain: bool = Field(
        False, description="With `enabled`: whether `node.port` stays open, without TLS; else it is closed."
    )
    require_client_certificate: bool = Field(
        True, description="Refuse a client that shows no certificate; one from elsewhere than `ca` never counts."
    )
    certificate: Path = Field(
        Path("certs/node.pem"),
        description="The node's certificate (PEM, then those in between); a changed file counts from the next "
        "connection. This and the next two are relative to the configuration file.",
    )
    key: Path = Field(Path("certs/node.key"), description="Its private key (PEM, without a password).")
    ca: Path = Field(Path("certs/ca.pem"), description="Certificates (PEM) of those whose word on clients counts.")
    crl: Path | None = Field(
        None,
        description="Revocation lists (PEM) of those in `ca`: a client whose certificate stands in one is refused. A "
        "changed file counts from the next connection; `radnode certs revoke` makes one.",
    )
