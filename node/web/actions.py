"""The operator's actions over HTTP: what `radnode queue`, `plugins` and `studies complete` do, by who may operate."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from node import promotion
from node.classify.catalogue import Catalogue
from node.config import Settings
from node.ledger import Ledger
from node.priority import Priority
from node.stages import Stage

#: Action -> what it does to the analysis of that number.
ON_ANALYSES: Mapping[str, Callable[[Ledger, int], None]] = {
    "prioritise": lambda ledger, number: ledger.analyses.prioritise(number, Priority.STAT, 0),
    "retry": lambda ledger, number: ledger.analyses.retry(number),
    "hold": lambda ledger, number: ledger.analyses.hold(number),
    "drop": lambda ledger, number: ledger.analyses.drop(number),
}


def act_on_analysis(ledger: Ledger, number: int, action: str, holder: str) -> str:
    """Make STAT, retry, hold or drop an analysis; its state then. Raises PermanentError when it cannot be.

    Args:
        ledger: of the node.
        number: of the analysis.
        action: prioritise, retry, hold or drop.
        holder: of the token, for the trail.
    """
    uid = ledger.analyses.get(number).study_instance_uid
    ON_ANALYSES[action](ledger, number)
    ledger.events.command(f"token {holder}", f"queue {action}", uid, analysis=number)
    return str(ledger.analyses.get(number).state)


def complete_study(ledger: Ledger, uid: str, holder: str) -> None:
    """Close a study now, or release one that was quarantined or ignored; raises PermanentError when it is neither."""
    ledger.studies.ask(uid)
    ledger.events.command(f"token {holder}", "studies complete", uid)


def resume_plugin(ledger: Ledger, plugin: str, holder: str) -> bool:
    """Give a paused plugin what waits for it; False: it is not paused. Raises PermanentError when it was not."""
    ledger.pauses.resume(plugin)
    ledger.events.command(f"token {holder}", "plugins resume", plugin=plugin)
    return False


def pause_plugin(ledger: Ledger, plugin: str, holder: str) -> bool:
    """Give a plugin nothing until it is resumed; True: it is paused."""
    ledger.pauses.pause(plugin, f"paused by the holder of the token {holder}")
    ledger.events.command(f"token {holder}", "plugins pause", plugin=plugin)
    return True


#: Action -> what it does to the plugin of that name.
ON_PLUGINS: Mapping[str, Callable[[Ledger, str, str], bool]] = {"resume": resume_plugin, "pause": pause_plugin}


def silence_plugin(settings: Settings, ledger: Ledger, plugin: str, holder: str) -> str:
    """Keep its results; its stage then. Raises :class:`~node.errors.PermanentError` when the node knows no such one."""
    del settings
    promotion.go_silent(ledger, plugin, f"token {holder}")
    ledger.events.command(f"token {holder}", "plugins go-silent", plugin=plugin)
    return Stage.SILENT


def take_live(settings: Settings, ledger: Ledger, plugin: str, holder: str) -> str:
    """Deliver its results, on the record of an evaluation alone; its stage then. Raises PermanentError without one."""
    found = promotion.installed_one(Catalogue(settings.worker.plugins), plugin)
    promotion.go_live(ledger, found, promotion.Warrant(f"token {holder}", settings.go_live.criteria))
    ledger.events.command(f"token {holder}", "plugins go-live", plugin=plugin)
    return Stage.LIVE


#: Action -> what it does to the stage of the plugin of that name.
ON_STAGES: Mapping[str, Callable[[Settings, Ledger, str, str], str]] = {
    "go-silent": silence_plugin,
    "go-live": take_live,
}
