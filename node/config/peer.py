"""Who may associate, and what for, as a table of the configuration."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from node.config.queue import PriorityName
from node.config.section import Name, Section


def network(text: str) -> str:
    """An IP address or a range; raises ValueError for what is none."""
    ip_network(text, strict=False)  # raises ValueError with what is wrong
    return text


def _fingerprint(text: str) -> str:
    """SHA-256 as hex digits, with colons or without, as programs print it."""
    digits = text.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ValueError("a fingerprint is a SHA-256: 64 hex digits, with colons or without")
    return digits


AEPattern = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[ -\[\]-~]+$")]
Operation = Literal["store", "echo", "commit"]
OPERATIONS: tuple[Operation, ...] = ("store", "echo", "commit")


class PeerRule(Section):
    """Who may associate, and for what; without any such table, anybody. The first whose conditions all hold counts."""

    name: Name = Field(description="Name shown in the log.")
    ae_title: AEPattern = Field("*", description="Its calling AE title, * and ? as in file names.")
    addresses: tuple[Annotated[str, AfterValidator(network)], ...] = Field(
        (), description="IP addresses, or ranges such as 10.1.0.0/16; empty: any."
    )
    certificate_fingerprints: tuple[Annotated[str, AfterValidator(_fingerprint)], ...] = Field(
        (), description="SHA-256 of its certificate, as `radnode certs show` prints it; over TLS alone. Empty: any."
    )
    certificate_subjects: tuple[str, ...] = Field(
        (),
        description="Subject of its certificate, the whole of it, as `radnode certs show` prints it; over TLS alone.",
    )
    may: tuple[Operation, ...] = Field(
        OPERATIONS,
        min_length=1,
        description="What it may do: store (C-STORE, and what tells of it: N-CREATE, N-SET), echo (C-ECHO), commit "
        "(N-ACTION, N-EVENT-REPORT).",
    )
    priority: PriorityName = Field(
        "",
        description="Of what comes under its AE title, whatever else it is known by: stat, high, routine or low; "
        "empty: what images and routes say.",
    )

    @property
    def needs_certificate(self) -> bool:
        """Whether only somebody with a certificate can fit."""
        return bool(self.certificate_fingerprints or self.certificate_subjects)
