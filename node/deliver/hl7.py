"""HL7 v2 over MLLP: the messages lie in the spool; here they get their address, go out, and are acknowledged.

Each message has a connection of its own, and keeps its message control id (MSH-10) whenever it is sent: a receiver that
has it already, but whose acknowledgement was lost, can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from node.config import Destination
from node.deliver import acknowledgement
from node.deliver.discretion import discreet, of_message
from node.deliver.mllp import END, START, NoAnswer, connected, exchange
from node.deliver.outcome import Outcome, Outgoing, Sender, Verdict

_HEADER = b"MSH|^~\\&|"
_CONTROL_ID = 9  # MSH-10: MSH-1 is the separator itself, so that an index is one less than the number
_SENDING_APPLICATION = 2


class Hl7Sender(Sender):
    """Sends messages. Args: destination: of kind `hl7`."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination

    def echo(self) -> None:
        """Connect, and say nothing: MLLP has no question without effect. Raises DeliveryError."""
        with connected(self._destination):
            pass

    def send(self, objects: Sequence[Outgoing]) -> Iterator[Outcome]:
        """As :meth:`node.deliver.outcome.Sender.send`; a message without an answer spends an attempt of its own."""
        for outgoing in objects:
            try:
                message = outgoing.path.read_bytes()
            except OSError as error:
                yield Outcome(outgoing, Verdict.UNSENDABLE, f"the file cannot be read: {error.strerror}")
                continue
            yield self._exchange(outgoing, message)

    def _exchange(self, outgoing: Outgoing, message: bytes) -> Outcome:
        if not message.startswith(_HEADER) or any(mark in message for mark in (START, END[:1])):
            return Outcome(outgoing, Verdict.UNSENDABLE, "it is no HL7 message of ours")
        sent = addressed(message, self._destination)
        with connected(self._destination) as connection:
            try:
                answer = exchange(connection, sent, self._destination.timeout_seconds)
            except NoAnswer as error:
                return Outcome(outgoing, Verdict.TEMPORARY, str(error))
        return _outcome(outgoing, sent, answer)


def addressed(message: bytes, destination: Destination) -> bytes:
    """The message with sender and receiver (MSH-3 to MSH-6) as the destination wants them; what is empty stays."""
    header, end, rest = message.partition(b"\r")
    fields = header.split(b"|")
    parties = (
        destination.sending_application,
        destination.sending_facility,
        destination.receiving_application,
        destination.receiving_facility,
    )
    for number, party in enumerate(parties, _SENDING_APPLICATION):
        if party:
            fields[number] = party.encode()
    return b"|".join(fields) + end + rest


def control_id(message: bytes) -> str:
    """Message control id (MSH-10)."""
    return message.partition(b"\r")[0].split(b"|")[_CONTROL_ID].decode()


def _outcome(outgoing: Outgoing, sent: bytes, answer: bytes) -> Outcome:
    found = acknowledgement.read(answer)
    if found is None:
        return Outcome(outgoing, Verdict.TEMPORARY, "the answer is no acknowledgement")
    if found.control_id != control_id(sent):
        return Outcome(outgoing, Verdict.TEMPORARY, "the acknowledgement names another message (MSA-2)")
    found = replace(found, text=discreet(found.text, of_message(sent)))
    return Outcome(outgoing, acknowledgement.verdict_of(found), acknowledgement.reason_of(found))
