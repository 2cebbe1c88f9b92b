"""Takes what modalities and archives tell of studies: each is a row of the ledger before it is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog
from pydicom.dataset import Dataset

from node import signals
from node.errors import LedgerBusy
from node.ledger import Ledger
from node.receive import status
from node.receive.admission import Visitor
from node.receive.dataset import Malformed, decoded, strangers
from node.receive.refusals import Refusals
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


@dataclass(frozen=True)
class Word:
    """What somebody tells. `uid`: SOP Instance UID as it was sent; `data`: the dataset."""

    visitor: Visitor
    uid: bytes
    data: bytes
    transfer_syntax: str

    @property
    def name(self) -> str:
        """The UID as text."""
        return self.uid.decode("ascii", "replace")


class Signals:
    """Every method raises :class:`~node.receive.dataset.Malformed`, LedgerBusy. Who is refused a performed procedure
    step stands in the trail, since its record has failed.

    Args:
        ledger: of the node.
        refusals: writes them down.
    """

    def __init__(self, ledger: Ledger, refusals: Refusals) -> None:
        self._ledger, self._refusals = ledger, refusals

    def begin(self, word: Word) -> status.Status:
        """N-CREATE of a Modality Performed Procedure Step."""
        keep, calling_ae = self._ledger.signals.begin, word.visitor.calling_ae
        with self._recorded(word, 1) as answers:
            answers.append(_take(word, signals.created_step, lambda name, step: keep(name, calling_ae, step)))
        return answers[0]

    def change(self, word: Word) -> status.Status:
        """N-SET of one."""
        keep, calling_ae = self._ledger.signals.change, word.visitor.calling_ae
        with self._recorded(word, 2) as answers:
            answers.append(_take(word, signals.changed_step, lambda name, step: keep(name, calling_ae, step)))
        return answers[0]

    def notify(self, word: Word) -> status.Status:
        """N-CREATE of an Instance Availability Notification."""
        keep, calling_ae = self._ledger.signals.notify, word.visitor.calling_ae
        return _take(word, signals.notification, lambda name, told: keep(name, calling_ae, told))

    @contextmanager
    def _recorded(self, word: Word, number: int) -> Iterator[list[status.Status]]:
        """What is answered meanwhile is written down unless it is Success, as is what is raised instead."""
        answers: list[status.Status] = []
        try:
            yield answers
        except Malformed:
            self._refuse(word, number, status.NOT_UNDERSTOOD)
            raise
        except LedgerBusy:
            self._refuse(word, number, status.FAILED)
            raise
        if answers[0].code != status.SUCCESS.code:
            self._refuse(word, number, answers[0])

    def _refuse(self, word: Word, number: int, answer: status.Status) -> None:
        """In the trail of its study, if that is known. Args: number: 1: it was to be made; more: to be changed."""
        about: dict[str, object] = {"word": number}
        if signals.is_uid(word.name):
            about["step"] = word.name
            about["study_instance_uid"] = next(iter(self._ledger.signals.studies(word.name)), "")
        self._refusals.note("procedure step refused", word.visitor, answer.comment, **about)


def _take(word: Word, read: Callable[[Dataset], Told], keep: Callable[[str, Told], Outcome]) -> status.Status:
    name = word.name
    if not signals.is_uid(name):
        return status.INVALID_INSTANCE
    try:
        told = _read(word.data, word.transfer_syntax, read)
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
