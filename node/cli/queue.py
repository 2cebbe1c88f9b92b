"""`radnode queue`: what is still to do, what failed, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_ledger, print_json, print_table

if TYPE_CHECKING:
    from node.ledger import Ledger

app = typer.Typer(help="Analyses that wait or failed: list, retry, hold, drop.", invoke_without_command=True)
IdsArgument = Annotated[list[int], typer.Argument(help="Numbers as in `radnode queue list`.")]


@app.callback()
def _default(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_queue(config, as_json)


@app.command("list")
def list_queue(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List analyses that are not done, and deliveries that were refused for good and not replaced."""
    _, ledger = open_ledger(config)
    analyses, refused = ledger.analyses.unfinished(), ledger.deliveries.refused()
    if as_json:
        print_json({"analyses": [vars(a) for a in analyses], "refused": [vars(d) for d in refused]})
        return
    rows = [(a.id, a.state, a.plugin, a.study_instance_uid, a.attempts, a.error) for a in analyses]
    print_table(("id", "state", "plugin", "study", "attempts", "error"), rows, "nothing waits, nothing failed")
    if refused:
        typer.echo(
            "\nrefused by their destination (retry the analysis; a rejection note: `radnode studies withdraw UID`)"
        )
        print_table(
            ("analysis", "destination", "kind", "object", "reason"),
            [(d.analysis_id, d.destination, d.kind, d.sop_instance_uid, d.error) for d in refused],
            "",
        )


@app.command()
def retry(ids: IdsArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Try failed or held analyses again; what was delivered already is not sent twice."""
    _, ledger = open_ledger(config)
    for analysis_id in ids:
        ledger.analyses.retry(analysis_id)
        _note(ledger, "queue retry", analysis_id)
        typer.echo(f"analysis {analysis_id} is queued again")


@app.command()
def hold(ids: IdsArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Stop analyses until `retry` or `drop`."""
    _, ledger = open_ledger(config)
    for analysis_id in ids:
        ledger.analyses.hold(analysis_id)
        _note(ledger, "queue hold", analysis_id)
        typer.echo(f"analysis {analysis_id} is held")


@app.command()
def drop(ids: IdsArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Give analyses up for good."""
    _, ledger = open_ledger(config)
    for analysis_id in ids:
        ledger.analyses.drop(analysis_id)
        _note(ledger, "queue drop", analysis_id)
        typer.echo(f"analysis {analysis_id} is dropped")


def _note(ledger: Ledger, command: str, analysis_id: int) -> None:
    from node.cli.operator import acted

    acted(ledger, command, ledger.analyses.get(analysis_id).study_instance_uid, analysis=analysis_id)
