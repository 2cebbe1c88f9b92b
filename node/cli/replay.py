"""`radnode replay` and `radnode compare`: the same studies answered again, and what differs."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    open_ledger,
    print_json,
    print_table,
    printable,
    uncut,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.ledger import AnalysisRow, Ledger
    from node.replay import Comparison, Original, Player, Tally

_SECONDS = {"d": 86400, "h": 3600, "m": 60}
DIFFERENT = 1


def replay(  # noqa: PLR0913  an option each
    name: Annotated[
        str, typer.Argument(help="Number of an analysis, or UID of a study; empty: see --since.", callback=uncut)
    ] = "",
    plugin: Annotated[
        str, typer.Option(help="Another plugin, in the shadow: the name of an installed one, or a wheel.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for what it makes; a shadow needs one.")] = None,
    since: Annotated[str, typer.Option(help="All analyses of so long, the newest first: 7d, 12h, 30m.")] = "",
    of: Annotated[str, typer.Option("--of", help="Analyses of that plugin only.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="So many analyses at most.")] = 100,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Answer studies again from their files, and say what differs. Nothing is delivered, nothing changes in the ledger.

    Without --plugin it proves that the plugin gives the same predictions to the byte; with it another one answers in
    the shadow, into a folder that `radnode compare` reads. Exit status 1: something differs; 65: no answer to compare.
    """
    from node.classify.catalogue import Catalogue
    from node.cli.progress import working
    from node.logs import on_stderr
    from node.replay import Player
    from node.replay.shadow import importable

    on_stderr()
    if bool(name) == bool(since):
        raise typer.BadParameter("name an analysis or a study, or give --since, and not both")
    if plugin and out is None:
        raise typer.BadParameter("what a shadow makes is kept in a folder: give --out")
    with importable(plugin) as other:
        settings, ledger = open_ledger(config)
        rows = [row for row in (_named(ledger, name) if name else _recent(ledger, since)) if of in ("", row.plugin)]
        if plugin:
            Catalogue().get(other)
        is_alone = bool(name) and len(rows) == 1
        originals, found = _originals(ledger, settings.node.data_dir, rows[:limit], is_alone=is_alone)
        with working("answering again"):
            player = Player(config, other, out, pinned=other == plugin)
            found += _played(ledger, player, originals)
    _tell(found, out, as_json=as_json, is_shadow=bool(plugin))


def compare(
    folder: Annotated[Path, typer.Argument(help="Folder that `radnode replay --out` wrote.")],
    as_json: JsonOption = False,
) -> None:
    """Compare what a replay answered with what was answered before: outcomes, probabilities, agreement."""
    from node.replay import read, tally

    found = read(folder)
    if as_json:
        print_json({"tally": tally(found), "studies": found})
    else:
        _print(found, tally(found))


def _named(ledger: Ledger, name: str) -> list[AnalysisRow]:
    """The analysis of that number, or all of the newest revision of a study."""
    from node.errors import PermanentError

    subject = ledger.inquiries.subject(name)
    if subject is not None and subject.what == "analysis":
        return [ledger.analyses.get(int(name))]
    study = ledger.studies.find(name)
    rows = ledger.analyses.of_study(study.study_instance_uid)
    found = [row for row in rows if row.revision == study.revision]
    if not found:
        raise PermanentError("no plugin has looked at this study", about=name, hint="`radnode why UID` says why")
    return found


def _recent(ledger: Ledger, since: str) -> list[AnalysisRow]:
    told = re.fullmatch(r"(\d{1,5})([dhm])", since)
    if told is None:
        raise typer.BadParameter(f"--since {since}: a number with d, h or m is wanted, such as 7d")
    return ledger.analyses.answered_since(time.time() - int(told[1]) * _SECONDS[told[2]])


def _originals(
    ledger: Ledger, data_dir: Path, rows: Sequence[AnalysisRow], *, is_alone: bool
) -> tuple[list[Original], list[Comparison]]:
    """What can be played, and why the rest cannot; the one that was named is an error of the command."""
    from node.errors import PermanentError
    from node.replay import Comparison, original_of
    from node.spool import Spool

    spool, found, failed = Spool(data_dir / "spool"), [], []
    for row in rows:
        try:
            found.append(original_of(ledger, spool, row))
        except PermanentError as error:
            if is_alone:
                raise
            label = f"{row.plugin} {row.plugin_version}"
            failed.append(Comparison(row.study_instance_uid, row.id, label, "", error=str(error)))
    return found, failed


def _played(ledger: Ledger, player: Player, originals: Sequence[Original]) -> list[Comparison]:
    from node.cli.operator import acted

    found = []
    for one in player.play(originals):
        verdict = one.error or ("identical" if one.is_identical else "different")
        acted(ledger, "replay", one.study_instance_uid, analysis=one.analysis, by=one.other, verdict=verdict)
        found.append(one)
    return found


def _tell(found: Sequence[Comparison], out: Path | None, *, as_json: bool, is_shadow: bool) -> None:
    from node.replay import FILE, tally, written
    from node.spool import write_once

    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_once(out / FILE, written(found))
    if as_json:
        print_json({"tally": tally(found), "studies": found})
    else:
        _print(found, tally(found))
        if out is not None:
            typer.echo(f"in {out}; `radnode compare {out}` shows this again")
    if not found or any(one.error for one in found):
        raise typer.Exit(os.EX_DATAERR)
    if not is_shadow and not all(one.is_identical for one in found):
        raise typer.Exit(DIFFERENT)


def _print(found: Sequence[Comparison], total: Tally) -> None:
    from node.words import per_cent

    for one in found:
        for line in _study(one):
            typer.echo(printable(line))
    rows = [
        (one.finding, one.series, _points(one.mean), _points(one.largest), one.crossed, one.changed, _ratio(one.kappa))
        for one in total.findings
    ]
    head = ("finding", "series", "mean shift", "largest shift", "crossed its point", "other outcome", "kappa")
    if rows and total.identical < total.studies:
        print_table(head, rows, "")
    share = f" ({per_cent(total.identical / total.studies)})" if total.studies else ""
    typer.echo(f"{total.studies} answered again, {total.identical} of them to the byte{share}; {total.failed} not")


def _study(one: Comparison) -> list[str]:
    """What differs in a study, a line each."""
    head = f"analysis {one.analysis} of {one.study_instance_uid}"
    if one.error:
        return [f"{head}: no second answer: {one.error}"]
    before, after = (f"model {digest[:12] or 'unknown'}" for digest in one.models)
    if one.is_identical:
        return [f"{head}: identical, {one.plugin}, {before}" + ("" if before == after else f", now {after}")]
    lines = [f"{head}: {one.plugin}, {before}, and {one.other}, {after}, differ"]
    lines += [f"  {remark}" for remark in one.remarks]
    for pair in one.differing:
        told = f"{_side(pair.before, pair.outcome_before)} -> {_side(pair.after, pair.outcome_after)}"
        largest = "" if pair.map_difference is None else f"; map differs by {pair.map_difference:.3g} logits at most"
        lines.append(f"  {pair.finding}: {told}{largest}")
    return lines


def _side(probability: float | None, outcome: str) -> str:
    return outcome if probability is None else f"{probability:.6g} {outcome}"


def _points(value: Any) -> str:  # Any: a float, or None
    return "-" if value is None else f"{100 * value:+.2f} points"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
