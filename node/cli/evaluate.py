"""`radnode evaluate`: the site acceptance test of a plugin, on the site's own labelled images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, ledger_if_any, print_table, printable

if TYPE_CHECKING:
    from node.ledger import Ledger
    from radnode_kit.acceptance.result import Evaluation

_NOT_ACCEPTED = 1
_SHOWN = 20
_Csv = Annotated[Path, typer.Argument(help="CSV file: column file, then labels.", exists=True, dir_okay=False)]
_Out = Annotated[Path, typer.Option(help="Folder for report.html, report.json and cases.csv.")]
_KeepGoing = Annotated[bool, typer.Option("--keep-going", help="Count files that cannot be read, and go on.")]
_MaxAbstained = Annotated[float, typer.Option(help="Largest share of abstentions.", min=0.0, max=1.0)]
_Card = Annotated[bool, typer.Option("--card", help="Write the figures into the plugin's model card as well.")]
_Phi = Annotated[bool, typer.Option("--phi", help="Name files and patients in the results.")]


def evaluate(  # noqa: PLR0913  an option each
    plugin: Annotated[str, typer.Argument(help="Name of the plugin.")],
    dataset: _Csv,
    out: _Out,
    keep_going: _KeepGoing = False,
    max_abstained: _MaxAbstained = 0.1,
    device: Annotated[str, typer.Option(help="cpu or cuda:N.")] = "cpu",
    phi: _Phi = False,
    card: _Card = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Measure a plugin on labelled images, before go-live. Exit status 1 when it does not keep what it states.

    Columns: file (DICOM, PNG, JPEG, TIFF), patient, series; then one per finding (1, 0, empty), or label (names with
    | between them); and for subgroups sex, age, view, source, maker. The node of that configuration keeps a record:
    `radnode plugins go-live` asks for it.
    """
    from node.cli.progress import counted
    from node.logs import on_stderr
    from radnode_kit.acceptance import files
    from radnode_kit.acceptance.result import json_text
    from radnode_kit.acceptance.run import Options
    from radnode_kit.acceptance.run import evaluate as measure

    on_stderr()
    files.prepare(out)
    ledger = _ledger(config)
    found = measure(plugin, dataset, Options(keep_going, device, max_abstained), counted)
    report, *_ = files.write(found, out, phi=phi)
    if card:
        _write_card(found)
    if ledger is not None:
        _keep_record(ledger, plugin, found)
    if as_json:
        typer.echo(json_text(found, phi=phi), nl=False)
    else:
        _print(found)
        typer.echo(f"report: {report}")
    raise typer.Exit(0 if found.accepted else _NOT_ACCEPTED)


def _ledger(config: Path) -> Ledger | None:
    """Of the node whose plugin is measured; said before the work is done, where there is none."""
    ledger = ledger_if_any(config) if config.is_file() else None
    if ledger is None:
        why = "the node has never run" if config.is_file() else f"there is no configuration {config}"
        typer.echo(f"no record is kept, {why}: `radnode plugins go-live` will ask for one", err=True)
    return ledger


def _keep_record(ledger: Ledger, plugin: str, found: Evaluation) -> None:
    from node.cli.operator import operator
    from radnode_kit.acceptance.record import record_of

    digest = ledger.evaluations.add(plugin, record_of(found), operator())
    typer.echo(f"the record of this evaluation is kept, sha256 {digest[:12]}...", err=True)


def _write_card(found: Evaluation) -> None:
    from radnode_kit.acceptance.card_text import card_text
    from radnode_kit.card import write_card

    write_card(found.manifest.folder, card_text(found), part="evaluated")


def _print(found: Evaluation) -> None:
    counts = found.counts
    typer.echo(
        f"{counts.cases} cases of {counts.patients} patients: {counts.answered} answered, {counts.abstained} "
        f"abstained, {counts.refused} not accepted by the manifest; {counts.not_assessed} files not assessed"
    )
    rows: list[tuple[str, ...]] = [
        (check.finding or "-", check.what, check.promised, check.found, check.verdict, check.remark)
        for check in found.checks
    ]
    print_table(("finding", "figure", "promised", "found (95 %)", "verdict", "remark"), _areas(found) + rows, "")
    for line in _remarks(found):
        typer.echo(printable(line))
    typer.echo("ACCEPTED" if found.accepted else "NOT ACCEPTED")


def _areas(found: Evaluation) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for figures in found.findings:
        area, precision = figures.discrimination.auroc, figures.discrimination.average_precision
        shown = f"{area.value:.3f} ({area.low:.3f} to {area.high:.3f})"
        rows.append((figures.name, "AUROC", "-", shown, "-", area.method))
        shown = f"{precision.value:.3f} ({precision.low:.3f} to {precision.high:.3f})"
        baseline = f"prevalence {figures.discrimination.prevalence.value:.3f}"
        rows.append((figures.name, "average precision", "-", shown, "-", baseline))
    return rows


def _remarks(found: Evaluation) -> list[str]:
    """Gaps between subgroups, names that no finding has, reasons and files."""
    lines = [
        f"subgroups: {figures.name}, {gap.figure}: {gap.trait} {gap.best} is better than {gap.worst} by "
        f"{gap.gap.value:.3f} ({gap.gap.low:.3f} to {gap.gap.high:.3f})"
        for figures in found.findings
        for gap in figures.gaps
        if gap.flagged
    ]
    lines += [f"label {name!r} ({count} lines) is no finding of the plugin" for name, count in found.unclaimed.items()]
    lines += [f"{count} not answered: {reason}" for reason, count in found.reasons.items()][:_SHOWN]
    return lines + [f"not assessed: {problem}" for problem in found.unreadable[:_SHOWN]]
