"""How the node is: what keeps it from its work, in sentences that say what to type."""

from __future__ import annotations

from node.alarms import problems as alarms_of
from node.config import Settings
from node.ledger import Ledger
from node.states import AnalysisState, StudyState


def problems(settings: Settings, ledger: Ledger, free_mb: int) -> list[str]:
    """What is wrong, a sentence each; empty: nothing is. Args: free_mb: room on the disk of the data folder, MiB.

    Whether a process serves the node is not told here.
    """
    found = [f"{where}: {reason}" for where, reason in ledger.facts.troubles().items()]
    for plugin, reason in ledger.pauses.paused().items():
        waiting = f"{ledger.pauses.waiting(plugin)} analyses wait: `radnode plugins resume {plugin}`"
        found.append(f"plugin {plugin} is paused: {reason} - {waiting}")
    for plugin, alarms in ledger.measures.alarms().items():
        found += alarms_of(plugin, alarms)
    if paused := ledger.pauses.queue():
        found.append(f"the queue is paused {paused}: no worker takes anything: `radnode queue resume`")
    if failed := ledger.overview.analyses_in([AnalysisState.FAILED])[AnalysisState.FAILED]:
        found.append(f"{failed} analyses failed: `radnode queue list`")
    if stopped := ledger.overview.studies_in([StudyState.QUARANTINED])[StudyState.QUARANTINED]:
        found.append(f"{stopped} studies are quarantined: `radnode studies list`")
    if notes := sum(one.kind == "rejection" for one in ledger.deliveries.refused()):
        found.append(f"{notes} rejection notes were refused: `radnode studies withdraw UID` sends them again")
    if late := sum(one.escalated for one in ledger.criticals.open()):
        found.append(f"{late} critical findings were escalated, and nobody has acknowledged them: `radnode critical`")
    if free_mb < settings.storage.min_free_mb:
        found.append(f"only {free_mb} MiB are free: senders are answered A700")
    return found
