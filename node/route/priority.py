"""How urgent the analyses of a study are: by its images, its routes, who sent it, who ordered it; the highest wins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from node.config import PeerRule, Route
from node.priority import DICOM_TERMS, Priority, Urgency
from node.study import Series


def urgency(
    series: Sequence[Series],
    routes: Sequence[Route],
    peers: Sequence[PeerRule],
    sender: str,
    worklists: Sequence[str] = (),
) -> Urgency:
    """The priority of an analysis, and why; ROUTINE where nobody says anything.

    Args:
        series: of the study, all of them.
        routes: that gave the plugin something of it.
        peers: of the configuration.
        sender: calling AE title of the study.
        worklists: of which a workitem orders it with the priority HIGH, which is STAT (PS3.3 C.30.2).
    """
    ordered = [Urgency(Priority.STAT, f"a workitem of worklist '{name}' is HIGH") for name in worklists]
    told = [*_tagged(series), *_of_routes(routes), *_of_peers(peers, sender), *ordered]
    return min(told, key=lambda one: one.priority.below_stat, default=Urgency())


def _tagged(series: Sequence[Series]) -> Iterator[Urgency]:
    """By Requested Procedure Priority (0040,1003) of any image."""
    found = {instance.attributes.priority for one in series for instance in one.instances}
    for term in sorted(found & DICOM_TERMS.keys()):
        yield Urgency(DICOM_TERMS[term], f"Requested Procedure Priority is {term}")


def _of_routes(routes: Sequence[Route]) -> Iterator[Urgency]:
    for route in routes:
        if route.priority:
            yield Urgency(Priority(route.priority), f"route '{route.name}' says so")


def _of_peers(peers: Sequence[PeerRule], sender: str) -> Iterator[Urgency]:
    """An AE title proves nothing; here nobody gains more by a false one than a place in the queue."""
    for peer in peers:
        if peer.priority and fnmatchcase(sender, peer.ae_title.strip()):
            yield Urgency(Priority(peer.priority), f"peer '{peer.name}' says so, as which {sender} counts")
