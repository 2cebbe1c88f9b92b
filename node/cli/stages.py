"""`radnode plugins go-live`, `go-silent` and `canary`: whether readers see the results of a plugin."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import DEFAULT_CONFIG, ConfigOption, open_ledger, printable

if TYPE_CHECKING:
    from pathlib import Path

    from node.classify.catalogue import Catalogue
    from node.config import Settings
    from node.evaluated import Criteria
    from node.ledger import Installed, Ledger
    from node.promotion import Warrant

_UNIT_SECONDS = {"m": 60, "h": 3600, "d": 86400}

_Name = Annotated[str, typer.Argument(help="Name of the plugin.")]
_MinAuroc = Annotated[
    list[str], typer.Option("--min-auroc", help="Instead of go_live.min_auroc; FINDING=VALUE for one finding alone.")
]
_MinCases = Annotated[int | None, typer.Option("--min-cases", min=1, help="Instead of go_live.min_cases.")]
_Without = Annotated[
    str, typer.Option("--without-evaluation", help="No evaluation is asked for; the trail has this reason.")
]
_Since = Annotated[
    str,
    typer.Option("--deliver-since", help="Deliver what was kept since then: 2026-01-31T08:00, or 30m, 12h, 7d ago."),
]
_Percent = Annotated[float, typer.Option("--percent", min=0, max=100, help="Share of the studies that is delivered.")]
_Sender = Annotated[str, typer.Option("--sender", help="Calling AE titles, with commas between; of others nothing.")]
_Reason = Annotated[str, typer.Option("--reason", help="Shown by `radnode plugins`.")]


def go_live(
    name: _Name,
    config: ConfigOption = DEFAULT_CONFIG,
    min_auroc: _MinAuroc = [],  # noqa: B006  typer copies it
    min_cases: _MinCases = None,
    without_evaluation: _Without = "",
    deliver_since: _Since = "",
) -> None:
    """Deliver a plugin's results from now on, if `radnode evaluate` has shown on local data that it may.

    What was kept in silence before stays so, unless --deliver-since asks for it.
    """
    from node import promotion
    from node.cli.operator import acted

    settings, ledger = open_ledger(config)
    plugin, since = _installed(name, settings), moment(deliver_since, time.time())
    warrant = _warrant(settings, min_auroc, min_cases, without_evaluation)
    count = promotion.go_live(ledger, plugin, warrant, since)
    acted(ledger, "plugins go-live", plugin=name, version=plugin.version, delivered=count)
    typer.echo(f"{name} {plugin.version} is live: its results are delivered from now on")
    if since is not None:
        typer.echo(f"{count} analyses that were kept in silence are delivered as well")


def canary(  # noqa: PLR0913  an option each
    name: _Name,
    config: ConfigOption = DEFAULT_CONFIG,
    percent: _Percent = 100,
    sender: _Sender = "",
    min_auroc: _MinAuroc = [],  # noqa: B006  typer copies it
    min_cases: _MinCases = None,
    without_evaluation: _Without = "",
) -> None:
    """Deliver a plugin's results of some studies only; the same study is always or never one of them."""
    from node import promotion
    from node.cli.operator import acted

    senders = tuple(title.strip() for title in sender.split(",") if title.strip())
    if percent == 100 and not senders:
        raise typer.BadParameter("--percent or --sender says of which studies; of all: `radnode plugins go-live`")
    settings, ledger = open_ledger(config)
    plugin = _installed(name, settings)
    warrant = _warrant(settings, min_auroc, min_cases, without_evaluation)
    count = promotion.go_canary(ledger, plugin, warrant, percent, senders)
    acted(ledger, "plugins canary", plugin=name, version=plugin.version, percent=percent, senders=list(senders))
    told = ledger.stages.of(name, plugin.version).told
    typer.echo(f"{name} {plugin.version}: {told}; of the others results are kept")
    _tell_kept(count)


def go_silent(name: _Name, config: ConfigOption = DEFAULT_CONFIG, reason: _Reason = "") -> None:
    """Keep a plugin's results from now on: they are made and shown here, and nobody is sent them."""
    from node import promotion
    from node.cli.operator import acted, operator
    from node.errors import PluginError

    settings, ledger = open_ledger(config)
    try:
        also = _installed(name, settings)
    except PluginError:  # the versions that the node has seen are enough
        also = None
    count = promotion.go_silent(ledger, name, operator(), printable(reason), also)
    acted(ledger, "plugins go-silent", plugin=name)
    typer.echo(f"{name} is silent: its results are kept from now on")
    _tell_kept(count)


def begin(ledger: Ledger, catalogue: Catalogue, config: Path, *, silent: bool) -> None:
    """Plugins that were added have their first stage before a node loads them; told where that is silent."""
    from node.cli.operator import operator
    from node.config import load
    from node.promotion import go_silent, installed

    added = installed(catalogue)
    told = [one.plugin for one in ledger.stages.meet(added, load(config).worker.silent, are_all=False)]
    for one in added if silent else ():
        go_silent(ledger, one.plugin, operator(), "plugins add --silent", one)
        told.append(one.plugin)
    for name in dict.fromkeys(told):
        typer.echo(f"{name} is silent: its results are kept until `radnode plugins go-live {name}`")


def _tell_kept(count: int) -> None:
    if count:
        typer.echo(f"{count} analyses whose results waited for delivery are kept as well")


def _installed(name: str, settings: Settings) -> Installed:
    from node.classify.catalogue import Catalogue
    from node.promotion import installed_one

    return installed_one(Catalogue(settings.worker.plugins), name)


def _warrant(settings: Settings, min_auroc: list[str], min_cases: int | None, reason: str) -> Warrant:
    from node.cli.operator import operator
    from node.promotion import Warrant

    criteria = with_areas(settings.go_live.criteria, min_auroc)
    if min_cases is not None:
        criteria = replace(criteria, cases=min_cases)
    return Warrant(operator(), criteria, printable(reason).strip())


def with_areas(criteria: Criteria, options: list[str]) -> Criteria:
    """The same with the limits of `--min-auroc`: a number for all findings, or FINDING=NUMBER for one."""
    for option in options:
        finding, _, text = option.rpartition("=")
        try:
            least = float(text)
        except ValueError:
            least = -1
        if not 0 <= least <= 1:
            raise typer.BadParameter(f"--min-auroc {option}: a number from 0 to 1 is wanted, or FINDING=NUMBER")
        if finding:
            criteria = replace(criteria, auroc_of={**criteria.auroc_of, finding: least})
        else:
            criteria = replace(criteria, auroc=least, auroc_of={})
    return criteria


def moment(text: str, now: float) -> float | None:
    """Seconds since the epoch of a local time in ISO 8601, or of so long before `now`; None of nothing."""
    if not text:
        return None
    if ago := re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", text):
        return now - float(ago[1]) * _UNIT_SECONDS[ago[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as error:
        raise typer.BadParameter(f"{text}: a time such as 2026-01-31T08:00 is wanted, or 30m, 12h, 7d") from error
