"""`radnode deidentify`: copies of studies and their results without patients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_ledger, print_json, printable, uncut
from node.confidentiality import Choices, Dates, Keep
from node.states import AnalysisState

if TYPE_CHECKING:
    from node.deidentify import Deidentifier, Exported
    from node.ledger import Ledger

#: States of an analysis whose results may leave: a refused delivery makes no result wrong, a withdrawal does.
_COUNTS = (AnalysisState.REPORTED, AnalysisState.DELIVERED, AnalysisState.FAILED)
UidsArgument = Annotated[
    list[str],
    typer.Argument(
        help="Study Instance UIDs, each by its beginning or its end.",
        callback=lambda uids: [uncut(one) for one in uids],
    ),
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder to write `<study>/<object>.dcm` into.")]
DatesOption = Annotated[Dates, typer.Option(help="remove; shift: back by whole weeks, so many for each patient; keep.")]
KeepOption = Annotated[list[Keep], typer.Option("--keep", help="What stays all the same; may be given several times.")]
DescriptorsOption = Annotated[
    bool, typer.Option("--clean-descriptors", help="Descriptions keep the words of the trade; else they go as a whole.")
]
RegionsOption = Annotated[
    Path | None, typer.Option(help="TOML file with tables `regions`: where which images bear burned-in text.")
]
CleanOption = Annotated[
    bool, typer.Option("--pixels-are-clean", help="You have looked: no name is burned into an image, no face is seen.")
]
MapOption = Annotated[
    Path | None, typer.Option("--map", help="CSV file of old and new UIDs and pseudonyms: the way back; keep it here.")
]


def deidentify(  # noqa: PLR0913  an option each
    uids: UidsArgument,
    out: OutOption,
    dates: DatesOption = Dates.REMOVE,
    keep: KeepOption = [],  # noqa: B006  typer wants a list
    clean_descriptors: DescriptorsOption = False,
    regions: RegionsOption = None,
    pixels_are_clean: CleanOption = False,
    mapping: MapOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Write copies of studies, with their results, in which nothing says whose they are (PS3.15 annex E).

    What cannot be made free of a patient is left out, with the reason; exit status 1 says so.
    """
    from node.deidentify import Deidentifier, Pseudonyms, known_regions, read_regions

    settings, ledger = open_ledger(config)
    choices = Choices(dates, frozenset(keep), clean_descriptors, pixels_are_clean)
    studies = [ledger.studies.find(uid).study_instance_uid for uid in uids]
    known = [*(read_regions(regions) if regions else ()), *known_regions()]
    deidentifier = Deidentifier(Pseudonyms.of(settings.node.data_dir), choices, known)
    done: list[Exported] = []
    try:
        for study in studies:
            files = _files(ledger, settings.node.data_dir / "spool", study)
            done += _exported(ledger, study, files, out, deidentifier)
    finally:  # what left before it went wrong has left
        if mapping is not None:
            _write_map(mapping, done)
    _tell(done, out, as_json)
    raise typer.Exit(1 if any(not one.path for one in done) else 0)


def _exported(
    ledger: Ledger, study: str, files: Sequence[tuple[Path, bool]], out: Path, deidentifier: Deidentifier
) -> list[Exported]:
    """What became of one study; the trail says so whatever happens, and before anything leaves that it is about to."""
    from node.cli.operator import acted
    from node.deidentify import Export

    made: list[Exported] = []
    choices = deidentifier.choices
    told = f"deidentify --dates {choices.dates}" + "".join(f" --keep {one}" for one in sorted(choices.keep))
    told += " --clean-descriptors" * choices.clean_descriptors + " --pixels-are-clean" * choices.pixels_are_clean
    acted(ledger, f"begin {told}", study, objects=len(files))
    try:
        for one in Export(out, deidentifier).write(files):
            made.append(one)
    finally:
        left = sum(not one.path for one in made)
        acted(ledger, told, study, objects=len(made) - left, left_out=left)
    return made


def _files(ledger: Ledger, spool: Path, study: str) -> list[tuple[Path, bool]]:
    """The objects of a study, and the newest results of each plugin, if they still count."""
    images = [one.path for series in ledger.studies.series(study) for one in series.instances]
    newest = {row.plugin: row for row in sorted(ledger.analyses.of_study(study), key=lambda row: row.revision)}
    counted = [row.id for row in newest.values() if row.state in _COUNTS]
    ours = [one.path for number in counted for one in ledger.analyses.results(number) if one.sop_class_uid]
    return [(spool / path, False) for path in images] + [(spool / path, True) for path in ours]


def _write_map(path: Path, done: Sequence[Exported]) -> None:
    from node.spool import write_once

    columns = ("sop_instance_uid", "new_uid", "study_instance_uid", "new_study_uid", "pseudonym", "path")
    lines = [",".join(getattr(one, column) for column in columns) for one in done if one.path]
    write_once(path, "".join(f"{line}\r\n" for line in (",".join(columns), *lines)).encode())


def _tell(done: Sequence[Exported], out: Path, as_json: bool) -> None:
    if as_json:
        print_json([vars(one) for one in done])
        return
    for one in done:
        if not one.path:
            typer.echo(printable(f"left out {one.sop_instance_uid}: {one.reason}"), err=True)
    written = sum(bool(one.path) for one in done)
    typer.echo(f"wrote {written} of {len(done)} objects to {out}")
