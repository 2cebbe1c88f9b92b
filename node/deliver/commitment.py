"""Storage Commitment as its provider: the report over an association of our own, roles reversed (PS3.4 J.3.3)."""

from __future__ import annotations

from collections.abc import Sequence

from pynetdicom import build_context, build_role

from node.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, Answer, report
from node.config import Destination
from node.deliver.association import associated, name_of
from node.deliver.status import reason_of
from node.errors import DeliveryError, DeliveryRefused

_SUCCESS = 0x0000


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
