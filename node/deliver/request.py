"""A request for an association (A-ASSOCIATE-RQ, PS3.8 9.3.2), and the roles that may be asked for in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydicom.uid import UID
from pynetdicom import build_role
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)

from node.config import Destination
from node.implementation import APPLICATION_CONTEXT, IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

#: Largest PDU that we read, bytes after its header.
LONGEST_PDU = 16384


def provider_roles(abstract_syntaxes: Iterable[str]) -> list[SCP_SCU_RoleSelectionNegotiation]:
    """We are to be the provider of these services, over an association of our own (PS3.7 D.3.3.4)."""
    return [build_role(UID(one), scu_role=False, scp_role=True) for one in dict.fromkeys(abstract_syntaxes)]


def request_for(
    destination: Destination,
    calling_ae: str,
    contexts: Sequence[object],
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation],
) -> bytes:
    """The PDU. Args: as of :class:`~node.deliver.association.Association`; contexts: with their ids."""
    length, implementation, version = (
        MaximumLengthNotification(),
        ImplementationClassUIDNotification(),
        ImplementationVersionNameNotification(),
    )
    length.maximum_length_received = LONGEST_PDU
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    request = A_ASSOCIATE()
    request.application_context_name = APPLICATION_CONTEXT
    request.calling_ae_title, request.called_ae_title = calling_ae, destination.ae_title or "ANY-SCP"
    request.presentation_context_definition_list = list(contexts)
    request.user_information = [length, implementation, version, *roles]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(request)
    return bytes(pdu.encode())
