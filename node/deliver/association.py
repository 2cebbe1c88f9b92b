"""An association as requestor (PS3.8 7 and 9): asked for, used, released, with an error that says what is wrong.

It is a socket and nothing else: no thread waits beside it, so that one that is kept open costs nothing.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO

from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode
from pynetdicom.pdu import A_ASSOCIATE_AC
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation

from node.config import Destination
from node.deliver.contexts import contexts_for
from node.deliver.line import Line, Over, name_of, unanswered, untrusted
from node.deliver.messages import NO_DATASET, PENDING, as_pdus, is_answer, pdvs
from node.deliver.request import request_for
from node.errors import DeliveryError, DeliveryRefused

_ACCEPTED, _REJECTED, _DATA, _RELEASE_ASKED, _RELEASED = 2, 3, 4, 5, 6  # PDU types, PS3.8 9.3
_RELEASE = struct.Struct(">BxLL")
_ABORT = struct.pack(">BxLL", 7, 4, 0)  # by the service user, PS3.8 9.3.8
#: Longest message, bytes; most requests that are kept while an answer is waited for.
_LONGEST_MESSAGE, _MOST_UNHEARD = 1 << 24, 4
#: So long a peer has to answer a release: what matters was said before.
_PARTING_SECONDS = 2.0

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
#: A message: its command set, and its dataset, encoded.
Heard = tuple[Dataset, bytes]


@contextmanager
def associated(
    destination: Destination,
    calling_ae: str,
    wanted: Iterable[tuple[str, str]],
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
) -> Iterator[Association]:
    """An association for one purpose, released at the end; as :class:`Association`."""
    assoc = Association(destination, calling_ae, wanted, roles)
    try:
        yield assoc
    finally:
        assoc.release()


class Association:
    """One that a destination has accepted, though perhaps none of its contexts. For one thread.

    Args:
        destination: who is called.
        calling_ae: our AE title.
        wanted: (abstract syntax, transfer syntax) to be proposed, as by :func:`contexts_for`.
        roles: to be proposed.

    Attributes:
        accepted: (abstract syntax, transfer syntax) -> id of the context.
        refused: the same -> why, as in PS3.8 9.3.3.2.
        longest_pdu: that the peer reads, bytes after its header; 0: no limit.

    Raises:
        DeliveryError: nobody answers, or the association is rejected for now.
        DeliveryRefused: the association is rejected for good.
    """

    def __init__(
        self,
        destination: Destination,
        calling_ae: str,
        wanted: Iterable[tuple[str, str]],
        roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
    ) -> None:
        self.accepted: dict[tuple[str, str], int] = {}
        self.refused: dict[tuple[str, str], int] = {}
        self.longest_pdu = 0
        self._destination, self._message_id = destination, 0
        self._unheard: deque[Heard] = deque()
        contexts = contexts_for(wanted)
        for number, context in enumerate(contexts):
            context.context_id = 2 * number + 1
        proposed = {cx.context_id: (str(cx.abstract_syntax), str(cx.transfer_syntax[0])) for cx in contexts}
        self._line = Line(destination)
        self.is_over = False
        try:
            self._line.send(request_for(destination, calling_ae, contexts, roles))
            self._enter(proposed)
        except Over as over:
            self._line.close()
            if isinstance(over.__cause__, ssl.SSLError):  # TLS 1.3: who refuses us says so only now (RFC 8446 4.4.2)
                raise untrusted(destination, over.__cause__) from over
            raise unanswered(destination) from over
        except BaseException:
            self._line.close()
            raise

    def _enter(self, proposed: dict[int, tuple[str, str]]) -> None:
        """Read the answer to our request."""
        kind, body = self._line.receive()
        if kind == _REJECTED and len(body) == 4:
            raise _rejection(self._destination, *body[1:])
        pdu = A_ASSOCIATE_AC()
        try:
            if kind != _ACCEPTED:
                raise ValueError("no answer to a request for an association")
            pdu.decode(struct.pack(">BxL", kind, len(body)) + body)
            results = {item.presentation_context_id: item.result_reason for item in pdu.presentation_context}
            self.longest_pdu = pdu.user_information.maximum_length or 0
        except Exception as error:  # the library's decoders raise anything on what is no such PDU: each means the same
            raise Over(by_peer=True) from error
        for context_id, pair in proposed.items():
            result = results.get(context_id, 1)
            if result:
                self.refused[pair] = result
            else:
                self.accepted[pair] = context_id

    def ask(self, context_id: int, command: bytes, dataset: Iterable[tuple[bytes, bool]] = ()) -> Dataset:
        """Send a request, return the command set of its answer.

        Args:
            context_id: of :attr:`accepted`.
            command: the request, with the id of :meth:`next_id`.
            dataset: in blocks, each with whether it is the last; what this raises is raised, too.

        Raises :class:`Over`. After any error the association has ended.
        """
        parts = self._parts(context_id, command, dataset)
        part = next(parts)  # a dataset that cannot be read at all leaves the association as it is
        try:
            while part:
                self._line.send(part)
                part = next(parts, b"")
            end = time.monotonic() + self._destination.timeout_seconds
            while len(self._unheard) < _MOST_UNHEARD:
                answer, data = self._message(end)
                if is_answer(answer):
                    return answer
                self._unheard.append((answer, data))
            raise Over(by_peer=True)
        except BaseException:  # else a late answer would be taken for that to the next request
            self.abort()
            raise

    def ask_for_all(self, context_id: int, command: bytes, dataset: bytes, seconds: float) -> Iterator[Heard]:
        """Send a request, yield its answers, `seconds` apart at most; when not all are taken, the association ends."""
        try:
            self.send(context_id, command, dataset)
            is_pending = True
            while is_pending:
                answer, data = self._message(time.monotonic() + seconds)
                if not is_answer(answer):
                    raise Over(by_peer=True)
                is_pending = answer.Status in PENDING
                yield answer, data
        except BaseException:
            self.abort()
            raise

    def send(self, context_id: int, command: bytes, dataset: bytes) -> None:
        """Send a request whose answers somebody else reads from :attr:`connection`; raises :class:`Over`."""
        for part in self._parts(context_id, command, [(dataset, True)]):
            self._line.send(part)

    @property
    def connection(self) -> socket.socket:
        """The socket, of which nothing was read but whole PDUs."""
        return self._line.socket

    def _parts(self, context_id: int, command: bytes, dataset: Iterable[tuple[bytes, bool]]) -> Iterator[bytes]:
        part = as_pdus(command, context_id, self.longest_pdu, is_command=True)
        for block, is_last in dataset:
            yield part + as_pdus(block, context_id, self.longest_pdu, is_last=is_last)
            part = b""
        if part:
            yield part

    def next_id(self) -> int:
        """A Message ID (0000,0110)."""
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    def hear(self, seconds: float) -> Heard | None:
        """What the peer asks us, as command set and dataset; None: nothing within that time."""
        if self._unheard:
            return self._unheard.popleft()
        try:
            return self._message(time.monotonic() + seconds)
        except Over:
            self.abort()
            return None

    def tell(self, context_id: int, command: bytes) -> None:
        """Answer a request; raises :class:`Over`."""
        self._line.send(as_pdus(command, context_id, self.longest_pdu, is_command=True))

    def _message(self, end: float) -> Heard:
        """The next one, whole by then (monotonic), however it drips; raises :class:`Over`."""
        command, data, found = bytearray(), bytearray(), Dataset()
        while len(command) + len(data) < _LONGEST_MESSAGE:
            if (left := end - time.monotonic()) <= 0:
                raise Over(by_peer=False)
            kind, body = self._line.receive(left)
            if kind != _DATA:  # it aborts, or wants to go
                raise Over(by_peer=True)
            try:
                for of_command, is_last, piece in pdvs(body):
                    (command if of_command else data).extend(piece)
                    if is_last and of_command:
                        found = decode(BytesIO(command), True, True)
                    if is_last and (not of_command or found.CommandDataSetType == NO_DATASET):
                        _ = found.CommandField
                        return found, bytes(data)
            except Exception as error:  # the decoder raises anything on bytes that are no command set
                raise Over(by_peer=True) from error
        raise Over(by_peer=True)

    def is_open(self) -> bool:
        """Whether it can still be used: the peer neither closed nor aborted it, nor wants it released."""
        if self.is_over:
            return False
        heard = self._line.heard()
        if heard is None:
            return True
        if heard[:1] == bytes([_RELEASE_ASKED]):
            with suppress(Over):
                self._line.send(_RELEASE.pack(_RELEASED, 4, 0))
        self._end()
        return False

    def release(self) -> None:
        """End it in order; an association that has ended is no error."""
        if self.is_over:
            return
        with suppress(Over):
            self._line.send(_RELEASE.pack(_RELEASE_ASKED, 4, 0))
            end = time.monotonic() + _PARTING_SECONDS
            while (left := end - time.monotonic()) > 0 and self._line.receive(left)[0] == _DATA:
                pass
        self._end()

    def abort(self) -> None:
        """End it at once."""
        if not self.is_over:
            with suppress(Over):
                self._line.send(_ABORT, 1.0)
            self._end()

    def _end(self) -> None:
        self.is_over = True
        self._line.close()


def _rejection(destination: Destination, result: int, source: int, reason: int) -> DeliveryError | DeliveryRefused:
    about, said = name_of(destination), _REJECTIONS.get((source, reason), f"reason {reason}")
    if result == _REJECTED_TRANSIENT:
        return DeliveryError(f"it rejects associations for now: {said}", about=about)
    hint = "compare both AE titles with those that it knows"
    return DeliveryRefused(f"it rejects associations: {said}", about=about, hint=hint)
