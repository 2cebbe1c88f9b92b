"""What came of the objects that a node has acknowledged: lost, doubled, or answered once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.peers import StoredObject


@dataclass(frozen=True)
class Tally:
    """How many were acknowledged, how many of them have no whole result set, and how many have more than one."""

    acknowledged: int
    lost: int
    doubled: int

    @property
    def once(self) -> bool:
        """Whether each was answered once."""
        return not (self.lost or self.doubled)

    def __str__(self) -> str:
        return f"{self.acknowledged:,} acknowledged, lost {self.lost}, doubled {self.doubled}"


def tally(uids: Iterable[str], objects: Iterable[StoredObject]) -> Tally:
    """Count the distinct reports and pictures that name each image.

    Args:
        uids: SOP Instance UIDs that were acknowledged, of studies with one version.
        objects: what the destination has.
    """
    named: Counter[tuple[str, str]] = Counter()
    for one in {one.uid: one for one in objects}.values():
        named.update((uid, one.kind) for uid in one.sources)
    found = [[named[uid, kind] for kind in ("sr", "sc")] for uid in uids]
    return Tally(len(found), sum(0 in counts for counts in found), sum(max(counts) > 1 for counts in found))


def settled(
    uids: Iterable[str], look: Callable[[], Iterable[StoredObject]], seconds: float, late_seconds: float = 2
) -> Tally:
    """The tally once nothing is missing, or when no more came for so many seconds.

    What is only on its way is not lost. A little later it is taken again, since doubles come late.
    """
    wanted = list(uids)
    least, end = len(wanted) + 1, time.monotonic() + seconds
    while (found := tally(wanted, look())).lost and time.monotonic() < end:
        if found.lost < least:
            least, end = found.lost, time.monotonic() + seconds
        time.sleep(1)
    if found.lost:
        return found
    time.sleep(late_seconds)
    return tally(wanted, look())
