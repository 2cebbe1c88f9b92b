"""The listener for reports in HL7 messages, as a table of the configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from node.config.peer import network
from node.config.section import Port, Seconds, Section


class Hl7Settings(Section):
    """Signed reports from a RIS, as HL7 v2 messages over MLLP: ORU^R01, MDM^T02; see "What radiologists say of it"."""

    enabled: bool = Field(False, description="Whether the node listens for them.")
    host: str = Field("127.0.0.1", description="Address to listen on; others only with `addresses` or `tls`.")
    port: Port = Field(2575, description="Port for MLLP.")
    tls: bool = Field(False, description="Within TLS: certificate, key and ca of `[tls]`, as for DICOM.")
    addresses: tuple[Annotated[str, AfterValidator(network)], ...] = Field(
        (), description="IP addresses, or ranges such as 10.1.0.0/16, that may send; empty: any."
    )
    applications: tuple[str, ...] = Field(
        (), description="Sending Applications (MSH-3) that may send, * and ? as in file names; empty: any."
    )
    character_set: Literal["ISO IR 100", "8859/1", "8859/2", "8859/5", "8859/9", "8859/15", "UNICODE UTF-8"] = Field(
        "ISO IR 100", description="Of messages that name none in MSH-18 and are not UTF-8."
    )
    longest_mb: int = Field(16, ge=1, le=1024, description="Longest message taken, or batch of them, MiB.")
    connections: int = Field(32, ge=1, le=1000, description="Connections at one time; of one address half of them.")
    message_seconds: Seconds = Field(
        30, description="Longest time for one message, or batch, to come; then the connection is cut."
    )
    idle_seconds: Seconds = Field(3600, description="Silence between two messages before the connection is cut.")
