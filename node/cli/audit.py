"""`radnode audit`: the trail of all studies: who sent, what was decided, who looked, who acted; is it whole?"""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.operator import acted
from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_ledger, print_json, printable, when
from node.cli.studies import CountOption

app = typer.Typer(help="The trail of all studies: list, verify.", invoke_without_command=True)
HeadOption = Annotated[str, typer.Option("--head", help="A digest noted earlier: nothing before it may be gone.")]


@app.callback()
def _default(
    context: typer.Context,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
    count: CountOption = 50,
) -> None:
    if context.invoked_subcommand is None:
        list_events(config, as_json, count)


@app.command("list")
def list_events(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False, count: CountOption = 50) -> None:
    """List what happened last, the newest first."""
    settings, ledger = open_ledger(config)
    found = ledger.events.latest(count)
    if settings.audit.enabled:  # whoever collects messages is told who looked (PS3.15 A.5.3.2)
        acted(ledger, "audit list")
    if as_json:
        print_json(found)
        return
    for one in found:
        typer.echo(printable(f"{when(one.at)}  {one.study_instance_uid or '-'}  {one.action}  {one.told}").rstrip())


@app.command()
def verify(config: ConfigOption = DEFAULT_CONFIG, head: HeadOption = "", as_json: JsonOption = False) -> None:
    """Check that no line of the trail was changed, removed or put in. Exit status 1 when one was."""
    from node.audit import verify_trail

    settings, ledger = open_ledger(config)
    found = verify_trail(ledger, head)
    if settings.audit.enabled:
        acted(ledger, "audit verify")
    if as_json:
        print_json(found)
    else:
        typer.echo(f"{found.events} events, {found.unchained} of them from before there was a chain")
        if found.removed:
            typer.echo(f"{found.removed} older events were removed in order (storage.keep_rows_days)")
        typer.echo(f"digest now {found.head or '-'}: note it elsewhere, and give it with --head next time")
        if found.broken is not None:
            typer.echo(f"! the trail was changed: event {found.broken} does not fit to what is before it")
        if found.in_order:
            typer.echo(
                f"the digest {printable(head)} is of an event that was removed in order: note a new one each time"
            )
        if not found.found:
            typer.echo(f"! the trail was cut: the digest {printable(head)} is not in it")
            if found.unknown:
                typer.echo(f"  unless it is of one of {found.unknown} events that an earlier version removed in order")
    raise typer.Exit(0 if found.broken is None and found.found else 1)
