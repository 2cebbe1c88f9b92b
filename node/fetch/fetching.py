"""One study after the other: written down, asked for, and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import structlog
from pydicom.dataset import Dataset

from node.config import Destination, Settings
from node.errors import DeliveryError, DeliveryRefused
from node.fetch.get import get
from node.fetch.move import move
from node.fetch.query import Match, series_of
from node.fetch.status import Moved
from node.fetch.wanted import instances_of, whole_study
from node.ledger import Ledger

log = structlog.get_logger()

#: So many instances are named in a line of the log.
_MOST_TOLD = 20
_SENT = "the archive says that all is sent, and"


@dataclass(frozen=True)
class Fetched:
    """What came of a study.

    Attributes:
        instances: that the archive counts; None: it does not say.
        came: objects of the study that are here, whoever sent them.
        moved: how the archive answered; None: it was not asked, or gave no answer.
        reason: why not all came; empty: they did.
        what: the same in short, without address and hint, where an error is the reason.
    """

    study_instance_uid: str
    instances: int | None
    came: int
    moved: Moved | None = None
    reason: str = ""
    what: str = ""


class Fetcher:
    """Asks one archive.

    Args:
        archive: who is asked.
        settings: of this node, which the archive is to send to, or which keeps what it sends back.
        ledger: is told, and counts.
        operator: who wants it, for the trail.
        is_stopping: whether nothing more is to come: what is broken off so has no end in the ledger.
        as_prior: only to be compared with; else what came as a prior is a study like any other from now on.
    """

    def __init__(
        self,
        archive: Destination,
        settings: Settings,
        ledger: Ledger,
        operator: str,
        is_stopping: Callable[[], bool] = lambda: False,
        *,
        as_prior: bool = False,
    ) -> None:
        self._as_prior = as_prior
        self._archive, self._settings, self._ledger = archive, settings, ledger
        self._operator, self._is_stopping = operator, is_stopping

    def fetch(self, matches: Iterable[Match], *, again: bool = False) -> Iterator[Fetched]:
        """What came of each; raises :class:`~node.errors.LedgerBusy`.

        Args: again: ask even for those of which as many objects are here as the archive counts.
        """
        why_not = ""
        for match in matches:
            uid = match.study_instance_uid
            if not self._as_prior:
                self._ledger.priors.release(uid, self._operator)
            came = self._ledger.fetches.came(uid)
            why_not = why_not or ("the node is being stopped" if self._is_stopping() else "")
            if match.instances is not None and came >= match.instances and not again:
                yield Fetched(uid, match.instances, came)
            elif why_not:
                yield Fetched(uid, match.instances, came, None, f"not asked for: {why_not}")
            else:
                done, why_not = self._tried(match)
                yield done

    def _tried(self, match: Match) -> tuple[Fetched, str]:
        """What came of it, and what keeps the archive from sending anything at all."""
        try:
            return self._fetched(match), ""
        except (DeliveryError, DeliveryRefused) as error:
            uid, reason = match.study_instance_uid, str(error)
            if not self._is_stopping():
                self._ledger.fetches.end(uid, reason, archive=self._archive.name, operator=self._operator)
            came = self._ledger.fetches.came(uid)
            return Fetched(uid, match.instances, came, None, reason, error.what), reason

    def _fetched(self, match: Match) -> Fetched:
        uid, ledger = match.study_instance_uid, self._ledger
        ledger.fetches.ask(uid, self._archive.name, match.instances, self._operator)
        moved = self._asked_again(uid, self._retrieved(whole_study(uid)))
        came = ledger.fetches.came(uid)
        reason = _lack(match, moved, came)
        done = Fetched(uid, match.instances, came, moved, reason)
        if reason and self._is_stopping():
            return done
        ledger.fetches.end(
            uid,
            reason,
            moved.unsent,
            completed=moved.completed,
            failed=moved.failed,
            warning=moved.warning,
            archive=self._archive.name,
            operator=self._operator,
        )
        return done

    def _retrieved(self, identifier: Dataset) -> Moved:
        return (get if self._archive.retrieve == "get" else move)(
            self._archive, self._settings, identifier, self._is_stopping
        )

    def _asked_again(self, uid: str, done: Moved) -> Moved:
        """The same after what the archive named as failed, and is not here, was asked for once more."""
        lost = self._ledger.fetches.lacking(uid, done.unsent)
        if not lost:
            return replace(done, unsent=())
        named = {"count": len(lost), "sop_instance_uids": lost[:_MOST_TOLD]}
        log.warning("instances not sent", archive=self._archive.name, study_instance_uid=uid, **named)
        if self._is_stopping():
            return replace(done, unsent=tuple(lost))
        said = self._once_more(uid, lost)
        left = self._ledger.fetches.lacking(uid, lost)
        came = len(lost) - len(left)
        failed = max(0, done.failed - came)
        why = f"{done.reason}; of the {len(lost)} that it named {came} came when they were asked for again{said}"
        return Moved(done.completed + came, failed, done.warning, why if failed or left else "", tuple(left))

    def _once_more(self, uid: str, lost: list[str]) -> str:
        """Ask for some instances, series by series; what kept the archive from sending them, or nothing."""
        try:
            found = series_of(self._archive, self._settings.node.ae_title, uid, lost)
            for series, uids in found.items():
                self._retrieved(instances_of(uid, series, uids))
        except (DeliveryError, DeliveryRefused) as error:
            return f": {error}"
        return "" if found else ": it does not tell in which series they are"


def _lack(match: Match, moved: Moved, came: int) -> str:
    """Why not all is here; empty when it is."""
    if match.instances is not None and came >= match.instances:
        return ""
    if moved.reason:
        return moved.reason
    if match.instances is None:
        return "" if came else f"{_SENT} nothing has come: is it this node that it sends to?"
    return f"{_SENT} {came} of {match.instances} instances have come: see `radnode audit`"
