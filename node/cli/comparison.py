"""`radnode plugins compare`: two versions of a plugin on the same studies."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, JsonOption, open_ledger, print_json, print_table
from node.cli.stages import moment

if TYPE_CHECKING:
    from node.agreement import Agreement, Answered, Asked
    from node.config import Settings
    from node.ledger import Ledger

    Answers = Mapping[str, Mapping[Asked, Answered]]

_SHOWN = 10
_Name = Annotated[
    str, typer.Argument(help="Name of the plugin; both versions, as `radnode plugins` has them, or its own.")
]
_Since = Annotated[str, typer.Option("--since", help="Studies since then: 2026-01-31T08:00, or 12h, 7d ago.")]


def compare(
    name: _Name, since: _Since = "7d", config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """Compare two versions of a plugin, installed side by side, on the studies that both have analysed."""
    from node.agreement import agreements
    from node.errors import PermanentError
    from node.stages import plain_name

    settings, ledger = open_ledger(config)
    found = _answers(settings, ledger, plain_name(name), moment(since, time.time()) or 0.0)
    if len(found) != 2:
        versions = ", ".join(found) or "none"
        hint = "a further version is a package whose entry point is NAME@VERSION, see plugins/README.md"
        raise PermanentError(
            f"two versions are to have analysed studies since then; found: {versions}", about=name, hint=hint
        )
    (first, one), (second, two) = found.items()
    table = agreements(one, two)
    if as_json:
        print_json({"first": first, "second": second, "findings": [asdict(row) for row in table]})
        return
    typer.echo(f"{first} and {second}, studies that both answered; differences are the second less the first")
    columns = ("finding", "studies", "same outcome", "kappa", "mean difference", "largest")
    print_table(columns, [_row(one) for one in table], "there is no study that both have answered")
    for line in _disagreements(table):
        typer.echo(line)


def _answers(settings: Settings, ledger: Ledger, plugin: str, since: float) -> dict[str, Answers]:
    """`NAME VERSION` -> its answers, in the order of the names; what is not in the spool any more is left out."""
    from node.account import read_account
    from node.agreement import answers_of
    from node.spool import Spool

    spool = Spool(settings.node.data_dir / "spool")
    found: dict[str, dict[str, Mapping[Asked, Answered]]] = {}
    for analysis_id, uid, name, version in ledger.inquiries.with_results(plugin, since):
        row = ledger.analyses.get(analysis_id)
        if account := read_account(spool.path(f"work/{analysis_id}"), row.sealed):
            found.setdefault(f"{name} {version}", {})[uid] = answers_of(account)
    return dict(sorted(found.items()))


def _row(one: Agreement) -> Sequence[str]:
    return (
        f"{one.finding} {one.laterality}".rstrip(),
        str(one.studies),
        f"{one.same} ({one.same / one.studies:.0%})",
        "-" if one.kappa is None else f"{one.kappa:.2f}",
        f"{one.mean_difference:+.3f}",
        f"{one.largest_difference:.3f}",
    )


def _disagreements(table: Sequence[Agreement]) -> list[str]:
    return [
        f"{one.finding}: another outcome for {len(one.disagreeing)} studies: "
        + ", ".join(one.disagreeing[:_SHOWN])
        + (", ..., see --json" if len(one.disagreeing) > _SHOWN else "")
        for one in table
        if one.disagreeing
    ]
