"""What the tables of the configuration are made of: a frozen table, and the types that several of them use."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

AETitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[ -\[\]-~]+$")]  # PS3.5 6.2: no backslash
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w .@+-]+$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(ge=0, le=86400)]


def at(host: str, port: int) -> str:
    """An address as it is written, e.g. `127.0.0.1:104`; of IPv6 as in URLs, `[::1]:104` (RFC 3986 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Section(BaseModel):
    """A table of the configuration file: frozen, and no unknown keys."""

    # Most tables are only ever read as part of the whole: a validator of their own would take each command 0.1 s.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
