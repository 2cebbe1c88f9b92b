"""The studies of a workitem are brought here, each for itself, and compared with what the workitem names of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from node.config import Settings, Worklist
from node.errors import LedgerBusy
from node.ledger import Input, Ledger, WorkitemRow
from node.worklist.knowledge import Knowledge
from node.worklist.origin import NotThere, Origin

#: A study that did not come whole is asked for again after so long, seconds.
_AGAIN_SECONDS = 60.0
#: So often it is seen whether a workitem whose study is coming is wanted at all, seconds.
_GLANCE_SECONDS = 1.0


class Bringing:
    """Of one worklist; the arguments are those of :class:`Origin`."""

    def __init__(self, worklist: Worklist, settings: Settings, ledger: Ledger, is_stopping: Callable[[], bool]) -> None:
        self._origin, self._ledger, self._is_stopping = Origin(worklist, settings, ledger), ledger, is_stopping
        self._known = Knowledge(ledger, settings)

    def bring(self, row: WorkitemRow, one: Input, tell: Callable[[], None], *, is_answered: bool) -> str:
        """Have a study come, unless it has since the claim, or was answered before; a part of it counts for nothing.

        Args:
            row: who asks for it.
            one: of its inputs.
            tell: that it is asked for now.
            is_answered: by an analysis of what is here.

        Returns why not all of it is here, or empty. Raises :class:`NotThere` where that is not to be expected, and
        :class:`~node.errors.LedgerBusy`.
        """
        uid, unknown = one.study_instance_uid, self._origin.unknown(one)
        self._ledger.priors.release(uid, f"worklist {row.worklist}")
        last, missing = self._ledger.fetches.of_study(uid), self._known.missing(one)
        has_come = last is not None and last.is_whole and last.asked_at >= row.claimed_at
        if not missing and (has_come or (is_answered and (last is None or last.is_whole))):
            return ""
        if unknown and not self._ledger.fetches.came(uid):
            raise NotThere(f"its study is not here, and {unknown}")
        if unknown:
            return missing
        if not self._is_due(row, uid):
            return (last.reason if last is not None else "") or missing or row.reason
        tell()
        reason = self._origin.fetch(one, f"worklist {row.worklist}", _Unwanted(row, self._ledger, self._is_stopping))
        return "; ".join(filter(None, (reason, self._known.missing(one))))

    def _is_due(self, row: WorkitemRow, study_instance_uid: str) -> bool:
        """Whether it was not just asked for in vain; a clock that was set back counts for nothing."""
        last, now = self._ledger.fetches.of_study(study_instance_uid), time.time()
        if not row.reason or last is None:
            return True
        again_at = last.again_at if last.again_at is not None else last.asked_at + _AGAIN_SECONDS
        return now >= again_at or now < last.asked_at


class _Unwanted:
    """Whether what is coming is wanted no more: the node is being stopped, or somebody asks to cancel the workitem."""

    def __init__(self, row: WorkitemRow, ledger: Ledger, is_stopping: Callable[[], bool]) -> None:
        self._uid, self._ledger, self._is_stopping = row.workitem_uid, ledger, is_stopping
        self._is_canceled, self._look_at = False, 0.0

    def __call__(self) -> bool:
        if not self._is_canceled and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _GLANCE_SECONDS
            with suppress(LedgerBusy):  # what comes is not to suffer from that
                row = self._ledger.workitems.get(self._uid)
                self._is_canceled = row is not None and bool(row.cancel)
        return self._is_canceled or self._is_stopping()
