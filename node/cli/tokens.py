"""`radnode tokens`: who may use HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, print_table
from node.web.tokens import Role

app = typer.Typer(help="Tokens for HTTP: list, add, remove.", invoke_without_command=True)
RoleOption = Annotated[
    Role,
    typer.Option(
        help="read: see reviews; review: and say them; operate: and retry, hold, drop, pause, resume. store: bring "
        "studies (STOW-RS), and nothing else."
    ),
]
NameArgument = Annotated[str, typer.Argument(help="Of the person or program that holds it.")]


@app.callback()
def _default(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_tokens(config, as_json)


@app.command("list")
def list_tokens(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the names that have a token; the tokens themselves are not kept."""
    from node.web import tokens

    found = sorted((name, one.role) for name, one in tokens.read(_path(config)).items())
    if as_json:
        print_json([{"name": name, "role": role} for name, role in found])
    else:
        print_table(("name", "role"), found, "nobody has a token: `radnode tokens add NAME`")


@app.command()
def add(name: NameArgument, role: RoleOption = Role.REVIEW, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Make a token and print it, once; it is sent as `Authorization: Bearer TOKEN`, and counts at once."""
    from node.web import tokens

    path = _path(config)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    typer.echo(tokens.add(path, name, role))


@app.command()
def remove(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """End a token; it counts no longer from the next request on."""
    from node.web import tokens

    tokens.remove(_path(config), name)
    typer.echo(f"the token of {name} counts no longer")


def _path(config: Path) -> Path:
    from node import config as configuration

    return configuration.load(config).web_tokens
