"""Storage Commitment over associations of our own (PS3.4 annex J).

As its user: an archive is asked to keep what it took (N-ACTION), and may report at once, over the same association. As
its provider: the report to a peer that asked us, roles reversed (J.3.3).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BytesIO

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import decode

from node.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, REQUEST_ACTION, Answer, Reference, question, report
from node.config import Destination
from node.deliver.association import Association, associated
from node.deliver.line import Over, name_of
from node.deliver.messages import (
    N_ACTION,
    N_EVENT_REPORT,
    NO_DATASET,
    RESPONSE,
    WITH_DATASET,
    command_set,
    encoded,
)
from node.deliver.request import provider_roles
from node.deliver.status import reason_of
from node.errors import DeliveryError, DeliveryRefused, where

log = structlog.get_logger()

_SUCCESS, _PROCESSING_FAILURE = 0x0000, 0x0110
#: So long an archive may report over the association that asked it; most call back.
_AT_ONCE_SECONDS = 2.0
#: Proposed: Explicit VR Little Endian, and so Implicit, too.
_CONTEXT = (PUSH_MODEL, str(ExplicitVRLittleEndian))


def offers_commitment(destination: Destination, calling_ae: str) -> bool:
    """Whether it can be asked to keep objects; raises DeliveryError or DeliveryRefused."""
    with associated(destination, calling_ae, [_CONTEXT]) as assoc:
        return bool(assoc.accepted)


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
    with associated(destination, calling_ae, [_CONTEXT]) as assoc:
        if not assoc.accepted:
            hint = "leave storage_commitment out for this destination, or switch it on over there"
            raise DeliveryRefused("it offers no Storage Commitment", about=name_of(destination), hint=hint)
        action = {"CommandField": N_ACTION, "ActionTypeID": REQUEST_ACTION}
        _ask(assoc, destination, question(transaction, asked), action, "request for storage commitment")
        _hear_report(assoc, destination, hear)


def report_commitment(destination: Destination, calling_ae: str, transaction: str, answers: Sequence[Answer]) -> None:
    """Send an N-EVENT-REPORT; raises DeliveryError or DeliveryRefused when the peer does not take it.

    Args:
        destination: whose AE title asked.
        calling_ae: our AE title.
        transaction: Transaction UID of the request.
        answers: of each object.
    """
    event_type, ds = report(transaction, answers)
    with associated(destination, calling_ae, [_CONTEXT], provider_roles([PUSH_MODEL])) as assoc:
        if not assoc.accepted:
            raise DeliveryRefused("it does not take reports on storage commitment", about=name_of(destination))
        event = {"CommandField": N_EVENT_REPORT, "EventTypeID": event_type}
        _ask(assoc, destination, ds, event, "report on storage commitment")


def _ask(assoc: Association, destination: Destination, ds: Dataset, about: dict[str, int], name: str) -> None:
    """Send a request of the Push Model; raises DeliveryError. Args: about: what is special of its command set."""
    context = next(iter(assoc.accepted))
    target = "Requested" if about["CommandField"] == N_ACTION else "Affected"
    command = command_set(
        **{f"{target}SOPClassUID": PUSH_MODEL, f"{target}SOPInstanceUID": PUSH_MODEL_INSTANCE},
        **about,
        MessageID=assoc.next_id(),
        CommandDataSetType=WITH_DATASET,
    )
    data = encoded(ds, implicit=context[1] == ImplicitVRLittleEndian)
    try:
        status = assoc.ask(assoc.accepted[context], command, [(data, True)]).Status
    except Over as over:
        raise DeliveryError(f"it does not answer the {name}", about=name_of(destination)) from over
    if status != _SUCCESS:
        raise DeliveryError(f"the {name} was answered with {reason_of(status)}", about=name_of(destination))


def _hear_report(assoc: Association, destination: Destination, hear: Callable[[Dataset], bool]) -> None:
    """Take a report if it comes at once."""
    end, (context, context_id) = time.monotonic() + _AT_ONCE_SECONDS, next(iter(assoc.accepted.items()))
    while (left := end - time.monotonic()) > 0 and (heard := assoc.hear(left)) is not None:
        request, data = heard
        if request.CommandField != N_EVENT_REPORT:
            continue
        try:
            taken = hear(decode(BytesIO(data), context[1] == ImplicitVRLittleEndian, True))
        except Exception as error:  # an edge: it may be our ledger or its dataset; it reports again, or is asked again
            log.warning("report on storage commitment not taken", destination=destination.name, why=where(error))
            taken = False
        answer = command_set(
            AffectedSOPClassUID=PUSH_MODEL,
            CommandField=N_EVENT_REPORT | RESPONSE,
            MessageIDBeingRespondedTo=request.MessageID,
            CommandDataSetType=NO_DATASET,
            Status=_SUCCESS if taken else _PROCESSING_FAILURE,
            AffectedSOPInstanceUID=PUSH_MODEL_INSTANCE,
            EventTypeID=request.EventTypeID,
        )
        with suppress(Over):  # it reports again
            assoc.tell(context_id, answer)
        return
