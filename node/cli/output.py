"""How things are printed: tables for people, JSON for programs; and the options that many commands share."""

from __future__ import annotations

import json
import re
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
#: Stands before the end of a UID whose beginning a terminal has no room for.
CUT = "\u2026"
_GAP, _END = 2, 16
_LONG_UID = re.compile(r"[0-9.]{24,64}")


def open_ledger(config: Path) -> tuple[Settings, Ledger]:
    """The settings and the ledger of the node that this configuration describes.

    A file that is wrong is told on stderr, and no more than that, while the node runs with what it has: somebody wants
    to see how it is.
    """
    settings, ledger, wrong = open_running(config)
    if wrong:
        print(f"radnode: {wrong}", file=sys.stderr)
    return settings, ledger


def open_running(config: Path) -> tuple[Settings, Ledger, str]:
    """As :func:`open_ledger`; and what is wrong with the file, though the node runs, or nothing."""
    from node import config as configuration
    from node.errors import ConfigError, NeverRun
    from node.ledger import Ledger

    try:
        settings, wrong = configuration.load(config), ""
    except ConfigError as error:
        in_force = configuration.in_force(config)
        if in_force is None or not _is_served(in_force):
            raise
        settings, wrong = in_force, f"{error}; the node goes on with what it has, until it is started again"
    path = settings.node.data_dir / "ledger.db"
    if not path.exists():
        raise NeverRun("this node has never run", about=str(path), hint="`radnode serve` starts it")
    return settings, Ledger(path, settings.storage.busy_seconds), wrong


def _is_served(settings: Settings) -> bool:
    from node.ledger import Ledger

    path = settings.node.data_dir / "ledger.db"
    return path.exists() and Ledger(path).facts.serving_pid() is not None


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

        console = Console()
        table = Table(box=None, header_style="bold", pad_edge=False)
        fitting = _fitting(columns, cells, console.width)
        for name, *column in zip(columns, *fitting, strict=True):
            table.add_column(name, no_wrap=any(cell.startswith(CUT) for cell in column))
        for row in fitting:
            table.add_row(*(escape(cell) for cell in row))
        console.print(table)


def _fitting(columns: Sequence[str], rows: list[list[str]], width: int) -> list[list[str]]:
    """Rows for a terminal of that width: where it is too narrow, of UIDs their ends, which name a study as well."""
    widest = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    if sum(widest) + _GAP * len(widest) <= width:
        return rows
    return [[f"{CUT}{cell[-_END:]}" if _LONG_UID.fullmatch(cell) else cell for cell in row] for row in rows]


def uncut(uid: str) -> str:
    """A UID, or its end, as somebody has copied it from a table or typed it."""
    return uid.strip().removeprefix(CUT)


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
