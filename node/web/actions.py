"""The operator's actions over HTTP: what `radnode queue` and `radnode plugins` do, for a holder who may operate."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from node.ledger import Ledger

#: Action -> what it does to the analysis of that number.
ON_ANALYSES: Mapping[str, Callable[[Ledger, int], None]] = {
    "retry": lambda ledger, number: ledger.analyses.retry(number),
    "hold": lambda ledger, number: ledger.analyses.hold(number),
    "drop": lambda ledger, number: ledger.analyses.drop(number),
}


def act_on_analysis(ledger: Ledger, number: int, action: str, holder: str) -> str:
    """Retry, hold or drop an analysis; its state then. Raises :class:`~node.errors.PermanentError` when it cannot be.

    Args:
        ledger: of the node.
        number: of the analysis.
        action: retry, hold or drop.
        holder: of the token, for the trail.
    """
    uid = ledger.analyses.get(number).study_instance_uid
    ON_ANALYSES[action](ledger, number)
    ledger.events.command(f"token {holder}", f"queue {action}", uid, analysis=number)
    return str(ledger.analyses.get(number).state)


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
