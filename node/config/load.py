"""Reads the configuration file, and says precisely what is wrong with it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from node.config import audit, telemetry, worklist
from node.config.destination import FILES
from node.config.edge import for_edge
from node.config.section import Section
from node.config.settings import Settings
from node.config.watched import overlap
from node.errors import ConfigError
from node.pins import read_pins

_HEADER = re.compile(r"^\s*\[(\[)?\s*([\w.\"-]+)\s*\]?\]")
_KEY = re.compile(r"^\s*([\w\"-]+)\s*=")
_PREFIX = "RADNODE_"
T = TypeVar("T", bound=Section)


def frozen(settings: Settings) -> bytes:
    """The settings as JSON, which :func:`load` reads back as they are: what a node hands to the processes it starts."""
    return settings.model_dump_json(indent=1).encode()


def load(path: Path) -> Settings:
    """Read `path`; relative folders in it are relative to it. Raises :class:`ConfigError`.

    A file `*.json` is one of :func:`frozen`: the environment has no say in it any more.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors of Windows begin a file with a byte order mark
        if path.suffix == ".json":
            return Settings.model_validate_json(text)
        table = tomllib.loads(text)
    except OSError as error:
        hint = "`radnode init` writes one" if not path.exists() else ""
        raise ConfigError(f"the configuration cannot be read: {error.strerror}", about=str(path), hint=hint) from error
    except ValidationError as error:
        raise ConfigError("this copy of the settings is damaged: start the node again", about=str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("the configuration is no TOML: it is to be UTF-8, save it so", about=str(path)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration is no TOML: {error}", about=str(path)) from error
    overrides = _overrides(os.environ)
    try:
        settings = Settings.model_validate(_with(overrides, table))
    except ValidationError as error:
        lines = [_describe(detail, path, text, overrides) for detail in error.errors()]
        raise ConfigError("the configuration is wrong:\n  " + "\n  ".join(lines), about=str(path)) from error
    folder = path.resolve().parent
    settings = _anchored(_pinned(settings, folder), folder)
    _refuse_overlaps(settings, path, text)
    return for_edge(settings) if settings.node.edge else settings


def _pinned(settings: Settings, folder: Path) -> Settings:
    """The same settings with the pins of `folder` beside those of the file, which go first."""
    pins = {**read_pins(folder), **settings.worker.pins}
    return settings.model_copy(update={"worker": settings.worker.model_copy(update={"pins": pins})})


def _overrides(environment: Mapping[str, str]) -> dict[tuple[str, str], tuple[str, Any]]:
    """Table and key -> the variable that overrides it, as `RADNODE_NODE__PORT`, and its value; lists are as in TOML."""
    found = {}
    for variable, value in environment.items():
        section, mark, key = variable.removeprefix(_PREFIX).lower().partition("__")
        if variable.startswith(_PREFIX) and mark and section in Settings.model_fields:
            found[section, key] = variable, _value(value)
    return found


def _value(text: str) -> Any:  # Any: TOML's edge
    try:
        return tomllib.loads(f"value = {text}")["value"] if text.startswith("[") else text
    except tomllib.TOMLDecodeError:
        return text


def _with(overrides: Mapping[tuple[str, str], tuple[str, Any]], table: dict[str, Any]) -> dict[str, Any]:
    """The table with the values of the environment put over it."""
    for (section, key), (_, value) in overrides.items():
        table = {**table, section: {**table.get(section, {}), key: value}}
    return table


def _anchored(settings: Settings, folder: Path) -> Settings:
    """The same settings with folders made absolute."""
    node = settings.node.model_copy(update={"data_dir": folder / settings.node.data_dir})
    destinations = tuple(_with_files(one, folder, FILES) for one in settings.destinations)
    worklists = tuple(_with_files(one, folder, worklist.FILES) for one in settings.worklists)
    tls = settings.tls.model_copy(
        update={
            **{key: folder / getattr(settings.tls, key) for key in ("certificate", "key", "ca")},
            "crl": settings.tls.crl and folder / settings.tls.crl,
        }
    )
    tokens = settings.web.tokens_file
    web = settings.web.model_copy(update={"tokens_file": folder / tokens if tokens else None})
    collector = _with_files(settings.audit, folder, audit.FILES)
    traced = _with_files(settings.telemetry, folder, telemetry.FILES)
    inputs = tuple(one.model_copy(update={"path": folder / one.path}) for one in settings.inputs)
    changed = {"node": node, "tls": tls, "web": web, "audit": collector, "telemetry": traced, "inputs": inputs}
    return settings.model_copy(update={**changed, "destinations": destinations, "worklists": worklists})


def _with_files(table: T, folder: Path, files: Iterable[str]) -> T:
    """The same table with the paths of its files made absolute. Args: files: the keys that hold them."""
    return table.model_copy(update={key: folder / path for key in files if (path := getattr(table, key))})


def _refuse_overlaps(settings: Settings, path: Path, text: str) -> None:
    """What is watched is emptied: it must hold nothing that the node, or a destination, keeps."""
    kept = [("node.data_dir", settings.node.data_dir)]
    kept += [(f"the destination '{one.name}'", one.path) for one in settings.destinations if one.path]
    for number, one in enumerate(settings.inputs):
        others = [(f"the input '{other.name}'", other.path) for other in settings.inputs if other is not one]
        if name := overlap(one.path, [*kept, *others]):
            line = line_of(text, ("inputs", number, "path"))
            what = f"{path}:{line}: inputs.{number}.path: the folder lies in that of {name}, or holds it"
            raise ConfigError(f"the configuration is wrong:\n  {what}", about=str(path))


def _describe(detail: ErrorDetails, path: Path, text: str, overrides: Mapping[tuple[str, str], tuple[str, Any]]) -> str:
    """`file:line: key: what is wrong (found ...)`, or `variable: ...`; pydantic's message names what is allowed."""
    location = getattr(detail.get("ctx", {}).get("error"), "location", detail["loc"])
    key = ".".join(str(part) for part in location) or "the file"
    line = line_of(text, location)
    message = detail["msg"].removeprefix("Value error, ")
    found = "" if detail["type"] in ("missing", "value_error") else f"; found {detail['input']!r}"
    if detail["type"] == "extra_forbidden":
        message, found = f"unknown key; allowed: {', '.join(_allowed(location))}", ""
    variable = next((one for (section, name), (one, _) in overrides.items() if location[:2] == (section, name)), None)
    return f"{variable or f'{path}:{line}'}: {key}: {message}{found}"


def _allowed(location: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand where `location` stands."""
    model: Any = Settings  # walks model classes and annotations, which have no common type
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        model = next(iter(getattr(annotation, "__args__", ())), annotation)
    return sorted(model.model_fields)


def line_of(text: str, location: tuple[int | str, ...]) -> int:
    """The line (from 1) on which the key at `location` stands, or that of its table."""
    names = [str(part) for part in location if not isinstance(part, int)]
    index = next((part for part in location if isinstance(part, int)), 0)
    table, count, best = "", {}, 1  # type: str, dict[str, int], int
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = header[2].strip('"')
            count[table] = count.get(table, -1) + 1
        inside = count.get(table, 0) == index if names and table == names[0] else table == ""
        if inside and header and names and table == names[0]:
            best = number
        key = _KEY.match(line)
        if inside and key and key[1].strip('"') in (names[1:2] if table else names[:1]):
            return number
    return best
