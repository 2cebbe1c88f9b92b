"""Storage Commitment: peers that are destinations are told what is kept of what they asked for.

Those that are none were told over the association that asked (:mod:`node.receive.commitment`).
"""

from __future__ import annotations

import random
import time

from node.config import Settings
from node.deliver import backoff_seconds, report_commitment
from node.errors import RadnodeError
from node.ledger import CommitmentRow, Ledger
from node.receive.commitment import answers_to
from node.spool import Spool

#: So long a peer that is no destination has to take its report over its own association.
_TOLD_SECONDS = 120.0


def report_commitments(settings: Settings, ledger: Ledger, spool: Spool) -> int:
    """Send the reports that are due; return how many were taken."""
    return sum(_report(settings, ledger, spool, row) for row in ledger.commitments.due())


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
