"""`radnode reload`: the running node takes over its changed configuration, as far as that goes without a restart."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_ledger, print_json, printable

if TYPE_CHECKING:
    from node.ledger import Ledger

_TimeoutOption = Annotated[float, typer.Option("--timeout", min=1, help="Wait so many seconds for its answer.")]
_LOOK_SECONDS = 0.1


def reload(config: ConfigOption = DEFAULT_CONFIG, timeout: _TimeoutOption = 60, as_json: JsonOption = False) -> None:
    """Let the running node read its configuration again; one that is wrong is refused, and the old one stays.

    Routes, destinations, quiet times, critical findings, how long files stay, how models are watched, who may associate
    or send reports, and what of HTTP hangs on no socket count at once; the rest is named, and needs a restart. Exit
    status 78: refused; 69: no process serves this node.
    """
    from node.cli.operator import acted

    ledger = _opened(config)
    if ledger.facts.serving_pid() is None:
        typer.echo("no process serves this node: it reads its configuration when it starts, `radnode serve`", err=True)
        raise typer.Exit(os.EX_UNAVAILABLE)
    acted(ledger, "reload")
    answer = _ask(ledger, timeout)
    if as_json:
        print_json(answer)
    else:
        _tell(answer)
    if answer["error"]:
        raise typer.Exit(os.EX_CONFIG)


def _opened(config: Path) -> Ledger:
    """As always, but of a wrong configuration it is said that nothing has happened."""
    from node.config import load
    from node.errors import ConfigError

    try:
        load(config)
        return open_ledger(config)[1]
    except ConfigError as error:
        raise ConfigError(error.what, about=error.about, hint=error.hint or "nothing is changed in the node") from error


def _ask(ledger: Ledger, timeout: float) -> dict[str, Any]:  # Any: JSON's edge
    from node.errors import TemporaryError

    number, deadline = ledger.reloads.ask(), time.monotonic() + timeout
    while time.monotonic() < deadline:
        if (answer := ledger.reloads.answer_to(number)) is not None:
            return {key: value for key, value in answer.items() if key != "number"}
        time.sleep(_LOOK_SECONDS)
    raise TemporaryError(f"the node has not answered within {timeout:g} s", hint="`radnode status` says how it is")


def _tell(answer: dict[str, Any]) -> None:  # Any: JSON's edge
    if answer["error"]:
        for line in f"refused, the node keeps its configuration: {answer['error']}".splitlines():
            typer.echo(printable(line), err=True)
        return
    typer.echo(printable(f"read {answer['file']}"))
    for one in answer["live"]:
        typer.echo(printable(f"in force       {one}"))
    for one in answer["restart"]:
        typer.echo(printable(f"needs restart  {one}"))
    for one in answer["left"]:
        typer.echo(printable(f"! {one}"))
    if not answer["live"] and not answer["restart"]:
        typer.echo("nothing in it differs from what is in force")
