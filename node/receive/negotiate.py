"""Association negotiation (PS3.8 7.1, PS3.7 annex D), with pynetdicom's PDU classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from pydicom.uid import UID, AllTransferSyntaxes, UID_dictionary
from pynetdicom import sop_class
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_items import (
    ApplicationContextItem,
    ImplementationClassUIDSubItem,
    ImplementationVersionNameSubItem,
    MaximumLengthSubItem,
    PresentationContextItemAC,
    PresentationContextItemRQ,
    SCP_SCU_RoleSelectionSubItem,
    TransferSyntaxSubItem,
    UserInformationItem,
)

from node.commitment import PUSH_MODEL
from node.config import NodeSettings, ReceiveSettings
from node.implementation import APPLICATION_CONTEXT, IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from node.receive.connection import INVALID_PARAMETER, Cut
from node.signals import AVAILABILITY, PERFORMED_STEP

#: Longest A-ASSOCIATE-RQ we read, bytes: 128 contexts with every transfer syntax there is.
LONGEST = 1 << 18

VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"

_ALL = {uid: (name, kind) for uid, (name, kind, *_) in UID_dictionary.items()}
_NO_OBJECTS = ("Commitment", "Directory", "Management")

#: Every storage SOP class that pydicom or pynetdicom knows, retired and private ones included.
STORAGE_CLASSES = frozenset(
    uid
    for uid, (name, kind) in _ALL.items()
    if kind == "SOP Class" and "Storage" in name and not any(word in name for word in _NO_OBJECTS)
) | frozenset(str(uid) for uid in sop_class._STORAGE_CLASSES.values())

#: Every transfer syntax there is: bytes are kept as they come.
TRANSFER_SYNTAXES = frozenset(str(uid) for uid in AllTransferSyntaxes) | frozenset(
    uid for uid, (_, kind) in _ALL.items() if kind == "Transfer Syntax"
)

#: SOP classes whose instances are no objects to be stored.
SERVICES = frozenset({VERIFICATION, PUSH_MODEL, PERFORMED_STEP, AVAILABILITY})

#: Transfer syntaxes of datasets that we read as a whole, or write.
_PLAIN = frozenset({IMPLICIT_LITTLE_ENDIAN, "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"})


class Result(Enum):
    """Presentation context results, PS3.8 table 9-18."""

    ACCEPTED = 0
    USER_REJECTION = 1
    ABSTRACT_SYNTAX = 3
    TRANSFER_SYNTAXES = 4


@dataclass(frozen=True)
class Rejection:
    """An A-ASSOCIATE-RJ: result, source and reason of PS3.8 table 9-21."""

    reason: str
    codes: tuple[int, int, int]

    def encode(self) -> bytes:
        """The PDU."""
        pdu = A_ASSOCIATE_RJ()
        pdu.result, pdu.source, pdu.reason_diagnostic = self.codes
        return bytes(pdu.encode())


APPLICATION = Rejection("application context not supported", (1, 1, 2))
CALLING = Rejection("calling AE title not recognized", (1, 1, 3))
CALLED = Rejection("called AE title not recognized", (1, 1, 7))
PROTOCOL = Rejection("protocol version not supported", (1, 2, 2))
LIMIT = Rejection("local limit exceeded", (2, 3, 2))


@dataclass(frozen=True)
class Context:
    """An accepted presentation context."""

    abstract_syntax: str
    transfer_syntax: str


@dataclass(frozen=True)
class Agreement:
    """What was negotiated.

    Attributes:
        contexts: accepted, by presentation context id.
        longest_pdu: what the peer reads, bytes; 0: no limit.
        reply: the A-ASSOCIATE-AC.
    """

    calling_ae: str
    called_ae: str
    contexts: dict[int, Context]
    longest_pdu: int
    reply: bytes


def decode(pdu: bytes) -> A_ASSOCIATE_RQ:
    """An A-ASSOCIATE-RQ (PS3.8 9.3.2). Raises :class:`Cut` for anything that is none."""
    request = A_ASSOCIATE_RQ()
    try:
        request.decode(pdu)
        if not request.presentation_context or request.user_information is None:
            raise ValueError("no presentation context, or no user information")
        ids = [item.context_id for item in request.presentation_context if _proposal(item)]
        if len(set(ids)) < len(ids):
            raise ValueError("two presentation contexts with one id")
    except Exception:  # the library's decoders raise anything on hostile bytes; each means the same
        raise Cut("a malformed association request", INVALID_PARAMETER) from None
    return request


def is_stored(sop_class_uid: str, *, unknown: bool) -> bool:
    """Whether objects of that class are taken. Args: unknown: those too that no dictionary has."""
    if sop_class_uid in STORAGE_CLASSES:
        return True
    return unknown and sop_class_uid not in _ALL and UID(sop_class_uid).is_valid


class Negotiator:
    """Answers association requests. Pure: keeps no state between them.

    Args:
        node, receive: of the settings.
        hears_reports: archives may tell what they keep of what they took from us.
    """

    def __init__(self, node: NodeSettings, receive: ReceiveSettings, *, hears_reports: bool = False) -> None:
        self._node, self._receive, self._hears_reports = node, receive, hears_reports

    def refuse(self, request: A_ASSOCIATE_RQ) -> Rejection | None:
        """Why this request is rejected as a whole; None: it is not."""
        node = self._node
        if not request.protocol_version & 1:  # PS3.8 9.3.2: only bit 0 is tested
            return PROTOCOL
        if request.application_context_name != APPLICATION_CONTEXT:
            return APPLICATION
        if node.check_called and request.called_ae_title.strip() != node.ae_title.strip():
            return CALLED
        allowed = [title.strip() for title in node.allowed_calling]
        if allowed and request.calling_ae_title.strip() not in allowed:
            return CALLING
        return None

    def agree(self, request: A_ASSOCIATE_RQ) -> Agreement:
        """Answer each presentation context and each role."""
        roles = {str(uid): item for uid, item in request.user_information.role_selection.items()}
        items, contexts = [], {}
        for proposed in request.presentation_context:
            abstract, syntaxes = _proposal(proposed)
            result, syntax = self._choose(abstract, syntaxes, roles)
            items.append(_context_item(proposed.context_id, result, syntax))
            if result is Result.ACCEPTED:
                contexts[proposed.context_id] = Context(abstract, syntax)
        accepted = {context.abstract_syntax for context in contexts.values()}
        answers = [self._role_item(uid, item) for uid, item in roles.items() if uid in accepted]
        return Agreement(
            calling_ae=request.calling_ae_title.strip(),
            called_ae=request.called_ae_title.strip(),
            contexts=contexts,
            longest_pdu=request.user_information.maximum_length or 0,
            reply=self._encode(request, items, answers),
        )

    def _choose(
        self, abstract: str, syntaxes: list[str], roles: dict[str, SCP_SCU_RoleSelectionSubItem]
    ) -> tuple[Result, str]:
        """Result and transfer syntax; the first one proposed that we know wins."""
        fallback = syntaxes[0] if syntaxes else IMPLICIT_LITTLE_ENDIAN
        if not self._takes(abstract):
            return Result.ABSTRACT_SYNTAX, fallback
        if abstract in roles and not roles[abstract].scu_role and not self._may_be_scp(abstract, roles[abstract]):
            return Result.USER_REJECTION, fallback  # PS3.7 D.3.3.4: it would only be SCP, and so are we
        taken = _PLAIN if abstract in SERVICES - {VERIFICATION} else TRANSFER_SYNTAXES
        known = next((uid for uid in syntaxes if uid in taken), None)
        return (Result.ACCEPTED, known) if known else (Result.TRANSFER_SYNTAXES, fallback)

    def _takes(self, abstract: str) -> bool:
        if abstract == PUSH_MODEL:
            return self._receive.promise_storage or self._hears_reports
        return abstract in SERVICES or is_stored(abstract, unknown=self._receive.unknown_sop_classes)

    def _may_be_scp(self, abstract: str, role: SCP_SCU_RoleSelectionSubItem) -> bool:
        """Of the requestor: an archive that calls us to report is the provider (PS3.4 J.3.3)."""
        return abstract == PUSH_MODEL and self._hears_reports and bool(role.scp_role)

    def _role_item(self, abstract: str, asked: SCP_SCU_RoleSelectionSubItem) -> SCP_SCU_RoleSelectionSubItem:
        """PS3.7 D.3.3.4: the requestor may be SCU, as far as it wants to, and SCP where it reports to us."""
        item = SCP_SCU_RoleSelectionSubItem()
        item.sop_class_uid = UID(abstract)
        item.scu_role, item.scp_role = int(bool(asked.scu_role)), int(self._may_be_scp(abstract, asked))
        return item

    def _encode(
        self,
        request: A_ASSOCIATE_RQ,
        contexts: list[PresentationContextItemAC],
        roles: Iterable[SCP_SCU_RoleSelectionSubItem],
    ) -> bytes:
        application = ApplicationContextItem()
        application.application_context_name = APPLICATION_CONTEXT
        length, implementation, version = (
            MaximumLengthSubItem(),
            ImplementationClassUIDSubItem(),
            ImplementationVersionNameSubItem(),
        )
        length.maximum_length_received = self._receive.max_pdu
        implementation.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        user = UserInformationItem()
        user.user_data = [length, implementation, *roles, version]
        pdu = A_ASSOCIATE_AC()
        pdu.reserved_aet, pdu.reserved_aec = request.called_ae_title, request.calling_ae_title
        pdu.variable_items = [application, *contexts, user]
        return bytes(pdu.encode())


def _proposal(item: PresentationContextItemRQ) -> tuple[str, list[str]]:
    """Abstract syntax and transfer syntaxes of a proposed context."""
    return str(item.abstract_syntax).rstrip("\0 "), [str(uid).rstrip("\0 ") for uid in item.transfer_syntax]


def _context_item(context_id: int, result: Result, transfer_syntax: str) -> PresentationContextItemAC:
    syntax = TransferSyntaxSubItem()
    syntax.transfer_syntax_name = UID(transfer_syntax)
    item = PresentationContextItemAC()
    item.presentation_context_id, item.result_reason = context_id, result.value
    item.transfer_syntax_sub_item = [syntax]
    return item
