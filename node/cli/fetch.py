"""`radnode fetch`: studies that an archive has, brought here by Query/Retrieve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_ledger, print_json, print_table, printable

if TYPE_CHECKING:
    from node.config import Destination, Settings
    from node.fetch import Fetched, Found
    from node.ledger import Ledger

_ALL_CAME, _SOME_DID_NOT = 0, 1


def fetch(  # noqa: PLR0913  an option each
    archive: Annotated[str, typer.Argument(help="Name of a destination of kind dicom, or HOST:PORT/AET.")],
    study: Annotated[str, typer.Option("--study", help="Study Instance UID.")] = "",
    patient: Annotated[str, typer.Option("--patient", help="Patient ID, the whole of it; it is not logged.")] = "",
    accession: Annotated[str, typer.Option("--accession", help="Accession Number; it is not logged.")] = "",
    modality: Annotated[str, typer.Option("--modality", help="Studies with such a series, e.g. CT.")] = "",
    date: Annotated[str, typer.Option("--date", help="Study Date: 2026-11-28, or a range 2026-11-01/2026-11-30.")] = "",
    body_part: Annotated[str, typer.Option("--body-part", help="Studies with a series of it, e.g. CHEST.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=5000, help="Most studies.")] = 100,
    by_get: Annotated[
        bool, typer.Option("--get", help="By C-GET, as with `retrieve` of the destination: it need not know this node.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Ask even for studies that are all here.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be fetched, and fetch nothing.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Have an archive send studies to this node, which runs (C-FIND, then C-MOVE or C-GET).

    Exit status 1: some did not come.
    """
    from node.cli.operator import operator
    from node.fetch import Wanted, dicom_dates, enquire
    from node.logs import on_stderr

    on_stderr()
    settings, ledger = open_ledger(config)
    peer = _archive(settings, archive, by_get)
    wanted = Wanted(study, patient, accession, modality, dicom_dates(date), body_part)
    found = enquire(peer, settings.node.ae_title, ledger, operator(), wanted, limit)
    _tell_what_is_left_out(found, limit)
    if dry_run:
        _show(ledger, found, as_json)
        return
    done = _fetch(settings, ledger, peer, found, again)
    if as_json:
        print_json(done)
    else:
        _tell(done)
    raise typer.Exit(_ALL_CAME if done and not any(one.reason for one in done) else _SOME_DID_NOT)


def _archive(settings: Settings, name: str, by_get: bool) -> Destination:
    from node import deliver
    from node.errors import ConfigError

    found = deliver.destination_for(name, settings.destinations)
    if found.kind != "dicom":
        hint = 'Query/Retrieve needs kind = "dicom": host, port and AE title of the archive'
        raise ConfigError(f"it is a destination of kind '{found.kind}'", about=name, hint=hint)
    named = {} if found in settings.destinations else {"name": found.ae_title}
    return found.model_copy(update={**named, **({"retrieve": "get"} if by_get else {})})


def _tell_what_is_left_out(found: Found, limit: int) -> None:
    if found.has_more:
        typer.echo(f"! the archive has more of them: the first {limit} are taken, see --limit", err=True)
    if found.unfit:
        typer.echo(f"! {found.unfit} answers of the archive do not fit what was asked, and are left out", err=True)
    if found.untold:
        typer.echo(f"! {found.untold} studies are left out: the archive does not say what their series show", err=True)


def _show(ledger: Ledger, found: Found, as_json: bool) -> None:
    rows = [vars(one) | {"here": ledger.fetches.came(one.study_instance_uid)} for one in found.matches]
    if as_json:
        print_json(rows)
        return
    columns = ("study", "date", "modalities", "instances", "here")
    cells = [
        (
            row["study_instance_uid"],
            row["date"],
            "/".join(row["modalities"]),
            row["instances"] or "not told",
            row["here"],
        )
        for row in rows
    ]
    print_table(columns, cells, "the archive has no such study")


def _fetch(settings: Settings, ledger: Ledger, archive: Destination, found: Found, again: bool) -> list[Fetched]:
    from node.cli.operator import operator
    from node.cli.progress import counted
    from node.errors import TemporaryError
    from node.fetch import Fetcher

    if ledger.facts.serving_pid() is None:
        raise TemporaryError("the node does not run, and nobody would take what is sent", hint="`radnode serve`")
    fetcher, done = Fetcher(archive, settings, ledger, operator()), []
    with counted("fetching", len(found.matches)) as advance:
        for one in fetcher.fetch(found.matches, again=again):
            done.append(one)
            advance(1)
    return done


def _tell(done: list[Fetched]) -> None:
    for one in done:
        if one.reason:
            typer.echo(printable(f"{one.study_instance_uid}: {one.reason}"), err=True)
        else:
            how = "has come" if one.moved else "was here"
            typer.echo(f"{one.study_instance_uid}: {how}, {one.came} instances")
    whole = sum(not one.reason for one in done)
    typer.echo(f"{whole} of {len(done)} studies are here" if done else "the archive has no such study")
