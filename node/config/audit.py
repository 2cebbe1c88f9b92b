"""Where audit messages go, as a table of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from node.config.section import Port, Section, at

#: Keys that hold a path: relative ones are relative to the configuration file.
FILES = ("ca_file", "certificate_file", "key_file")


class AuditSettings(Section):
    """DICOM audit messages (PS3.15 A.5, IHE ATNA) to a collector, over syslog."""

    enabled: bool = Field(False, description="Whether the trail is sent, from the first start with this on.")
    host: str = Field("127.0.0.1", description="Address of the collector.")
    port: Port = Field(6514, description="Its port.")  # RFC 5425 4.1
    transport: Literal["tls", "tcp", "udp"] = Field(
        "tls", description="tls (RFC 5425); tcp (the same without TLS) and udp (RFC 5426, may lose) for one nearby."
    )
    phi: bool = Field(
        False, description="With patient's id, name and accession number, as ATNA expects; else under a pseudonym."
    )
    source_id: str = Field("", max_length=64, description="Audit Source ID; empty: the node's AE title.")
    site_id: str = Field("", max_length=64, description="Audit Enterprise Site ID, if any.")
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = Field(10, description="Longest wait for the collector.")
    ca_file: Path | None = Field(None, description="tls: certificates whose word on it counts; else the system's.")
    certificate_file: Path | None = Field(None, description="tls: our certificate, if it asks for one; with key_file.")
    key_file: Path | None = Field(None, description="tls: its private key.")
    allow_other_hostname: bool = Field(
        False, description="tls: its certificate may be made out to another name or address than `host`."
    )

    @model_validator(mode="after")
    def _tls_fits(self) -> AuditSettings:
        if self.transport != "tls" and (self.ca_file or self.certificate_file or self.allow_other_hostname):
            raise ValueError("'ca_file', 'certificate_file' and 'allow_other_hostname' are for transport 'tls'")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("'certificate_file' and 'key_file' go together")
        return self

    @property
    def name(self) -> str:
        """As shown in errors, e.g. `127.0.0.1:6514`."""
        return at(self.host, self.port)
