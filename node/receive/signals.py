"""Takes what modalities and archives tell of studies: each is a row of the ledger before it is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

import structlog
from pydicom.dataset import Dataset

from node import signals
from node.ledger import Ledger
from node.receive import status
from node.receive.dataset import decoded, strangers
from node.signals import Fault, Outcome, Refused

log = structlog.get_logger()

Told = TypeVar("Told")

_FAULTS: Mapping[Fault, status.Status] = {
    Fault.MISSING: status.MISSING_ATTRIBUTE,
    Fault.EMPTY: status.MISSING_VALUE,
    Fault.INVALID: status.INVALID_VALUE,
    Fault.TOO_MANY: status.TOO_MANY,
}
_OUTCOMES: Mapping[Outcome, status.Status] = {
    Outcome.TAKEN: status.SUCCESS,
    Outcome.DUPLICATE: status.DUPLICATE_INSTANCE,
    Outcome.UNKNOWN: status.NO_SUCH_STEP,
    Outcome.ENDED: status.STEP_ENDED,
    Outcome.OTHER_STUDIES: status.INVALID_VALUE,
}


class Signals:
    """Args: ledger: of the node. Every method raises :class:`~node.receive.dataset.Malformed`, LedgerBusy."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def begin(self, calling_ae: str, uid: bytes, data: bytes, transfer_syntax: str) -> status.Status:
        """N-CREATE of a Modality Performed Procedure Step."""
        ledger = self._ledger.signals
        return _take(
            uid, data, transfer_syntax, signals.created_step, lambda name, step: ledger.begin(name, calling_ae, step)
        )

    def change(self, calling_ae: str, uid: bytes, data: bytes, transfer_syntax: str) -> status.Status:
        """N-SET of one."""
        ledger = self._ledger.signals
        return _take(
            uid, data, transfer_syntax, signals.changed_step, lambda name, step: ledger.change(name, calling_ae, step)
        )

    def notify(self, calling_ae: str, uid: bytes, data: bytes, transfer_syntax: str) -> status.Status:
        """N-CREATE of an Instance Availability Notification."""
        ledger = self._ledger.signals
        return _take(
            uid, data, transfer_syntax, signals.notification, lambda name, told: ledger.notify(name, calling_ae, told)
        )


def _take(
    uid: bytes, data: bytes, transfer_syntax: str, read: Callable[[Dataset], Told], keep: Callable[[str, Told], Outcome]
) -> status.Status:
    name = uid.decode("ascii", "replace")
    if not signals.is_uid(name):
        return status.INVALID_INSTANCE
    try:
        told = _read(data, transfer_syntax, read)
    except Refused as refused:
        log.warning("notification refused", sop_instance_uid=name, why=str(refused))
        answer = _FAULTS[refused.fault]
        return replace(answer, comment=f"{refused.fault.value}: {refused.keyword}"[:64])
    return _OUTCOMES[keep(name, told)]


def _read(data: bytes, transfer_syntax: str, read: Callable[[Dataset], Told]) -> Told:
    ds = decoded(data, transfer_syntax)
    with strangers():
        try:
            return read(ds)
        except Refused as error:
            refused = error
    raise refused
