"""Settles what can be settled: looks at what the ledger has, and waits for what is on its way."""

from __future__ import annotations

import re
import time

from node.comparison import Assessment, Comparison
from node.ledger import Ledger, OpenComparison
from node.priors.choosing import Choice, choose

#: Most studies of a patient that are assessed anew for one comparison.
_MOST_ANEW = 3
_NAME = re.compile(r"the prior of \d{4}-\d\d-\d\d")
_UNUSED = "was fetched, and is none: it was not assessed, or its patient has another id or issuer"


def prior_of(study_date: str) -> str:
    """What was asked for, by its Study Date."""
    return f"the prior of {study_date[:4]}-{study_date[4:6]}-{study_date[6:]}"


class Priors:
    """Settles what analyses of one node are compared with.

    Args:
        ledger: of the node.
        asks_archives: somebody asks the archives that routes name; without, nothing is waited for that only they have.
    """

    def __init__(self, ledger: Ledger, *, asks_archives: bool = False) -> None:
        self._ledger, self._asks_archives = ledger, asks_archives

    def step(self) -> int:
        """Settle what can be settled; return how many were."""
        return sum(self._settled(one, time.time()) for one in self._ledger.comparisons.unsettled())

    def _settled(self, wanted: OpenComparison, now: float) -> bool:
        if wanted.now is None:
            return False  # it is not classified yet
        candidates = self._ledger.comparisons.candidates(wanted.study_instance_uid, wanted.plugin)
        choice = choose(wanted.now, candidates, wanted.rule)
        if not is_late(wanted, now) and (self._is_done_anew(wanted.now, choice) or self._is_awaited(wanted, choice)):
            return False
        return self._ledger.comparisons.settle(wanted.analysis_id, _comparison(wanted, choice))

    def _is_done_anew(self, now: Assessment, choice: Choice) -> bool:
        """Whether what is to be assessed anew has just been put into the queue."""
        asked = [self._ledger.comparisons.reassess(uid, now.plugin, now.version) for uid in choice.stale[:_MOST_ANEW]]
        return any(asked)

    def _is_awaited(self, wanted: OpenComparison, choice: Choice) -> bool:
        if choice.is_coming:
            return True
        return choice.prior is None and self._asks_archives and wants_archive(wanted)


def wants_archive(wanted: OpenComparison) -> bool:
    """Whether an archive is still to be asked, or to send."""
    has_date = wanted.now is not None and bool(wanted.now.study_date)
    return has_date and bool(wanted.rule.archive) and (not wanted.asked or bool(wanted.fetching))


def is_late(wanted: OpenComparison, now: float) -> bool:
    """Whether the time to wait is over; that of a clock that was set back is."""
    return now >= wanted.wait_until or wanted.wait_until > now + wanted.rule.wait_seconds


def _comparison(wanted: OpenComparison, choice: Choice) -> Comparison:
    if choice.prior is not None:
        return Comparison(choice.prior)
    return Comparison(None, "; ".join(_reasons(wanted, choice)) or "there is no earlier study of this patient")


def _reasons(wanted: OpenComparison, choice: Choice) -> list[str]:
    said = [*choice.reasons]
    if _NAME.fullmatch(wanted.asked):
        late = wanted.fetching or choice.is_coming
        said.append(f"{wanted.asked} {'did not come in time' if late else _UNUSED}")
    elif wanted.asked:
        said.append(wanted.asked)
    elif choice.is_coming:
        said.append("another study of the patient did not come in time")
    elif wants_archive(wanted):
        said.append(f"the archive '{wanted.rule.archive}' did not answer in time")
    return list(dict.fromkeys(said))
