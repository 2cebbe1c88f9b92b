"""A plugin goes live, silent, or into a canary: who may do so on what evidence, and what follows.

What is to be delivered needs a record of `radnode evaluate` of this very model on local data, or a reason why not; to
keep results from readers needs neither.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from node.classify.catalogue import Catalogue
from node.errors import PermanentError, PluginError
from node.evaluated import Criteria, objections
from node.ledger import Installed, Ledger
from node.stages import Stage, Staged, plain_name


@dataclass(frozen=True)
class Warrant:
    """By what right results are delivered. `reason` stands for the record where there is none; empty: none does."""

    operator: str
    criteria: Criteria
    reason: str = ""


def installed(catalogue: Catalogue) -> list[Installed]:
    """Every plugin that can be used, as it is installed."""
    return [Installed(name, one.version, one.digest) for name, one in catalogue.manifests.items()]


def installed_one(catalogue: Catalogue, name: str) -> Installed:
    """The plugin of that name; raises :class:`~node.errors.PluginError` when it cannot be used."""
    found = catalogue.get(name)
    if found.manifest is None:
        raise PluginError(found.error, about=name)
    return Installed(name, found.manifest.version, found.manifest.digest)


def go_live(ledger: Ledger, plugin: Installed, warrant: Warrant, since: float | None = None) -> int:
    """Deliver the results of all studies from now on; how many that were kept are delivered as well.

    A version that is installed beside it and was delivered is silent from then on.

    Args:
        ledger: of the node.
        plugin: as it is installed.
        warrant: by what right; raises :class:`~node.errors.PermanentError` when it does not do.
        since: deliver what was kept of studies that were routed since then, seconds since the epoch; None: nothing.
    """
    live = _warranted(ledger, plugin, warrant, Stage.LIVE)
    reason = f"{plugin.plugin} {plugin.version} is live"
    displaced = [
        replace(one, stage=Stage.SILENT, at=live.at, operator=live.operator, reason=reason, evaluation="")
        for one in ledger.stages.all()
        if plain_name(one.plugin) == plain_name(plugin.plugin) and one.plugin != plugin.plugin
        if one.stage is not Stage.SILENT
    ]
    return ledger.stages.swap(live, displaced, since)


def go_canary(ledger: Ledger, plugin: Installed, warrant: Warrant, percent: float, senders: Sequence[str]) -> int:
    """Deliver the results of a share of the studies from now on; how many of the others that waited are kept.

    Args:
        ledger: of the node.
        plugin: as it is installed.
        warrant: by what right; readers see results, so that it is asked for as in :func:`go_live`.
        percent: of the studies, chosen by their UIDs.
        senders: calling AE titles; only studies of these; empty: of all.
    """
    staged = _warranted(ledger, plugin, warrant, Stage.CANARY)
    return ledger.stages.set([replace(staged, percent=percent, senders=tuple(senders))])


def go_silent(ledger: Ledger, plugin: str, operator: str, reason: str = "", also: Installed | None = None) -> int:
    """Deliver no result from now on; how many that waited are kept. What arrived in part is delivered to its end.

    Every version of the plugin is meant: a node that runs may have another one in hand than the one that is installed.

    Args:
        ledger: of the node.
        plugin: its name; raises :class:`~node.errors.PermanentError` when the node has never seen it.
        operator: who says so.
        reason: why.
        also: a version that the node may not have seen yet.
    """
    known = [Installed(one.plugin, one.version, one.digest) for one in ledger.stages.all() if one.plugin == plugin]
    versions = {one.version: one for one in [*known, *([also] if also else [])]}
    if not versions:
        raise PermanentError("this node knows no such plugin", about=plugin, hint="`radnode plugins` lists them")
    present = {one.version for one in ledger.stages.present() if one.plugin == plugin} | (
        {also.version} if also else set()
    )
    stages = [_staged(one, Stage.SILENT, operator, reason) for one in versions.values()]
    return ledger.stages.set([replace(one, present=one.version in present) for one in stages])


def _warranted(ledger: Ledger, plugin: Installed, warrant: Warrant, stage: Stage) -> Staged:
    """The stage on the newest record, if that does."""
    staged = _staged(plugin, stage, warrant.operator, warrant.reason)
    if warrant.reason:
        return replace(staged, reason=f"without an evaluation: {warrant.reason}")
    found = ledger.evaluations.newest(plugin.plugin, plugin.digest)
    if found is None:
        hint = f"`radnode evaluate {plugin.plugin} CSV --out FOLDER -c CONFIG` on local data makes one"
        raise PermanentError("there is no record of an evaluation", about=plugin.plugin, hint=hint)
    if against := objections(found, (plugin.version, plugin.digest), warrant.criteria, time.time()):
        hint = "evaluate it again, or see [go_live] of the configuration"
        raise PermanentError(f"the evaluation does not do: {'; '.join(against)}", about=plugin.plugin, hint=hint)
    return replace(staged, evaluation=found.sha256)


def _staged(plugin: Installed, stage: Stage, operator: str, reason: str) -> Staged:
    return Staged(
        plugin.plugin,
        plugin.version,
        stage,
        digest=plugin.digest,
        at=time.time(),
        operator=operator,
        reason=reason,
    )
