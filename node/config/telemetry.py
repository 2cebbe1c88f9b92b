"""Where traces of the studies' way go, as a table of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from node.config.section import Section

#: Keys that hold a path: relative ones are relative to the configuration file.
FILES = ("ca_file",)


class TelemetrySettings(Section):
    """Traces (OpenTelemetry) of what was delivered, or failed: a span for each stage of its way, under a pseudonym."""

    url: Annotated[str, Field(pattern=r"^(https?://.+)?$")] = Field(
        "", description="Of a collector that takes OTLP over HTTP, e.g. http://127.0.0.1:4318; empty: none."
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = Field(5, description="Longest wait for the collector.")
    ca_file: Path | None = Field(None, description="https: certificates whose word on it counts; else the system's.")
