"""`radnode critical`: critical findings that nobody has acknowledged, and how to acknowledge one."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_ledger, print_json, print_table, when

app = typer.Typer(help="Critical findings: list those that are open, acknowledge.", invoke_without_command=True)
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As in `radnode critical list`, or in the notification.")]


@app.callback()
def _default(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_open(config, as_json)


@app.command("list")
def list_open(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List critical findings that nobody has acknowledged, the oldest first."""
    _, ledger = open_ledger(config)
    found = ledger.criticals.open()
    if as_json:
        print_json([vars(one) for one in found])
        return
    rows = [
        (one.id, when(one.at), one.rule, one.finding, one.study_instance_uid, _deadline(one.due, one.escalated))
        for one in found
    ]
    print_table(("id", "since", "rule", "finding", "study", "to be acknowledged"), rows, "no critical finding is open")


@app.command()
def ack(number: IdArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Acknowledge a critical finding; the trail of its study says who did."""
    from node.cli.operator import operator

    _, ledger = open_ledger(config)
    found = ledger.criticals.acknowledge(number, operator())
    typer.echo(f"{found.finding} of study {found.study_instance_uid} is acknowledged by {operator()}")


def _deadline(due: float, escalated: bool) -> str:
    return "at once: it was escalated" if escalated else f"until {when(due)}"
