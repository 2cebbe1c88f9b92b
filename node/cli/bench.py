"""`radnode bench`: what this machine would carry with this configuration."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, print_table, printable

if TYPE_CHECKING:
    from node.capacity import Capacity

_AgainstOption = Annotated[
    Path | None, typer.Option(help="What --json printed before; exit status 1 when much less is carried now.")
]


def bench(config: ConfigOption = DEFAULT_CONFIG, against: _AgainstOption = None, as_json: JsonOption = False) -> None:
    """Measure disk, receiving, decoding, plugins and results here; say how many studies an hour that makes.

    Packaged samples go through a throwaway node beside the spool, which is removed afterwards. The configured spool,
    ledger and destinations are not touched. Takes about a minute.
    """
    from node import capacity
    from node import config as configuration
    from node.cli.engine import engine_of

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # as after ctrl-c, nothing is left
    before = _carried_before(against)
    settings = configuration.load(config)
    found = capacity.measure(settings, lambda what: typer.echo(f"measuring {what} ...", err=True), engine_of)
    less = capacity.compare(found, before)
    if as_json:
        print_json(_table(found) | {"less_than_before": less})
    else:
        _print(found)
        for sentence in less:
            typer.echo(f"! less than before: {sentence}")
    raise typer.Exit(1 if less else 0)


def _table(found: Capacity) -> dict[str, Any]:  # Any: JSON's edge
    carried = [
        asdict(one)
        | {
            "studies_per_hour": found.limits(one)[0].per_hour,
            "limits": [asdict(limit) for limit in found.limits(one)],
        }
        for one in found.carried
    ]
    return asdict(found) | {"carried": carried, "sentences": found.sentences()}


def _carried_before(path: Path | None) -> dict[str, float]:
    """Plugin -> studies an hour, of an earlier run."""
    from node.errors import PermanentError

    if path is None:
        return {}
    try:
        return {one["plugin"]: float(one["studies_per_hour"]) for one in json.loads(path.read_text())["carried"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "`radnode bench --json > FILE` writes one"
        raise PermanentError("there is no earlier run in it", about=str(path), hint=hint) from error


def _print(found: Capacity) -> None:
    typer.echo(f"{found.machine}; load {found.load:.1f} before")
    disk = found.disk
    typer.echo(f"disk: a file of 0.5 MB is synced in {_ms(disk.file)} ms, a line of the log in {_ms(disk.append)} ms")
    typer.echo(f"worker: {found.worker_mb:.0f} MB with its plugins loaded\n")
    rows = [
        (one.plugin, one.study, *map(_ms, (one.receive, one.decode, one.predict, one.results)), f"{one.objects:.0f}")
        for one in found.carried
    ]
    head = ("plugin", "study", "receive ms", "decode ms", "predict ms", "results ms", "objects")
    print_table(head, rows, "no plugin was measured")
    for one in found.carried:
        if one.engine:
            typer.echo(f"{one.plugin} runs with {printable(one.engine)}")
    typer.echo("")
    for sentence in found.sentences():
        typer.echo(printable(sentence))


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g}" if seconds < 1 else f"{seconds * 1000:.0f}"
