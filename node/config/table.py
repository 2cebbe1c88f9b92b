"""The settings as a table, for the README."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from node.config.critical import CriticalRule
from node.config.destination import Destination
from node.config.fetching import FetchRule
from node.config.peer import PeerRule
from node.config.routing import Route
from node.config.settings import Settings
from node.config.watched import WatchedFolder
from node.config.worklist import Worklist

#: Tables that may be given more than once.
_REPEATED: dict[str, type[BaseModel]] = {
    "peers": PeerRule,
    "inputs": WatchedFolder,
    "destinations": Destination,
    "routes": Route,
    "critical": CriticalRule,
    "fetch": FetchRule,
    "worklists": Worklist,
}


def settings_table() -> str:
    """Every setting with its default and meaning, as Markdown."""
    rows = []
    for section, field in Settings.model_fields.items():
        model = _REPEATED.get(section) or field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            header = f"[[{section}]]" if section in _REPEATED else f"[{section}]"
            rows.append(f"| **`{header}`** | | {(model.__doc__ or '').splitlines()[0]} |")
            rows += [_row(name, inner) for name, inner in model.model_fields.items()]
        else:
            rows.insert(0, _row(section, field))
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def _row(name: str, field: FieldInfo) -> str:
    default = "required" if field.is_required() else f"`{toml(field.default)}`"
    return f"| `{name}` | {default} | {field.description or ''} |"


def toml(value: object) -> str:
    """A value as it would be written in the file."""
    if value is None:
        return "-"
    if isinstance(value, dict):
        if not value:
            return "{}"
        return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, Path):
        return json.dumps(str(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)
