"""One study after the other: written down, asked for, and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from node.config import Destination, Settings
from node.errors import DeliveryError, DeliveryRefused
from node.fetch.get import get
from node.fetch.move import move
from node.fetch.query import Match
from node.fetch.status import Moved
from node.ledger import Ledger

_SENT = "the archive says that all is sent, and"


@dataclass(frozen=True)
class Fetched:
    """What came of a study.

    Attributes:
        instances: that the archive counts; None: it does not say.
        came: objects of the study that are here, whoever sent them.
        moved: how the archive answered; None: it was not asked, or gave no answer.
        reason: why not all came; empty: they did.
    """

    study_instance_uid: str
    instances: int | None
    came: int
    moved: Moved | None = None
    reason: str = ""


class Fetcher:
    """Asks one archive.

    Args:
        archive: who is asked.
        settings: of this node, which the archive is to send to, or which keeps what it sends back.
        ledger: is told, and counts.
        operator: who wants it, for the trail.
        is_stopping: whether no further study is to be asked for.
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
            self._ledger.fetches.end(uid, reason, archive=self._archive.name)
            return Fetched(uid, match.instances, self._ledger.fetches.came(uid), None, reason), reason

    def _fetched(self, match: Match) -> Fetched:
        uid, ledger = match.study_instance_uid, self._ledger
        ledger.fetches.ask(uid, self._archive.name, match.instances, self._operator)
        moved = (get if self._archive.retrieve == "get" else move)(self._archive, self._settings, uid)
        came = ledger.fetches.came(uid)
        reason = _lack(match, moved, came)
        ledger.fetches.end(
            uid,
            reason,
            completed=moved.completed,
            failed=moved.failed,
            warning=moved.warning,
            archive=self._archive.name,
        )
        return Fetched(uid, match.instances, came, moved, reason)


def _lack(match: Match, moved: Moved, came: int) -> str:
    """Why not all is here; empty when it is."""
    if match.instances is not None and came >= match.instances:
        return ""
    if moved.reason:
        return moved.reason
    if match.instances is None:
        return "" if came else f"{_SENT} nothing has come: is it this node that it sends to?"
    return f"{_SENT} {came} of {match.instances} instances have come: see `radnode audit`"
