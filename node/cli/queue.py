"""`radnode queue`: what is still to do, what failed, and what to do about it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_ledger, print_json, print_table, uncut, when
from node.priority import Priority
from node.window import clock

if TYPE_CHECKING:
    from node.ledger import AnalysisRow, Ledger

app = typer.Typer(
    help="Analyses that wait or failed: list, prioritise, retry, hold, drop; pause, drain, resume.",
    invoke_without_command=True,
)
IdsArgument = Annotated[list[int], typer.Argument(help="Numbers as in `radnode queue list`.")]


TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", min=0, help="Wait so many seconds at most; else until all is done.")
]
_LOOK_SECONDS = 0.25


@app.callback()
def _default(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_queue(config, as_json)


@app.command("list")
def list_queue(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List analyses that are not done, and deliveries that were refused for good and not replaced."""
    settings, ledger = open_ledger(config)
    analyses, refused = ledger.analyses.unfinished(), ledger.deliveries.refused()
    shut = settings.shut(time.time())
    if as_json:
        told = [vars(a) | {"waits_until": a.waits_until(shut)} for a in analyses]
        print_json({"analyses": told, "refused": [vars(d) for d in refused]})
        return
    rows = [
        (
            a.id,
            a.state,
            _priority(a),
            a.plugin,
            a.study_instance_uid,
            a.attempts,
            _why_waiting(a, shut, settings.queue.time_zone),
        )
        for a in analyses
    ]
    columns = ("id", "state", "priority", "plugin", "study", "attempts", "error")
    print_table(columns, rows, "nothing waits, nothing failed")
    if refused:
        typer.echo(
            "\nrefused by their destination (retry the analysis; a rejection note: `radnode studies withdraw UID`)"
        )
        print_table(
            ("analysis", "destination", "kind", "object", "reason"),
            [(d.analysis_id, d.destination, d.kind, d.sop_instance_uid, d.error) for d in refused],
            "",
        )


def _priority(row: AnalysisRow) -> str:
    return f"{row.priority}: {row.priority_reason}" if row.priority_reason else row.priority


def _why_waiting(row: AnalysisRow, shut: dict[str, float], zone: str) -> str:
    until = row.waits_until(shut)
    return row.error if until is None else f"not begun before {clock(until, zone)}: the window of its route is shut"


@app.command()
def prioritise(
    name: Annotated[str, typer.Argument(help="Number as in `radnode queue list`, or UID of a study.", callback=uncut)],
    priority: Annotated[Priority, typer.Argument(help="How urgent it is.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say how urgent an analysis is, or all of a study: what is STAT goes before everything, in any window."""
    from node.errors import PermanentError
    from node.states import ENDED

    settings, ledger = open_ledger(config)
    subject = ledger.inquiries.subject(name)
    if subject is not None and subject.what == "analysis":
        ids = [int(name)]
    else:
        study = ledger.studies.find(name)
        rows = ledger.analyses.of_study(study.study_instance_uid)
        ids = [row.id for row in rows if row.revision == study.revision and row.state not in ENDED]
        if not ids:
            hint = "`radnode studies complete UID` closes one that still comes in"
            raise PermanentError(f"the study is {study.state}, no analysis of it waits", about=name, hint=hint)
    for analysis_id in ids:
        ledger.analyses.prioritise(analysis_id, priority, settings.queue.ageing_seconds)
        _note(ledger, "queue prioritise", analysis_id)
        typer.echo(f"analysis {analysis_id} is {priority}")


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


@app.command()
def pause(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let workers begin nothing more, from now on; what they are at they finish.

    Studies are received and routed as before, and results delivered; analyses wait until `radnode queue resume`, also
    over a restart of the node. One plugin alone: `radnode plugins pause NAME`.
    """
    _, ledger = open_ledger(config)
    _pause(ledger, "queue pause")
    running = ledger.inquiries.running(time.time())
    typer.echo(f"paused; workers are still at {len(running)} analyses" if running else "paused")
    _tell_what_waits(ledger)


@app.command()
def drain(config: ConfigOption = DEFAULT_CONFIG, timeout: TimeoutOption = None) -> None:
    """Pause, and wait until what workers are at is reported, before maintenance. Exit status 75 after --timeout."""
    _, ledger = open_ledger(config)
    _pause(ledger, "queue drain")
    running = _await_rest(ledger, timeout)
    served = ledger.facts.serving_pid() is not None
    if running and served:
        typer.echo(f"not done yet, workers are at: {', '.join(map(str, running))}; they begin nothing more")
    else:
        typer.echo("drained: no worker is at anything" + ("" if served else ", since no process serves this node"))
    _tell_what_waits(ledger)
    if running and served:
        raise typer.Exit(os.EX_TEMPFAIL)


def _pause(ledger: Ledger, command: str) -> None:
    from node.cli.operator import acted, operator

    ledger.pauses.pause_queue(f"by {operator()}, {when(time.time())}")
    acted(ledger, command)


def _tell_what_waits(ledger: Ledger) -> None:
    queued = ledger.inquiries.not_begun(time.time())
    waiting = sum(count for (_, state), count in ledger.deliveries.count_by_state().items() if state == "WAITING")
    typer.echo(f"{queued} analyses wait until `radnode queue resume`")
    if waiting:
        typer.echo(f"{waiting} objects wait for their destinations, and are delivered as before")


def _await_rest(ledger: Ledger, timeout: float | None) -> list[int]:
    """Until no worker is at anything, or the time has passed, or nobody serves the node: what is left."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while running := ledger.inquiries.running(time.time()):
        if ledger.facts.serving_pid() is None or (deadline is not None and time.monotonic() >= deadline):
            break
        time.sleep(_LOOK_SECONDS)
    return running


@app.command()
def resume(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """End `pause` and `drain`: workers take what waits."""
    from node.cli.operator import acted

    _, ledger = open_ledger(config)
    ledger.pauses.resume_queue()
    acted(ledger, "queue resume")
    typer.echo(f"{ledger.inquiries.not_begun(time.time())} analyses wait for workers, and go on")


def _note(ledger: Ledger, command: str, analysis_id: int) -> None:
    from node.cli.operator import acted

    acted(ledger, command, ledger.analyses.get(analysis_id).study_instance_uid, analysis=analysis_id)
