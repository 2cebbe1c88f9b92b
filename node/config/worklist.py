"""Worklist servers whose workitems are performed, as a table of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from node.config.destination import Destination
from node.config.section import Name, Section

#: Code Value and Coding Scheme Designator, as HL7 has them.
CodeText = Annotated[str, StringConstraints(pattern=r"^[^\\^]{1,16}\^[^\\^]{1,16}$")]
#: Keys that hold a path: relative ones are relative to the configuration file.
FILES = ("password_file", "token_file", "ca_file", "certificate_file", "key_file")
_SHARED = ("name", "url", "user", "password_file", "timeout_seconds", "ca_file", "certificate_file", "key_file")


class Worklist(Section):
    """A worklist server (UPS-RS) whose workitems are performed: claimed, their study fetched and analysed, and told."""

    name: Name = Field(description="Name shown in log and trail.")
    url: str = Field(description="Address of the service, without /workitems, e.g. https://ris.example/dicom-web.")
    codes: dict[CodeText, str] = Field(
        min_length=1,
        description='Scheduled Workitem Code = plugin, e.g. `"AI-CXR^99SITE" = "chest-radiograph"`; a route has to '
        "lead to the plugin, and says where results go.",
    )
    label: str = Field("", max_length=64, description="Only workitems with this Worklist Label.")
    archive: str = Field(
        "",
        description="Name of a destination of kind dicom that studies are fetched from, unless a workitem names the AE "
        "title of another one, or addresses for WADO-RS of a destination of kind stow.",
    )
    every_seconds: float = Field(10, gt=0, le=3600, description="How often it is asked, seconds.")
    events: bool = Field(
        False,
        description="It is subscribed to, and tells over a WebSocket of new workitems, and of requests to cancel those "
        "in hand; asked every `every_seconds` all the same.",
    )
    at_most: int = Field(4, ge=1, le=100, description="Most workitems in hand at one time.")
    patience_minutes: float = Field(
        60, gt=0, le=10080, description="A workitem whose study has not come by then is canceled, minutes."
    )
    user: str = Field("", description="User name.")
    password_file: Path | None = Field(None, description="File that holds the password.")
    token_file: Path | None = Field(None, description="File that holds a bearer token (first line), instead of a user.")
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(30, description="Longest wait for an answer.")
    ca_file: Path | None = Field(
        None, description="https: file of certificates whose word on it counts; else the system's."
    )
    certificate_file: Path | None = Field(
        None, description="https: our certificate, for a server that asks for one; with key_file."
    )
    key_file: Path | None = Field(None, description="https: its private key.")

    @model_validator(mode="after")
    def _can_be_asked(self) -> Worklist:
        if not self.url.startswith(("http://", "https://")):
            raise ValueError("the url begins with http:// or https://")
        if self.user and self.token_file:
            raise ValueError("either 'user' or 'token_file'")
        _ = self.server
        return self

    @property
    def server(self) -> Destination:
        """The same as what speaks HTTP knows it: address, credentials, and whose certificates count."""
        return Destination(kind="stow", **{key: getattr(self, key) for key in _SHARED})
