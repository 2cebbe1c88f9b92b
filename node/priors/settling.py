"""Settles what can be settled: looks at what the ledger has, and waits for what is on its way."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Sequence

import structlog

from node.comparison import Assessment, Comparison
from node.errors import RadnodeError, where
from node.ledger import Ledger, OpenComparison
from node.priors.choosing import Choice, choose

log = structlog.get_logger()

#: Most studies of a patient that are assessed anew for one comparison, unless more priors are wanted.
_MOST_ANEW = 3
_NAME = re.compile(r"the prior of \d{4}-\d\d-\d\d")
_LATE = "did not come in time"
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
        return sum(self._guarded(one, time.time()) for one in self._ledger.comparisons.unsettled())

    def _guarded(self, wanted: OpenComparison, now: float) -> bool:
        try:
            return self._settled(wanted, now)
        except RadnodeError:
            raise
        except Exception as error:  # an edge: one that nobody has thought of must not hold up the reports of the others
            log.error("prior not found", analysis=wanted.analysis_id, error=where(error))
            none = Comparison(None, f"the earlier studies of this patient could not be compared ({where(error)})")
            return self._ledger.comparisons.settle(wanted.analysis_id, none)

    def _settled(self, wanted: OpenComparison, now: float) -> bool:
        if wanted.now is None:
            return False  # it is not classified yet
        candidates = self._ledger.comparisons.candidates(wanted.study_instance_uid, wanted.plugin)
        choice = choose(wanted.now, candidates, wanted.rule)
        if not is_late(wanted, now) and (
            self._is_done_anew(wanted, wanted.now, choice) or self._is_awaited(wanted, choice)
        ):
            return False
        assessed = {one.study_instance_uid for one in candidates if one.assessment is not None}
        passed = _passed(wanted, choice, assessed)
        return self._ledger.comparisons.settle(wanted.analysis_id, _comparison(wanted, choice, passed), passed)

    def _is_done_anew(self, wanted: OpenComparison, now: Assessment, choice: Choice) -> bool:
        """Whether what is to be assessed anew has just been put into the queue."""
        uids = choice.stale[: max(_MOST_ANEW, wanted.rule.most)]
        named = now.plugin, now.version, wanted.analysis_id
        asked = [self._ledger.comparisons.reassess(uid, *named) for uid in uids]
        return any(asked)

    def _is_awaited(self, wanted: OpenComparison, choice: Choice) -> bool:
        if choice.is_coming:
            return True
        return self._asks_archives and lacks(wanted, choice) > 0 and wants_archive(wanted)


def lacks(wanted: OpenComparison, choice: Choice) -> int:
    """So many priors are wanted still."""
    return wanted.rule.most - len(choice.priors)


def wants_archive(wanted: OpenComparison) -> bool:
    """Whether an archive is still to be asked, or to send."""
    has_date = wanted.now is not None and bool(wanted.now.study_date)
    return has_date and bool(wanted.rule.archive) and not wanted.is_spent


def is_late(wanted: OpenComparison, now: float) -> bool:
    """Whether the time to wait is over; that of a clock that was set back is."""
    return now >= wanted.wait_until or wanted.wait_until > now + wanted.rule.wait_seconds


def _comparison(wanted: OpenComparison, choice: Choice, passed: Sequence[str]) -> Comparison:
    if choice.priors:
        return Comparison(choice.priors[0], "", choice.priors[1:], wanted.rule.views)
    return Comparison(None, "; ".join(passed) or "there is no earlier study of this patient")


def _passed(wanted: OpenComparison, choice: Choice, assessed: Collection[str]) -> tuple[str, ...]:
    """Why other studies are no priors, and why the archive has no more; empty when so many are here as are wanted."""
    said = [*choice.reasons]
    for uid, told in wanted.tried.items():
        if not _NAME.fullmatch(told):
            said.append(told)
        elif uid not in assessed:
            said.append(f"{told} {_LATE if choice.is_coming else _UNUSED}")
    if wanted.fetching:
        said.append(f"{wanted.asked} {_LATE}")
    elif lacks(wanted, choice) and wanted.is_spent and wanted.asked:
        said.append(wanted.asked)
    elif choice.is_coming and not wanted.tried:
        said.append("another study of the patient did not come in time")
    elif lacks(wanted, choice) and wants_archive(wanted) and not wanted.tried:
        said.append(f"the archive '{wanted.rule.archive}' did not answer in time")
    return tuple(dict.fromkeys(said))
