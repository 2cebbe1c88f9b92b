"""`radnode db`: the ledger as a file: is it sound, a copy of it, and an older one in its place."""

from __future__ import annotations

import os
import time
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_ledger, print_json

app = typer.Typer(help="The ledger: check, backup, since, restore.", no_args_is_help=True)
RepairOption = Annotated[
    bool, typer.Option("--repair", help="Take files without a row; set rows without a file aside.")
]
TargetArgument = Annotated[Path, typer.Argument(help="File to write; it must not be there yet.")]
CopyArgument = Annotated[Path, typer.Argument(help="A file that `radnode db backup` wrote.")]


@app.command()
def check(config: ConfigOption = DEFAULT_CONFIG, repair: RepairOption = False, as_json: JsonOption = False) -> None:
    """Check the ledger, and compare it with the spool, also while the node runs. Exit status 1 when they differ."""
    from node import reconcile
    from node.logs import on_stderr
    from node.spool import Spool

    on_stderr()
    settings, ledger = open_ledger(config)
    spool = Spool(settings.node.data_dir / "spool")
    problems = ledger.upkeep.problems()
    found = reconcile.compare(ledger, spool)
    if repair:
        reconcile.repair(ledger, spool, found)
    lost, size = ledger.upkeep.count_missing(), ledger.upkeep.size()
    if as_json:
        print_json({"problems": problems, "lost": lost, "size": vars(size), **vars(found)})
    else:
        typer.echo(f"size       {size.bytes >> 10} KiB, of which {size.reusable >> 10} KiB wait for new rows")
        _tell(problems, found, lost)
    raise typer.Exit(0 if found.clean and not problems and not lost else 1)


def _tell(problems: list[str], found: object, lost: int) -> None:
    from node.reconcile import Difference

    assert isinstance(found, Difference)  # noqa: S101  for the type checker: the import is kept late
    typer.echo("ledger     " + ("sound" if not problems else "damaged: put a copy in its place, `radnode db restore`"))
    for problem in problems:
        typer.echo(f"! {problem}")
    typer.echo(f"compared   {found.files} files, {found.instances} instances")
    for path in found.without_row:
        typer.echo(f"! {path}: the ledger does not know it; --repair takes it")
    for path in found.unreadable:
        typer.echo(f"! {path}: it is no DICOM file; move it away if nobody knows it")
    for path in found.messages:
        typer.echo(f"! {path}: the ledger does not know this message; --repair takes it")
    for one in found.missing:
        typer.echo(f"! {one.sop_instance_uid}: its file {one.path} is not there; --repair sets it aside")
    if lost:
        typer.echo(f"! {lost} acknowledged objects have lost their files: send them again from the modality or PACS")


@app.command()
def backup(target: TargetArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Copy the ledger, also while the node runs. The spool is files that never change: copy it with any tool, after."""
    _, ledger = open_ledger(config)
    ledger.upkeep.back_up(target)
    typer.echo(f"{target}: {target.stat().st_size >> 10} KiB; copy the folder `spool` after it, never before")


@app.command()
def since(copy: CopyArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Say what happened after a copy was made: what `restore` would lose. Exit status 1 when something did."""
    _, ledger = open_ledger(config)
    found = ledger.upkeep.since(copy)
    if as_json:
        print_json(found)
    elif found.is_nothing:
        typer.echo("nothing happened since: the copy may take the ledger's place")
    else:
        for action, count in found.again.items():
            typer.echo(f"again  {count:>6} {action}")
        for action, count in found.lost.items():
            typer.echo(f"lost   {count:>6} {action}")
        typer.echo("again: comes from the spool or is done again, with the same UIDs; lost: no copy would know of it")
    raise typer.Exit(0 if found.is_nothing else 1)


@app.command()
def restore(copy: CopyArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Put a copy in the ledger's place, while the node is stopped; what it does not know of the spool is taken anew."""
    from node import config as configuration
    from node.data_folder import hold_data_folder
    from node.errors import ConfigError
    from node.ledger import Ledger, check_copy
    from node.reconcile import NOTED
    from node.spool import write_once

    data = configuration.load(config).node.data_dir
    if not data.is_dir():
        raise ConfigError("there is no data folder", about=str(data), hint="`radnode serve` makes it")
    with hold_data_folder(data):
        check_copy(copy)
        with (
            copy.open("rb") as stream,
            mmap(stream.fileno(), 0, access=ACCESS_READ) as mapped,  # it may be larger than the memory
            memoryview(mapped) as whole,
        ):
            write_once(data / "ledger.db.restored", whole)  # until it is whole, what is there stays in its place
        aside = data / f"ledger.db.before-{time.strftime('%Y%m%d-%H%M%S')}"
        for ending in ("", "-wal", "-shm"):
            there = data / f"ledger.db{ending}"
            if there.exists():
                os.rename(there, f"{aside}{ending}")
        os.rename(data / "ledger.db.restored", data / "ledger.db")
        Ledger(data / "ledger.db").facts.note_time(NOTED, 0.0)
    typer.echo(f"{data / 'ledger.db'} is the copy now; what was there is {aside}")
    typer.echo("the next `radnode serve` takes what the copy does not know from the spool")
