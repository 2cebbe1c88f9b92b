"""Where results go, as a table of the configuration: what each kind needs, and what it must not have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from node.config.section import AETitle, Name, Port, Section
from node.kinds import EVENT, IDENTIFIED_EVENT, KINDS, ORU, PROFILES

#: An HD (HL7 v2.5.1 2.A.36) as it stands in the message, e.g. RIS or RIS^1.2.3^ISO; separators belong to the message.
HierarchicDesignator = Annotated[str, Field(max_length=227, pattern=r"^[^|~\\&\x00-\x1f\x7f]*$")]

#: Kind of destination -> the key that it cannot do without.
_NEEDED: Mapping[str, str] = {
    "dicom": "ae_title",
    "orthanc": "url",
    "stow": "url",
    "folder": "path",
    "hl7": "port",
    "webhook": "url",
}
#: Kinds of destination that take messages instead of objects.
_MESSAGED = ("hl7", "webhook")
#: Kinds of destination that can be reached over TLS.
_VERIFIED = ("dicom", "hl7", "orthanc", "stow", "webhook")
#: Of those, the kinds that are told so by `tls`, not by their url.
_TLS = ("dicom", "hl7")
#: A key of a few kinds alone -> those kinds. Somebody who sets it for another one expects what will not happen.
_ONLY: Mapping[str, tuple[str, ...]] = {
    "sending_application": ("hl7",),
    "sending_facility": ("hl7",),
    "receiving_application": ("hl7",),
    "receiving_facility": ("hl7",),
    "phi": ("webhook",),
    "follow": ("orthanc",),
    "secret_file": ("webhook",),
    "tls": _TLS,
    "allow_other_hostname": _TLS,
    "storage_commitment": ("dicom",),
    "retrieve": ("dicom",),
    "ca_file": _VERIFIED,
    "certificate_file": _VERIFIED,
    "key_file": _VERIFIED,
}
#: Keys that hold a path: relative ones are relative to the configuration file.
FILES = ("path", "password_file", "secret_file", "ca_file", "certificate_file", "key_file")
_OBJECTS = "sc+sr"


class Destination(Section):
    """Where results go."""

    name: Name = Field(description="Name used in routes.")
    kind: Literal["dicom", "orthanc", "stow", "folder", "hl7", "webhook"] = Field(
        description="C-STORE, Orthanc's REST API, STOW-RS, or a folder; for messages HL7 v2 over MLLP, or JSON by POST."
    )
    ae_title: AETitle | None = Field(None, description="dicom: called AE title.")
    host: str = Field("127.0.0.1", description="dicom, hl7: address.")
    port: Port = Field(104, description="dicom, hl7: port; hl7 has no usual one, so that it must be given.")
    url: str = Field("", description="orthanc, stow, webhook: address, e.g. http://127.0.0.1:8042 or .../dicom-web.")
    user: str = Field("", description="orthanc, stow, webhook: user name.")
    password_file: Path | None = Field(None, description="orthanc, stow, webhook: file that holds the password.")
    path: Path | None = Field(None, description="folder: where to write.")
    follow: bool = Field(
        False,
        description="orthanc: take the series that become stable there, but for what the node has made; `name` counts "
        "as their calling AE title.",
    )
    profile: str | tuple[str, ...] = Field(
        _OBJECTS, description="Which objects it takes: sc+sr, sr, ohif, gsps or all; or a list of kinds."
    )
    storage_commitment: bool = Field(
        False,
        description="dicom: ask whether it keeps what it took (Storage Commitment), deliver again what it does not "
        "keep, and purge no file before it says that it does.",
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(30, description="Longest wait for an answer.")
    keep_seconds: Annotated[float, Field(ge=0, le=60)] = Field(
        2,
        description="dicom, orthanc, stow, webhook: so long an association, or a connection, stays open for the next "
        "results; 0: it ends with each study.",
    )
    retrieve: Literal["move", "get"] = Field(
        "move",
        description="dicom: how studies are fetched from it: C-MOVE, or C-GET, over an association of the node, whose "
        "address the archive need not know.",
    )
    retrieve_seconds: Annotated[float, Field(gt=0, le=86400)] = Field(
        300, description="dicom: longest silence of an archive while it sends a study that is fetched from it."
    )
    sending_application: HierarchicDesignator = Field("", description="hl7: MSH-3; empty: the node's AE title.")
    sending_facility: HierarchicDesignator = Field("", description="hl7: MSH-4.")
    receiving_application: HierarchicDesignator = Field("", description="hl7: MSH-5.")
    receiving_facility: HierarchicDesignator = Field("", description="hl7: MSH-6.")
    phi: bool = Field(False, description="webhook: with patient and order; else under a pseudonym.")
    secret_file: Path | None = Field(
        None, description="webhook: file that holds the secret (first line) that bodies are signed with, HMAC-SHA256."
    )

    tls: bool = Field(False, description="dicom, hl7: over TLS (PS3.15 B.12; MLLP within TLS).")
    ca_file: Path | None = Field(
        None,
        description="dicom and hl7 with tls, https: file of certificates whose word on it counts; else the system's.",
    )
    certificate_file: Path | None = Field(
        None, description="dicom and hl7 with tls, https: our certificate, for a peer that asks for one; with key_file."
    )
    key_file: Path | None = Field(None, description="dicom and hl7 with tls, https: its private key.")
    allow_other_hostname: bool = Field(
        False,
        description="dicom and hl7 with tls: its certificate may be made out to another name or address than `host`.",
    )

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(value, str):
            if value not in PROFILES:
                raise ValueError(f"allowed are {', '.join(PROFILES)}, or a list of {', '.join(KINDS)}")
        elif not value or not set(value) <= set(KINDS):
            raise ValueError(f"a list holds one or more of {', '.join(KINDS)}")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Destination:
        needed = _NEEDED[self.kind]
        if not getattr(self, needed) or needed not in self.model_fields_set:
            raise ValueError(f"a destination of kind '{self.kind}' needs '{needed}'")
        if self.kind == "webhook" and not self.url.startswith(("http://", "https://")):
            raise ValueError("the url of a webhook begins with http:// or https://")
        return self

    @model_validator(mode="after")
    def _nothing_in_vain(self) -> Destination:
        if self.kind in _MESSAGED and self.profile != _OBJECTS:
            raise ValueError(f"a destination of kind '{self.kind}' takes messages, no objects: leave 'profile' out")
        for key, kinds in _ONLY.items():
            if getattr(self, key) != type(self).model_fields[key].default and self.kind not in kinds:
                raise ValueError(f"'{key}' is for a destination of kind {' or '.join(kinds)}")
        return self

    @model_validator(mode="after")
    def _tls_fits(self) -> Destination:
        over_tls = self.tls if self.kind in _TLS else self.url.startswith("https://")
        for key in ("ca_file", "certificate_file", "key_file", "allow_other_hostname"):
            if getattr(self, key) and not over_tls:
                raise ValueError(f"'{key}' is for TLS: {'set tls' if self.kind in _TLS else 'use a https:// url'}")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("'certificate_file' and 'key_file' go together")
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of object it takes, or the one kind of message."""
        if self.kind == "hl7":
            return (ORU,)
        if self.kind == "webhook":
            return (IDENTIFIED_EVENT if self.phi else EVENT,)
        return PROFILES[self.profile] if isinstance(self.profile, str) else self.profile
