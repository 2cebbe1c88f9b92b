"""An association as requestor, with a time limit on every wait and an error that says what is wrong."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from node.config import Destination
from node.deliver.tls import Call
from node.errors import DeliveryError, DeliveryRefused

# Settings of the library for the whole process. A dataset in a log line may name a patient; and a file goes out as its
# own bytes, read in pieces, so that what arrives is what lies in the spool.
_config.LOG_HANDLER_LEVEL = "none"
_config.LOG_REQUEST_IDENTIFIERS = False
_config.LOG_RESPONSE_IDENTIFIERS = False
_config.STORE_SEND_CHUNKED_DATASET = True

Handler = tuple[evt.InterventionEvent, Callable[[evt.Event], object]]

#: (source, reason) of A-ASSOCIATE-RJ in words (PS3.8 9.3.4).
_REJECTIONS: dict[tuple[int, int], str] = {
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognized",
    (1, 7): "called AE title not recognized",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}
_REJECTED_TRANSIENT = 2


def name_of(destination: Destination) -> str:
    """As shown in errors, e.g. `ORTHANC@127.0.0.1:4242`."""
    return f"{destination.ae_title}@{destination.host}:{destination.port}"


@contextmanager
def associated(
    destination: Destination,
    calling_ae: str,
    contexts: Sequence[PresentationContext],
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
    handlers: Sequence[Handler] = (),
) -> Iterator[Association]:
    """An association, released at the end. Where no context was accepted it is over at once, but yielded.

    Args:
        destination: who is called.
        calling_ae: our AE title.
        contexts: to be proposed.
        roles: to be proposed.
        handlers: (event, what is called) of requests by the peer; they are heard within :func:`listening` alone.

    Raises:
        DeliveryError: nobody answers, or the association is rejected for now.
        DeliveryRefused: the association is rejected for good.
    """
    call, gate = Call(destination) if destination.tls else None, _Gate()
    assoc = _request(destination, calling_ae, contexts, call, (roles, handlers))
    if not assoc.is_established and not assoc.rejected_contexts:
        raise _not_established(assoc, name_of(destination), call.trouble if call else "")
    assoc._reactor_checkpoint = gate
    gate.hold(assoc)
    try:
        yield assoc
    finally:
        assoc.release()
        gate.free()


@contextmanager
def listening(assoc: Association) -> Iterator[None]:
    """Meanwhile what the peer asks over an association of :func:`associated` is heard."""
    gate: _Gate = assoc._reactor_checkpoint
    gate.free()
    try:
        yield
    finally:
        gate.hold(assoc)


class _Gate:
    """Takes the place of the event at which an association's own thread pauses, and holds it there.

    pynetdicom pauses that thread for each request, but cannot tell whether it has stopped or has only just been woken
    from the pause before; in the second case it takes the peer's answer away from the request that waits for it.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._held, self._reached = False, False

    def wait(self) -> None:
        """Called by the association's thread."""
        with self._condition:
            while self._held:
                self._reached = True
                self._condition.notify_all()
                self._condition.wait()

    def set(self) -> None:
        """Called by pynetdicom after a request: it stays held."""

    def clear(self) -> None:
        """Called by pynetdicom before a request: it is held already."""

    def hold(self, assoc: Association) -> None:
        """Return when the thread stands still, or has ended."""
        with self._condition:
            self._held = True
            while not self._reached and assoc.is_alive():
                self._condition.wait(0.01)

    def free(self) -> None:
        """Let the thread go on: it hears the peer, or ends."""
        with self._condition:
            self._held = self._reached = False
            self._condition.notify_all()


def _request(
    destination: Destination,
    calling_ae: str,
    contexts: Sequence[PresentationContext],
    call: Call | None,
    more: tuple[Sequence[SCP_SCU_RoleSelectionNegotiation], Sequence[Handler]],
) -> Association:
    roles, handlers = more
    ae = AE(ae_title=calling_ae)
    ae.connection_timeout = ae.acse_timeout = destination.timeout_seconds
    ae.dimse_timeout = ae.network_timeout = destination.timeout_seconds
    try:
        return ae.associate(
            destination.host,
            destination.port,
            contexts=list(contexts),
            ae_title=destination.ae_title or "ANY-SCP",
            ext_neg=list(roles),
            tls_args=call.arguments if call else None,
            evt_handlers=[(evt.EVT_CONN_OPEN, _limit_waits), (evt.EVT_DATA_SENT, _answer_at_once), *handlers],
        )
    except OSError as error:  # its name cannot be resolved
        what = f"it cannot be reached: {error.strerror}"
        raise DeliveryError(what, about=name_of(destination), hint="check host, and the name server") from error


def _not_established(assoc: Association, about: str, no_tls: str) -> DeliveryError | DeliveryRefused:
    if no_tls:  # for now: certificates are renewed, and what waits is then delivered
        hint = "compare ca_file, certificate_file and host with its certificate; is its port one for TLS?"
        return DeliveryError(f"no TLS: {no_tls}", about=about, hint=hint)
    if not assoc.is_rejected:
        hint = "is it running, are host and port right, and does it answer in time?"
        return DeliveryError("it cannot be reached, or does not answer", about=about, hint=hint)
    answer = assoc.acceptor.primitive
    said = _REJECTIONS.get((answer.result_source, answer.diagnostic), f"reason {answer.diagnostic}")
    if answer.result == _REJECTED_TRANSIENT:
        return DeliveryError(f"it rejects associations for now: {said}", about=about)
    hint = "compare both AE titles with those that it knows"
    return DeliveryRefused(f"it rejects associations: {said}", about=about, hint=hint)


def _limit_waits(event: evt.Event) -> None:
    """No delay in what we send, and an end to it when the peer has stopped reading: pynetdicom sets no limit there."""
    connection, seconds = event.assoc.dul.socket.socket, event.assoc.network_timeout
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if isinstance(connection, ssl.SSLSocket):  # it would try again and again, whatever the kernel's limit is
        connection.settimeout(seconds)
        return
    limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1e6))  # struct timeval, socket(7)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def _answer_at_once(event: evt.Event) -> None:
    """Acknowledge the first half of an answer, or a peer with Nagle's algorithm keeps the second half for 40 ms."""
    with suppress(OSError, AttributeError):  # it was closed meanwhile
        event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # not for good, tcp(7)
