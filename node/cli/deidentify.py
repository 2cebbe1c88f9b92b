"""`radnode deidentify`: copies of studies and their results without patients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_ledger, print_json, printable
from node.confidentiality import Choices, Dates, Keep

if TYPE_CHECKING:
    from node.deidentify import Exported
    from node.ledger import Ledger

UidsArgument = Annotated[list[str], typer.Argument(help="Study Instance UIDs, each by its beginning or its end.")]
OutOption = Annotated[Path, typer.Option("--out", help="Folder to write `<study>/<object>.dcm` into.")]
DatesOption = Annotated[Dates, typer.Option(help="remove; shift: back by whole weeks, so many for each patient; keep.")]
KeepOption = Annotated[list[Keep], typer.Option("--keep", help="What stays all the same; may be given several times.")]
RegionsOption = Annotated[
    Path | None, typer.Option(help="TOML file of [[regions]]: where which images bear burned-in text.")
]
CleanOption = Annotated[
    bool, typer.Option("--pixels-are-clean", help="You have looked: no patient's text is burned into any image.")
]
MapOption = Annotated[
    Path | None, typer.Option("--map", help="CSV file of old and new UIDs, to find the way back; keep it here.")
]


def deidentify(  # noqa: PLR0913  an option each
    uids: UidsArgument,
    out: OutOption,
    dates: DatesOption = Dates.REMOVE,
    keep: KeepOption = [],  # noqa: B006  typer wants a list
    regions: RegionsOption = None,
    pixels_are_clean: CleanOption = False,
    mapping: MapOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Write copies of studies, with their results, in which nothing says whose they are (PS3.15 annex E).

    What cannot be made free of a patient is left out, with the reason; exit status 1 says so.
    """
    from node.cli.operator import acted
    from node.deidentify import Deidentifier, Pseudonyms, export, read_regions

    settings, ledger = open_ledger(config)
    choices = Choices(dates, frozenset(keep), pixels_are_clean)
    pseudonyms = Pseudonyms.of(settings.node.data_dir)
    deidentifier = Deidentifier(pseudonyms, choices, read_regions(regions) if regions else ())
    studies = [ledger.studies.find(uid).study_instance_uid for uid in uids]
    done: list[Exported] = []
    for study in studies:
        made = export(_files(ledger, settings.node.data_dir / "spool", study), out, deidentifier)
        left = sum(not one.path for one in made)
        told = f"deidentify --dates {dates}" + "".join(f" --keep {one}" for one in sorted(keep))
        acted(ledger, told, study, objects=len(made) - left, left_out=left, pixels_are_clean=pixels_are_clean)
        done += made
    if mapping is not None:
        _write_map(mapping, done)
    _tell(done, out, as_json)
    raise typer.Exit(1 if any(not one.path for one in done) else 0)


def _files(ledger: Ledger, spool: Path, study: str) -> list[tuple[Path, bool]]:
    """The objects of a study, and the results that were delivered and still count."""
    from node.states import AnalysisState

    images = [one.path for series in ledger.studies.series(study) for one in series.instances]
    analyses = [one for one in ledger.analyses.of_study(study) if one.state is AnalysisState.DELIVERED]
    results = [one for analysis in analyses for one in ledger.analyses.results(analysis.id)]
    ours = [one.path for one in results if one.sop_class_uid]
    return [(spool / path, False) for path in images] + [(spool / path, True) for path in ours]


def _write_map(path: Path, done: Sequence[Exported]) -> None:
    from node.spool import write_once

    lines = [f"{one.sop_instance_uid},{one.new_uid},{one.path}" for one in done if one.path]
    write_once(path, ("\r\n".join(["sop_instance_uid,new_sop_instance_uid,file", *lines]) + "\r\n").encode())


def _tell(done: Sequence[Exported], out: Path, as_json: bool) -> None:
    if as_json:
        print_json([vars(one) for one in done])
        return
    for one in done:
        if not one.path:
            typer.echo(printable(f"left out {one.sop_instance_uid}: {one.reason}"), err=True)
    written = sum(bool(one.path) for one in done)
    typer.echo(f"wrote {written} of {len(done)} objects to {out}")
