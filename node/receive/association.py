"""One association, from the connection to its end, in a thread of its own."""

from __future__ import annotations

import socket
import struct
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from pynetdicom.pdu import A_ASSOCIATE_RQ

from node.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE
from node.config import ReceiveSettings
from node.errors import where
from node.receive import command, negotiate, services, status
from node.receive.admission import ANYBODY, Admission, Visitor
from node.receive.commitment import Report
from node.receive.connection import (
    BY_US,
    INVALID_PARAMETER,
    UNEXPECTED_PDU,
    UNRECOGNIZED_PDU,
    Connection,
    Cut,
    Untrusted,
)
from node.receive.identity import Identity
from node.receive.places import Places
from node.receive.refusals import Refusals
from node.receive.text import shown_uid
from node.receive.transfer import RELEASE_RP, Inbox, Released
from node.signals import PERFORMED_STEP

log = structlog.get_logger()

ASSOCIATE_RQ = 1
#: Why a connection is closed at once.
CROWD = "too many connections that have not associated"


@dataclass(frozen=True)
class House:
    """What all associations share. `strangers`: places until they have asked for an association, `places`: after;
    `negotiator`, `admission`: by the settings of that moment.
    """

    limits: ReceiveSettings
    negotiator: Callable[[], negotiate.Negotiator]
    node: services.Node
    strangers: Places
    places: Places
    admission: Callable[[], Admission]
    refusals: Refusals


