"""Storage Commitment over associations of our own (PS3.4 annex J).

As its user: an archive is asked to keep what it took (N-ACTION), and may report at once, over the same association. As
its provider: the report to a peer that asked us, roles reversed (J.3.3).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from pydicom.dataset import Dataset
from pynetdicom import build_context, build_role, evt

from node.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, REQUEST_ACTION, Answer, Reference, question, report
from node.config import Destination
from node.deliver.association import associated, listening, name_of
from node.deliver.status import reason_of
from node.errors import DeliveryError, DeliveryRefused

_SUCCESS, _PROCESSING_FAILURE = 0x0000, 0x0110
#: So long an archive may report over the association that asked it; most call back.
_AT_ONCE_SECONDS = 2.0


def offers_commitment(destination: Destination, calling_ae: str) -> bool:
    """Whether it can be asked to keep objects; raises DeliveryError or DeliveryRefused."""
    with associated(destination, calling_ae, [build_context(PUSH_MODEL)]) as assoc:
        return bool(assoc.accepted_contexts)


def ask_commitment(
    destination: Destination,
    calling_ae: str,
    transaction: str,
    asked: Sequence[Reference],
    hear: Callable[[Dataset], bool],
) -> None:
    """Ask an archive to keep objects (N-ACTION); raises DeliveryError or DeliveryRefused when it does not say yes.

    Args:
        destination: the archive.
        calling_ae: our AE title, which it calls back.
        transaction: Transaction UID of the request.
        asked: the objects.
        hear: takes the dataset of a report that comes over the same association; whether it was expected.
    """
    about, told = name_of(destination), threading.Event()

    def on_report(event: evt.Event) -> tuple[int, None]:
        try:
            taken = hear(event.event_information)
        except Exception:  # an edge: it may be our ledger or its dataset; the archive reports again
            return _PROCESSING_FAILURE, None
        finally:
            told.set()
        return (_SUCCESS if taken else _PROCESSING_FAILURE), None

    handlers = [(evt.EVT_N_EVENT_REPORT, on_report)]
    with associated(destination, calling_ae, [build_context(PUSH_MODEL)], handlers=handlers) as assoc:
        if not assoc.accepted_contexts:
            hint = "leave storage_commitment out for this destination, or switch it on over there"
            raise DeliveryRefused("it offers no Storage Commitment", about=about, hint=hint)
        ds = question(transaction, asked)
        status, _ = assoc.send_n_action(ds, REQUEST_ACTION, PUSH_MODEL, PUSH_MODEL_INSTANCE)
        if "Status" not in status:
            raise DeliveryError("it does not answer the request for storage commitment", about=about)
        if status.Status != _SUCCESS:
            answer = reason_of(status.Status)
            raise DeliveryError(f"the request for storage commitment was answered with {answer}", about=about)
        with listening(assoc):
            told.wait(_AT_ONCE_SECONDS)


def report_commitment(destination: Destination, calling_ae: str, transaction: str, answers: Sequence[Answer]) -> None:
    """Send an N-EVENT-REPORT; raises DeliveryError or DeliveryRefused when the peer does not take it.

    Args:
        destination: whose AE title asked.
        calling_ae: our AE title.
        transaction: Transaction UID of the request.
        answers: of each object.
    """
    event_type, ds = report(transaction, answers)
    about, role = name_of(destination), build_role(PUSH_MODEL, scu_role=False, scp_role=True)
    with associated(destination, calling_ae, [build_context(PUSH_MODEL)], [role]) as assoc:
        if not assoc.accepted_contexts:
            raise DeliveryRefused("it does not take reports on storage commitment", about=about)
        status, _ = assoc.send_n_event_report(ds, event_type, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    if "Status" not in status:
        raise DeliveryError("it does not answer the report on storage commitment", about=about)
    if status.Status != _SUCCESS:
        raise DeliveryError(
            f"the report on storage commitment was answered with {reason_of(status.Status)}", about=about
        )
