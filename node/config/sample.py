"""The commented file that `radnode init` writes: each key that it sets with its meaning, and examples of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import wrap

from node.config.destination import Destination
from node.config.routing import Route
from node.config.section import Section
from node.config.settings import NodeSettings
from node.config.study import StudySettings
from node.config.table import toml
from node.config.tls import TlsSettings

_WIDTH = 120
_HEAD = """\
# Configuration of radnode. `radnode config check` reads it, `radnode config show` prints it with every default."""
_FURTHER = """\
# Folders that are watched for DICOM files; what was taken is removed, or moved with `when_taken`.
# [[inputs]]
# name = "EXPORT"             # counts as calling AE title
# path = "inbox"

# Who may associate, and for what; without any such table: anybody.
# [[peers]]
# name = "CT 1"
# ae_title = "CT*"
# addresses = ["10.1.0.0/16"]
# may = ["store", "echo"]"""
_DESTINATIONS = """\
# kind: dicom (C-STORE), orthanc (REST), stow (STOW-RS), folder; hl7 and webhook get messages.
# profile: sc+sr (heatmap and report), sr, ohif (what OHIF shows), gsps (marks over the image), all; or a list."""
_FURTHER_DESTINATIONS = """\
# [[destinations]]
# name = "archive"
# kind = "dicom"
# ae_title = "ARCHIVE"
# host = "127.0.0.1"
# port = 104
# profile = "sc+sr"

# [[destinations]]
# name = "ris"
# kind = "hl7"                # ORU^R01 over MLLP, with the patient
# host = "127.0.0.1"
# port = 2575
# receiving_application = "RIS"

# [[destinations]]
# name = "dashboard"
# kind = "webhook"            # JSON by POST, under a pseudonym; phi = true: with the patient
# url = "http://127.0.0.1:8080/results"
# secret_file = "webhook.secret\""""
_QUIET = {"default": 10, "CR": 2, "DX": 2}
_ROUTES: tuple[Mapping[str, object], ...] = (
    {"name": "chest films", "modality": ["CR", "DX"], "body_part": ["CHEST", "THORAX"], "plugin": "chest-radiograph"},
    {"name": "brain MR", "modality": ["MR"], "body_part": ["BRAIN", "HEAD", "SKULL"], "plugin": "brain-tumour-mr"},
)


def _into_a_folder() -> dict[str, object]:
    return {"name": "folder", "kind": "folder", "path": "results"}


@dataclass(frozen=True)
class Wishes:
    """What a site wants of its first configuration. Args: destination: the keys of its one destination."""

    ae_title: str = "RADNODE"
    host: str = "127.0.0.1"
    port: int = 11112
    allowed_calling: tuple[str, ...] = ()
    data_dir: str = "radnode-data"
    destination: Mapping[str, object] = field(default_factory=_into_a_folder)


def sample(wishes: Wishes) -> str:
    """The text of the file; whether its values are right is for :func:`~node.config.load` to say."""
    node = {
        "ae_title": wishes.ae_title,
        "host": wishes.host,
        "port": wishes.port,
        "data_dir": wishes.data_dir,
        "allowed_calling": list(wishes.allowed_calling),
    }
    to = {"accept_missing": True, "destinations": [wishes.destination["name"]]}
    parts = [
        _HEAD,
        _table("[node]", NodeSettings, node),
        _table("# `radnode certs init` makes what it needs.\n[tls]", TlsSettings, {"enabled": False}),
        _FURTHER,
        _table("[study]", StudySettings, {"quiet_seconds": _QUIET}),
        f"# {Destination.__doc__}\n{_DESTINATIONS}",
        _table("[[destinations]]", Destination, wishes.destination),
        _FURTHER_DESTINATIONS,
        f"# {Route.__doc__}",
        *(_table("[[routes]]", Route, {**route, **to}) for route in _ROUTES),
    ]
    return "\n\n".join(parts).replace(f"{_DESTINATIONS}\n\n", f"{_DESTINATIONS}\n") + "\n"


def _table(header: str, model: type[Section], values: Mapping[str, object]) -> str:
    return "\n".join([header, *(_line(model, key, value) for key, value in values.items())])


def _line(model: type[Section], key: str, value: object) -> str:
    """A key with its value, and its meaning behind it, or above it where it is long."""
    text, meaning = f"{key} = {toml(value)}", model.model_fields[key].description or ""
    if len(line := f"{text:<32}  # {meaning}") <= _WIDTH:
        return line
    return "\n".join([*(f"# {part}" for part in wrap(meaning, _WIDTH - 2)), text])
