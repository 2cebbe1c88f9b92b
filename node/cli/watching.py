"""`radnode watch`: whether the models still see what they saw, and answer what they answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    open_ledger,
    open_serving,
    print_json,
    print_table,
    when,
)

if TYPE_CHECKING:
    from node.config import Settings
    from node.ledger import Ledger, MeasureRow, Watched

app = typer.Typer(
    help="Watch the models: drift, abstentions, rates, predictive values; report, look, baseline.",
    invoke_without_command=True,
)
_ALARM = 1
_RatesOption = Annotated[bool, typer.Option("--rates", help="Rates of subgroups and readers' predictive values, too.")]


@app.callback()
def _default(
    context: typer.Context,
    config: ConfigOption = DEFAULT_CONFIG,
    rates: _RatesOption = False,
    as_json: JsonOption = False,
) -> None:
    if context.invoked_subcommand is None:
        show(config, rates, as_json)


@app.command()
def show(config: ConfigOption = DEFAULT_CONFIG, rates: _RatesOption = False, as_json: JsonOption = False) -> None:
    """Show the newest look at each model: every figure, its limit, what it says. Exit status 1: an alarm stands."""
    _, ledger = open_ledger(config)
    _shown(ledger, rates, as_json)


def _shown(ledger: Ledger, rates: bool, as_json: bool) -> None:
    found = ledger.measures.latest()
    if as_json:
        print_json(found)
    else:
        columns = ("plugin", "measure", "of", "reference", "answers", "value", "limit", "says")
        kept = [one for one in found if rates or not one.is_detail]
        print_table(columns, [_row(one) for one in kept], "no model has been looked at yet: `radnode watch look`")
        for plugin, at in {one.plugin: one.at for one in found}.items():
            typer.echo(f"{plugin} was looked at {when(at)}")
    raise typer.Exit(_ALARM if ledger.measures.alarms() else 0)


def _row(one: MeasureRow) -> tuple[object, ...]:
    reference = f"{one.reference} ({one.reference_answers})" if one.reference else "-"
    return (
        f"{one.plugin} {one.plugin_version}",
        one.metric,
        one.subject or "all",
        reference,
        one.answers,
        _value(one),
        "-" if one.threshold is None else f"{one.threshold:.3g}",
        one.verdict,
    )


def _value(one: MeasureRow) -> str:
    if one.value is None:
        return "-"
    if one.kind in ("latency", "scores", "inputs", "embeddings"):
        return f"{one.value:.3g}"
    from node.reviews import Share

    low, high = Share(round(one.value * one.answers), one.answers).interval
    return f"{one.value:.3f} ({low:.3f}-{high:.3f})"


@app.command()
def look(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Look now, with the settings that the node serves with, instead of when the clock says; then as `show`."""
    settings, ledger = open_serving(config)
    _look(settings, ledger)
    _shown(ledger, False, as_json)


def _look(settings: Settings, ledger: Ledger) -> None:
    from node.classify.catalogue import Catalogue
    from node.config import with_window
    from node.watch.round import look_at_all

    manifests = Catalogue(settings.worker.plugins).manifests
    look_at_all(settings.watch, ledger, manifests, settings.web.result_objective_seconds, with_window(settings.routes))


@app.command()
def baseline(
    plugin: Annotated[str, typer.Argument(help="Name of the plugin.")], config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Take a plugin's newest answers as what is normal from now on: after a change that was meant; alarms end."""
    from node.cli.operator import acted, operator
    from node.errors import PermanentError
    from node.watch.round import keep_baseline

    settings, ledger = open_serving(config)
    of = _watched(ledger, plugin)
    newest = ledger.observations.newest(of, settings.watch.baseline, 0.0)
    if len(newest) < settings.watch.least:
        hint = f"{settings.watch.least} patients are needed (watch.least); there are {len(newest)}"
        raise PermanentError("there are too few answers for a baseline", about=plugin, hint=hint)
    acted(ledger, "watch baseline", plugin=plugin)
    keep_baseline(ledger, of, newest, f"the newest {len(newest)} answers, chosen by {operator()}")
    _look(settings, ledger)
    typer.echo(f"{plugin}: the newest {len(newest)} answers are the baseline")


def _watched(ledger: Ledger, plugin: str) -> Watched:
    from node.errors import PermanentError

    found = {one.plugin: one for one in ledger.observations.watched()}
    if plugin not in found:
        raise PermanentError("no such plugin has answered", about=plugin, hint=f"have: {', '.join(found) or 'none'}")
    return found[plugin]


@app.command()
def report(
    out: Annotated[Path, typer.Option("--out", help="File to write, .html or .pdf.", dir_okay=False)],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write the report of the models as they are now, with plots; the node writes one a week into `reports`."""
    from node.watch.report import written

    settings, ledger = open_serving(config)
    typer.echo(f"written: {written(settings, ledger, out)}")