class Association:
    """One peer's visit.

    Args:
        sock: accepted, owned from now on.
        address: of the peer.
        house: what it shares with the others.
        identity: who we are over TLS; None: this port has none.
    """

    def __init__(self, sock: socket.socket, address: str, house: House, identity: Identity | None = None) -> None:
        self._connection = Connection(sock)
        self._address, self._house, self._identity = address, house, identity
        self._id = uuid.uuid4().hex
        self._visitor, self._permit = Visitor("", address), ANYBODY
        self._answered: Counter[str] = Counter()
        self._noted = False
        self._message_id, self._told = 0, dict[int, Report]()

    def interrupt(self, why: str) -> None:
        """From another thread: abort it; `why` becomes its ending."""
        self._connection.interrupt(why)

    def run(self) -> None:
        """Serve the peer until one side ends it; never raises."""
        ending = "failed"
        try:
            ending = self._serve()
        except Untrusted as cut:
            ending = cut.ending
            self._house.refusals.note("association refused", self._visitor, ending)
        except Cut as cut:
            ending = cut.ending
            if cut.abort is not None:
                self._connection.abort(cut.abort)
        except Exception as error:  # an edge: whatever one peer provokes ends its association, not the node
            log.error("association failed", association=self._id, error=where(error))
            self._connection.abort(BY_US)
        finally:
            if self._noted:
                self._house.node.spool.put_away()
            self._connection.close()
            if self._noted:
                self._house.node.committer.close(self._id, ending)
            log.info("association ended", association=self._id, peer=self._address, ending=ending, **self._answered)

    def _serve(self) -> str:
        with self._house.strangers.take(self._address) as taken:
            if not taken:
                self._house.refusals.note("association refused", self._visitor, CROWD)
                return CROWD
            request = self._enter()
        permit, negotiator = self._house.admission().admit(self._visitor), self._house.negotiator()
        rejection = negotiator.refuse(request) or (negotiate.CALLING if permit is None else None)
        if permit is None or rejection is not None:
            return self._refuse(rejection or negotiate.CALLING)
        self._permit = permit
        with self._house.places.take(self._address) as taken:
            if not taken:
                return self._reject(negotiate.LIMIT)
            return self._accept(negotiator.agree(request))

    def _enter(self) -> A_ASSOCIATE_RQ:
        """PS3.8 9.1.5: ARTIM runs over handshake and request together, however slowly they drip."""
        seconds, certificate = self._house.limits.associate_seconds, None
        if self._identity is not None:
            deadline = time.monotonic() + seconds
            certificate = self._connection.secure(self._identity.context(), seconds)
            seconds = max(0.001, deadline - time.monotonic())
        request = self._read_request(seconds)
        self._visitor = Visitor(request.calling_ae_title.strip(), self._address, certificate)
        return request

    def _read_request(self, seconds: float) -> A_ASSOCIATE_RQ:
        self._connection.require(6, seconds)
        head = bytes(self._connection.peek(6))
        kind, length = struct.unpack(">BxL", head)
        if kind != ASSOCIATE_RQ:
            raise Cut("no association request", UNEXPECTED_PDU if 1 <= kind <= 7 else UNRECOGNIZED_PDU)
        if not 68 <= length <= negotiate.LONGEST:
            raise Cut("an association request longer than any, or too short", INVALID_PARAMETER)
        self._connection.require(6 + length, seconds)
        return negotiate.decode(bytes(self._connection.take(6 + length)))

    def _refuse(self, rejection: negotiate.Rejection) -> str:
        """As :meth:`_reject`, and somebody shall see it."""
        self._house.refusals.note("association refused", self._visitor, rejection.reason)
        return self._reject(rejection)

    def _reject(self, rejection: negotiate.Rejection) -> str:
        self._send(rejection.encode())
        return f"rejected: {rejection.reason}"

    def _accept(self, agreement: negotiate.Agreement) -> str:
        peer = services.Peer(self._id, agreement.calling_ae, agreement.called_ae, self._address)
        log.info(
            "association accepted",
            association=self._id,
            peer=self._address,
            calling_ae=peer.calling_ae,
            called_ae=peer.called_ae,
            contexts=len(agreement.contexts),
            tls=self._identity is not None,
        )
        self._send(agreement.reply)
        limits = self._house.limits
        inbox = Inbox(
            self._connection,
            limits.max_pdu,
            idle_seconds=limits.idle_seconds,
            network_seconds=limits.network_seconds,
            message_seconds=limits.message_seconds,
        )
        try:
            while True:
                self._answer(inbox, agreement, peer)
        except Released:
            self._send(RELEASE_RP)
            return "released"

    def _answer(self, inbox: Inbox, agreement: negotiate.Agreement, peer: services.Peer) -> None:
        """Read one message and answer it."""
        context_id, request = inbox.next_command()
        context = agreement.contexts.get(context_id)
        if context is None:
            raise Cut("a presentation context that was not accepted", INVALID_PARAMETER)
        if request.field == command.C_CANCEL:
            return  # PS3.7 9.3.2.3: it has no answer, and there is nothing to cancel
        if request.field & command.RESPONSE:
            self._hear(request)
            return
        self._note(request, peer)
        dataset = inbox.dataset(context_id) if request.has_dataset else iter(())
        asked = services.Request(request, context, dataset)
        answer = self._perform(peer, asked)
        self._answered[f"status_{answer.code:04X}"] += 1
        self._send(command.answer(request, context_id, answer, agreement.longest_pdu))
        if answer is status.TOO_LONG:
            raise Cut("a dataset longer than the limit", BY_US)
        if request.field == command.C_STORE and answer is status.SUCCESS:
            self._house.node.spool.get_ready()
        for report in asked.reports:
            self._tell(report, context_id, agreement.longest_pdu)

    def _tell(self, report: Report, context_id: int, longest_pdu: int) -> None:
        """N-EVENT-REPORT (PS3.7 10.1.1): what is kept of what the peer asked for."""
        self._message_id += 1
        self._told[self._message_id] = report
        about = (PUSH_MODEL, PUSH_MODEL_INSTANCE)
        head = command.event(self._message_id, report.event_type, about, context_id, longest_pdu)
        self._send(head + command.dataset(report.data, context_id, longest_pdu))

    def _hear(self, answer: command.Command) -> None:
        """The answer to one of our reports; there is nothing else that we ask."""
        is_report = answer.field == command.N_EVENT_REPORT | command.RESPONSE and not answer.has_dataset
        report = self._told.pop(answer.message_id, None) if is_report else None
        if report is None or self._house.node.promises is None:
            raise Cut("an answer without a question", UNEXPECTED_PDU)
        if answer.status == status.SUCCESS.code:
            self._house.node.promises.reported(report)

    def _perform(self, peer: services.Peer, request: services.Request) -> status.Status:
        service = services.SERVICES.get(request.command.field, services.unrecognized)
        operation = services.OPERATIONS.get(request.command.field)
        if operation is not None and operation not in self._permit.may:
            service = services.not_authorized
            self._note_refusal(operation, request)
        return services.perform(service, self._house.node, peer, request)

    def _note_refusal(self, operation: str, request: services.Request) -> None:
        """Who may not do that: a Security Alert (PS3.15 A.5.3.11), also of a word on a performed procedure step, whose
        record is neither made nor changed (A.5.3.15); it names the step.
        """
        why, about = f"peer '{self._permit.peer}' may not {operation}", {}
        if request.context.abstract_syntax == PERFORMED_STEP:
            why += ", nor tell of performed procedure steps"
            about = {"step": shown_uid(request.command.sop_instance_uid)}
        self._house.refusals.note("operation refused", self._visitor, why, **about)

    def _note(self, request: command.Command, peer: services.Peer) -> None:
        """Tell the ledger before the first instance; most associations bring none."""
        if request.field == command.C_STORE and not self._noted:
            self._noted = True
            self._house.node.committer.open(self._id, peer.calling_ae, peer.called_ae, self._address)

    def _send(self, data: bytes) -> None:
        self._connection.send(data, self._house.limits.network_seconds)
