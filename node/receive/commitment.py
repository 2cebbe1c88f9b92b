"""Storage Commitment. As its provider: takes requests (N-ACTION), and says what is kept (N-EVENT-REPORT). As its user:
takes the reports of archives that were asked (:mod:`node.deliver.commitment`).

The request is a row of the ledger before it is answered. The report goes over the same association, unless the peer is
one of the destinations: then the main process calls it back, as archives expect (PS3.4 J.3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID

from node.commitment import PROCESSING_FAILURE, Answer, Reference, report, request_of, told_by
from node.ledger import Ledger
from node.receive.dataset import decoded, strangers
from node.spool import Spool

#: Until an object that an archive does not keep is sent again.
AGAIN_SECONDS = 30.0


@dataclass(frozen=True)
class Report:
    """What is told of one request. `data`: the dataset in `transfer_syntax`; `failed`: objects that are not kept."""

    commitment_id: int
    event_type: int
    data: bytes
    failed: int


class Promises:
    """Args: ledger, spool: of the node; called_back: AE titles that get their report from the main process."""

    def __init__(self, ledger: Ledger, spool: Spool, called_back: Sequence[str]) -> None:
        self._ledger, self._spool, self._called_back = ledger, spool, frozenset(called_back)

    def ask(self, calling_ae: str, data: bytes, transfer_syntax: str) -> Report | None:
        """Take a request; its report, if it is to go over the same association.

        Raises :class:`~node.receive.dataset.Malformed`, :class:`~node.errors.LedgerBusy`.
        """
        transaction, asked = _request(data, transfer_syntax)
        commitment_id = self._ledger.commitments.ask(transaction, calling_ae, asked)
        if calling_ae in self._called_back:
            return None
        answers = answers_to(self._ledger, self._spool, asked)
        event_type, ds = report(transaction, answers)
        failed = sum(bool(one.failure) for one in answers)
        return Report(commitment_id, event_type, _encoded(ds, transfer_syntax), failed)

    def reported(self, sent: Report) -> None:
        """The peer has taken it."""
        self._ledger.commitments.reported(sent.commitment_id, sent.failed)


class Hearing:
    """Takes what archives say of what they keep. Args: ledger: of the node; attempts: at delivering an object."""

    def __init__(self, ledger: Ledger, attempts: int) -> None:
        self._ledger, self._attempts = ledger, attempts

    def take(self, data: bytes, transfer_syntax: str) -> bool:
        """Write a report down. False: nobody asked for it. Raises as :func:`hear` does."""
        return hear(self._ledger, decoded(data, transfer_syntax), self._attempts)


def hear(ledger: Ledger, ds: Dataset, attempts: int) -> bool:
    """Write a report down, over whatever association it came. False: nobody asked for it.

    Raises :class:`~node.receive.dataset.Malformed`, :class:`~node.errors.LedgerBusy`.
    """
    with strangers():
        told = told_by(ds)
    return ledger.pledges.report(told.transaction_uid, told.kept, told.failed, attempts, AGAIN_SECONDS)


def answers_to(ledger: Ledger, spool: Spool, asked: Sequence[Reference]) -> list[Answer]:
    """Of each object whether it is kept: its row is there, and its file lies in the spool as long as it was."""
    return [
        Answer(one.reference, one.failure or (0 if spool.size(one.path) == one.size else PROCESSING_FAILURE))
        for one in ledger.commitments.held(asked)
    ]


def _request(data: bytes, transfer_syntax: str) -> tuple[str, tuple[Reference, ...]]:
    with strangers():
        return request_of(decoded(data, transfer_syntax))


def _encoded(ds: Dataset, transfer_syntax: str) -> bytes:
    syntax, stream = UID(transfer_syntax), DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = syntax.is_little_endian, syntax.is_implicit_VR
    write_dataset(stream, ds)
    return bytes(stream.getvalue())
