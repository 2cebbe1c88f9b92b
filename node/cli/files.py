"""Commands that work on files and peers without a running node: `run`, `route explain`, `send`, `echo`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, printable

if TYPE_CHECKING:
    from node.config import Destination

route_app = typer.Typer(help="Routing rules.", no_args_is_help=True)
PathsArgument = Annotated[list[Path], typer.Argument(help="DICOM files, or folders of them.")]
_OwnTitle = Annotated[
    str, typer.Option("--from", help="Calling AE title; else that of the configuration, else RADNODE.")
]


@route_app.command()
def explain(paths: PathsArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show which route would take these files, and why each other one would not. Nothing is sent or classified."""
    from node import offline
    from node.logs import on_stderr

    on_stderr()
    with offline.bench(None, config) as bench:
        refused = bench.take(paths)
        routing = bench.pipeline.routing(bench.series())
    if as_json:
        decisions = [vars(d) | {"taken": d.taken, "reason": d.reason} for d in routing.decisions]
        print_json({"decisions": decisions, "refused": [vars(r) for r in refused]})
        return
    for reason in dict.fromkeys([*(decision.reason for decision in routing.decisions), *routing.reasons]):
        typer.echo(printable(reason))
    for refusal in refused:
        typer.echo(f"{refusal.path}: not taken: {refusal.reason}")


def run(
    paths: PathsArgument,
    plugin: Annotated[str, typer.Option(help="Plugin that gets the files.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    png: Annotated[bool, typer.Option("--png", help="Write the heatmaps as PNG too.")] = False,
    profile: Annotated[str, typer.Option(help="Objects to make, as a destination's profile.")] = "sc+sr",
    as_json: JsonOption = False,
) -> None:
    """Classify files, show what was found and why, and write the result objects, without a node."""
    from node import offline
    from node.cli.progress import working
    from node.cli.results import as_table, lines
    from node.config import Destination, Route
    from node.logs import on_stderr

    on_stderr()
    files = Destination(name="files", kind="folder", path=out, profile=_profile(profile))
    everything = Route(
        name="run", plugin=plugin, accept_missing=True, include_excluded=True, destinations=(files.name,)
    )
    with offline.bench([everything], plugins=[plugin], destinations=[files]) as bench:
        bench.catalogue.get(plugin)
        refused = bench.take(paths)
        with working("classifying"):
            results = bench.analyse(out)
    pictures = [
        offline.write_png(f, f.with_suffix(".png")) for r in results for f in r.files if png and f.name.startswith("sc")
    ]
    if as_json:
        print_json({"studies": [as_table(r) for r in results], "refused": [vars(r) for r in refused], "png": pictures})
    else:
        for line in [line for result in results for line in lines(result)] or ["no file could be taken"]:
            typer.echo(line)
        for refusal in refused:
            typer.echo(f"{refusal.path}: not taken: {refusal.reason}", err=True)
        for reason in {reason for r in results if r.error for reason in r.reasons}:
            typer.echo(printable(reason), err=True)
        typer.echo(f"results are in {out}")
    if refused or not results or any(r.error for r in results):
        raise typer.Exit(os.EX_DATAERR)


def send(
    paths: PathsArgument,
    to: Annotated[str, typer.Option("--to", help="HOST:PORT/AET, or the name of a destination.")],
    config: ConfigOption = DEFAULT_CONFIG,
    calling: _OwnTitle = "",
    as_json: JsonOption = False,
) -> None:
    """Send DICOM files by C-STORE, each in its own transfer syntax. Exit status 69 when one was not taken."""
    from node import deliver, offline
    from node.cli.progress import counted

    destination, own = _peer(to, config)
    files = list(offline.dicom_files(paths))
    with counted("sending", len(files)) as advance:
        sent = deliver.send_files(destination, files, calling or own, progress=lambda outcome: advance(1))
    failed = [outcome for outcome in sent if not outcome.delivered]
    if as_json:
        print_json([{"path": o.outgoing.path, "verdict": o.verdict, "reason": o.reason} for o in sent])
    else:
        for outcome in failed:
            typer.echo(printable(f"{outcome.outgoing.path}: {outcome.reason}"), err=True)
        typer.echo(f"{len(sent) - len(failed)} of {len(sent)} files were taken by {to}")
    if failed:
        raise typer.Exit(os.EX_UNAVAILABLE)


def echo(
    to: Annotated[str, typer.Argument(help="HOST:PORT/AET, or the name of a destination.")],
    config: ConfigOption = DEFAULT_CONFIG,
    calling: _OwnTitle = "",
) -> None:
    """Ask a peer whether it answers (C-ECHO, or a request to its REST API). Exit status 69 when it does not."""
    from node import deliver
    from node.errors import RadnodeError

    destination, own = _peer(to, config)
    try:
        deliver.sender_for(destination, calling or own).echo()
    except RadnodeError as error:
        typer.echo(f"radnode: {error}", err=True)
        raise typer.Exit(os.EX_UNAVAILABLE) from error
    typer.echo(f"{to} answers")


def _profile(name: str) -> str:
    from node.kinds import PROFILES

    if name not in PROFILES:
        raise typer.BadParameter(f"no such profile: {name}; allowed are {', '.join(PROFILES)}")
    return name


def _peer(to: str, config: Path) -> tuple[Destination, str]:
    """`HOST:PORT/AET`, or a destination of the configuration by its name; and who we are there."""
    from node import config as configuration
    from node import deliver

    if config == DEFAULT_CONFIG and not config.exists():
        return deliver.destination_for(to), "RADNODE"
    settings = configuration.load(config)
    return deliver.destination_for(to, settings.destinations), settings.node.ae_title
