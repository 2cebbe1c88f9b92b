"""How things are printed: tables for people, JSON for programs; and the options that many commands share."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from node.config import Settings
    from node.ledger import Ledger

ConfigOption = Annotated[Path, typer.Option("-c", "--config", help="Configuration file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PhiOption = Annotated[bool, typer.Option("--phi", help="Show patients' names and ids.")]
DEFAULT_CONFIG = Path("radnode.toml")


def open_ledger(config: Path) -> tuple[Settings, Ledger]:
    """The settings and the ledger of the node that this configuration describes."""
    from node import config as configuration
    from node.errors import ConfigError
    from node.ledger import Ledger

    settings = configuration.load(config)
    path = settings.node.data_dir / "ledger.db"
    if not path.exists():
        raise ConfigError("this node has never run", about=str(path), hint="`radnode serve` starts it")
    return settings, Ledger(path, settings.storage.busy_seconds)


def open_serving(config: Path) -> tuple[Settings, Ledger]:
    """As :func:`open_ledger`, but the settings are those that the node serves with, while it runs."""
    from node.config import load

    settings, ledger = open_ledger(config)
    is_served = ledger.facts.serving_pid() is not None and settings.serving_path.exists()
    return (load(settings.serving_path) if is_served else settings), ledger


def ledger_if_any(config: Path) -> Ledger | None:
    """The ledger of that node; None where it has never run."""
    from node.config import load

    return open_ledger(config)[1] if (load(config).node.data_dir / "ledger.db").exists() else None


def print_json(value: Any) -> None:  # Any: JSON's edge
    """Print a value, dataclasses included, as JSON."""
    print(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """Print rows under their columns; `empty` when there are none. A pipe gets tabs and no borders."""
    cells = [[printable(cell) for cell in row] for row in rows]
    if not rows:
        print(empty)
    elif not sys.stdout.isatty():
        print("\t".join(columns))
        for row in cells:
            print("\t".join(row))
    else:
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table(*columns, box=None, header_style="bold", pad_edge=False)
        for row in cells:
            table.add_row(*(escape(cell) for cell in row))
        Console().print(table)


def printable(value: object) -> str:
    """On one line and without control characters: texts come from strangers, who must not paint the screen."""
    return "".join(char if char.isprintable() else " " for char in str(value))


def when(seconds: float) -> str:
    """A time as local date and time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
