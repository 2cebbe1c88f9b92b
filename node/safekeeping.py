"""Storage Commitment. Peers that are destinations are told what is kept of what they asked for; those that are none
were told over the association that asked (:mod:`node.receive.commitment`). And destinations are asked to keep what they
took from us: their reports come over the same association, or to the receiver.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Sequence
from functools import partial

from node.commitment import Reference
from node.config import Destination, Settings
from node.deliver import ask_commitment, backoff_seconds, report_commitment
from node.errors import DeliveryError, DeliveryRefused, RadnodeError
from node.ledger import CommitmentRow, Ledger
from node.receive.commitment import answers_to, hear
from node.spool import Spool

#: So long a peer that is no destination has to take its report over its own association.
_TOLD_SECONDS = 120.0
#: So long an archive has to report before it is asked again, and somebody is told.
_REPORT_SECONDS = 3600.0
_DAY_SECONDS = 86400.0
#: Longest pause after an archive could not be asked.
_LONGEST_PAUSE_SECONDS = 600.0


def report_commitments(settings: Settings, ledger: Ledger, spool: Spool) -> int:
    """Send the reports that are due; return how many were taken."""
    due = ledger.commitments.due(settings.retry.longest_seconds)
    return sum(_report(settings, ledger, spool, row) for row in due)


def _report(settings: Settings, ledger: Ledger, spool: Spool, row: CommitmentRow) -> bool:
    destination = next((one for one in settings.destinations if one.ae_title == row.calling_ae), None)
    if destination is None:
        if time.time() - row.received_at > _TOLD_SECONDS:
            reason = f"no destination has the AE title {row.calling_ae!r}, and its association ended before its report"
            ledger.commitments.give_up(row.id, reason)
        return False
    answers = answers_to(ledger, spool, row.asked)
    try:
        report_commitment(destination, settings.node.ae_title, row.transaction_uid, answers)
    except RadnodeError as error:
        _later(settings, ledger, row, str(error))
        return False
    ledger.commitments.reported(row.id, sum(bool(one.failure) for one in answers))
    return True


def _later(settings: Settings, ledger: Ledger, row: CommitmentRow, reason: str) -> None:
    attempts = row.attempts + 1
    if attempts >= settings.retry.delivery_attempts:
        ledger.commitments.give_up(row.id, f"{reason}; given up after {attempts} attempts")
    else:
        seconds = backoff_seconds(attempts, settings.retry, random.random())  # noqa: S311  jitter, no secret
        ledger.commitments.later(row.id, seconds)


class Asker:
    """Asks one destination to keep what it took, again where it does not report, and says when it does not promise.

    Args:
        destination: of kind `dicom`, with `storage_commitment`.
        settings: the node's AE title and `retry`.
        ledger: knows what is to be asked.
    """

    def __init__(self, destination: Destination, settings: Settings, ledger: Ledger) -> None:
        self._destination, self._settings, self._ledger = destination, settings, ledger
        self._failures, self._not_before, self._trouble = 0, 0.0, ""

    def step(self) -> int:
        """Ask about what was delivered since; how many objects."""
        pledges, name = self._ledger.pledges, self._destination.name
        if pledges.ask_again(name, time.time() - _REPORT_SECONDS):
            self._trouble = "it was asked, and did not report within the hour: does it know our AE title and port?"
        if time.monotonic() < self._not_before:
            return 0
        asked = pledges.wanted(name)
        count = self._ask(asked) if asked else 0
        waiting = pledges.waiting(name)
        if not waiting:
            self._trouble = ""
        what = f"{self._trouble} - {waiting} objects stay in the spool until it promises to keep them"
        self._ledger.facts.set_trouble(f"storage commitment {name}", what if self._trouble else "")
        return count

    def _ask(self, asked: Sequence[Reference]) -> int:
        pledges, name, transaction = self._ledger.pledges, self._destination.name, f"2.25.{uuid.uuid4().int}"
        take = partial(hear, self._ledger, attempts=self._settings.retry.delivery_attempts)
        pledges.ask(name, transaction, asked)
        try:
            ask_commitment(self._destination, self._settings.node.ae_title, transaction, asked, take)
        except (DeliveryError, DeliveryRefused) as error:
            pledges.ask_again(name, time.time() + _DAY_SECONDS)
            self._failures, self._trouble = self._failures + 1, str(error)
            seconds = backoff_seconds(self._failures, self._settings.retry, random.random())  # noqa: S311  jitter
            self._not_before = time.monotonic() + min(seconds, _LONGEST_PAUSE_SECONDS)
            return 0
        if self._failures:
            self._failures, self._trouble = 0, ""
        return len(asked)
