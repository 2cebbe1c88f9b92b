"""The node's HTTP, as a table of the configuration."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from node.config.section import Port, Section


class WebSettings(Section):
    """HTTP: the dashboard, readers' reviews, the operator's actions, and studies by STOW-RS."""

    enabled: bool = Field(False, description="Whether the node answers HTTP.")
    host: str = Field("127.0.0.1", description="Address to listen on; others only with `tls` or `behind_proxy`.")
    port: Port = Field(8114, description="HTTP port.")
    tls: bool = Field(False, description="HTTPS, with `certificate` and `key` of `[tls]`.")
    behind_proxy: bool = Field(
        False, description="A proxy on this machine brings TLS, and names the caller in X-Forwarded-For."
    )
    requests_per_minute: int = Field(
        300, ge=1, le=1_000_000, description="From one address; more are answered 429, as are ten wrong tokens."
    )
    result_objective_seconds: float = Field(
        300,
        gt=0,
        description="From the last image to the last delivered result; `GET /metrics` counts how many keep it.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Names that a request's Host header may have, beside localhost and `host`."
    )
    show_patients: bool = Field(
        False,
        description="The dashboard's page of a study shows the patient's name and id; the trail says who looked.",
    )
    tokens_file: Path | None = Field(
        None,
        description="File of `radnode tokens`, relative to the configuration file; else `tokens` in the data folder.",
    )
