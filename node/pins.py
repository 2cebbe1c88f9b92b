"""Pins: the sha256 of the plugins that a site has accepted, in `plugins.lock` beside the configuration.

A plugin that is pinned and differs is not loaded. The file belongs to whoever installs, not to the account that the
node runs under; it is TOML, a line for each plugin, and is read again when the node starts.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from hashlib import file_digest, sha256
from pathlib import Path

from node.errors import ConfigError, PluginError

FILE = "plugins.lock"
_HEAD = "# Written by `radnode plugins add`: sha256 of the packages of plugins. One that differs is not loaded.\n"
_HEX = 64


def package_digest(folder: Path) -> str:
    """Hex sha256 over the names and contents of all files of a package; raises :class:`PluginError`.

    Compiled code (`__pycache__`) is left out: it differs from machine to machine. A pin tells what was installed from
    what was accepted; it does not stand against somebody who may write wherever radnode itself is installed.
    """
    if any(Path(entry).resolve() == folder.resolve() for entry in sys.path if entry):
        hint = "it has to be a package, a folder of its own with its manifest.toml"
        raise PluginError("the plugin shares its folder with others and cannot be pinned", about=str(folder), hint=hint)
    whole = sha256()
    try:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                with path.open("rb") as stream:
                    digest = file_digest(stream, "sha256").hexdigest()
                whole.update(f"{path.relative_to(folder).as_posix()}\0{digest}\n".encode())
    except OSError as error:
        raise PluginError(
            f"a file of the plugin cannot be read: {error.strerror}", about=str(error.filename)
        ) from error
    return whole.hexdigest()


def read_pins(folder: Path) -> dict[str, str]:
    """Plugin -> sha256, of the lock in `folder`; empty where there is none. Raises :class:`ConfigError`."""
    path = folder / FILE
    try:
        pins = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the pins of the plugins cannot be read: {error}", about=str(path)) from error
    for name, digest in pins.items():
        if not isinstance(digest, str) or len(digest) != _HEX:
            hint = f"take its line out; `radnode plugins add {name}` writes it anew"
            raise ConfigError(f"the pin of {name} is no sha256", about=str(path), hint=hint)
    return pins


def pins_text(pins: Mapping[str, str]) -> str:
    """The lock that :func:`read_pins` reads."""
    return _HEAD + "".join(f'"{name}" = "{digest}"\n' for name, digest in sorted(pins.items()))
