"""`radnode tokens`: who may use HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, print_table

app = typer.Typer(help="Tokens for HTTP: list, add, remove.", invoke_without_command=True)
NameArgument = Annotated[str, typer.Argument(help="Of the person or program that holds it.")]


@app.callback()
def _default(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_tokens(config, as_json)


@app.command("list")
def list_tokens(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the names that have a token; the tokens themselves are not kept."""
    from node.web import tokens

    names = sorted(tokens.read(_path(config)))
    if as_json:
        print_json(names)
    else:
        print_table(("name",), [(name,) for name in names], "nobody has a token: `radnode tokens add NAME`")


@app.command()
def add(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Make a token and print it, once; it is sent as `Authorization: Bearer TOKEN`, and counts at once."""
    from node.web import tokens

    path = _path(config)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    typer.echo(tokens.add(path, name))


@app.command()
def remove(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """End a token; it counts no longer from the next request on."""
    from node.web import tokens

    tokens.remove(_path(config), name)
    typer.echo(f"the token of {name} counts no longer")


def _path(config: Path) -> Path:
    from node import config as configuration

    return configuration.load(config).web_tokens
