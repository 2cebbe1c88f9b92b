"""What the node does for its peers: a table from command field to service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import structlog

from node.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, REQUEST_ACTION
from node.errors import LedgerBusy, SpoolError, where
from node.receive import command, header, keeping, status
from node.receive.admission import Visitor
from node.receive.commit import Committer
from node.receive.commitment import Hearing, Promises, Report
from node.receive.connection import BY_US, Cut
from node.receive.dataset import Malformed, collected
from node.receive.keeping import Peer
from node.receive.negotiate import SERVICES as NO_STORAGE
from node.receive.negotiate import Context
from node.receive.signals import Signals, Word
from node.receive.text import shown_uid
from node.signals import AVAILABILITY, PERFORMED_STEP
from node.spool import Incoming, Spool
from node.study import Arrival, Outcome

log = structlog.get_logger()


@dataclass(frozen=True)
class Request:
    """A command with its presentation context, and the pieces of its dataset, to be read once and to the end.

    What a service puts into `reports` is told to the peer after its answer. An object that is to be stored has to be of
    the study that is named, if one is.
    """

    command: command.Command
    context: Context
    dataset: Iterator[memoryview]
    reports: list[Report] = field(default_factory=list)
    study_instance_uid: str = ""


@dataclass(frozen=True)
class Node:
    """What services work with.

    Attributes:
        longest: of a dataset, bytes.
        promises: None: the node is no provider of Storage Commitment.
        hearing: None: it is no user of it.
        signals: takes what modalities and archives tell of studies; None: nobody does.
    """

    spool: Spool
    committer: Committer
    longest: int
    promises: Promises | None = None
    hearing: Hearing | None = None
    signals: Signals | None = None


class TooLong(Exception):
    """The dataset is longer than the limit: answered, then the association is aborted."""


def perform(service: Service, node: Node, peer: Peer, request: Request) -> status.Status:
    """What the peer is answered, whatever goes wrong here; raises :class:`Cut`."""
    try:
        return service(node, peer, request)
    except TooLong:
        return status.TOO_LONG
    except Cut:
        raise
    except Exception as error:  # an edge: the peer waits
        about = shown_uid(request.command.sop_instance_uid)
        log.error("processing failure", association=peer.association, sop_instance_uid=about, error=where(error))
        for _ in request.dataset:
            pass
        return status.FAILED


def echo(_: Node, __: Peer, request: Request) -> status.Status:
    """C-ECHO (PS3.4 annex A)."""
    _discard(request.dataset, 0)
    return status.SUCCESS


def not_authorized(node: Node, _: Peer, request: Request) -> status.Status:
    """An operation that this peer may not do; nothing of its dataset is kept."""
    _discard(request.dataset, node.longest)
    return status.NOT_AUTHORIZED


def unrecognized(node: Node, _: Peer, request: Request) -> status.Status:
    """Any operation that is not in the table."""
    _discard(request.dataset, node.longest)
    return status.UNRECOGNIZED


def store(node: Node, peer: Peer, request: Request) -> status.Status:
    """C-STORE (PS3.4 annex B): Success only for a synced file with a committed row."""
    refusal = _refuse(request)
    if refusal is not None:
        _discard(request.dataset, node.longest)
        return refusal
    try:
        return _keep(node, peer, request)
    except SpoolError as error:
        log.error("no room in the spool", association=peer.association, why=str(error))
        answer = status.NO_SPACE
    except LedgerBusy as error:
        log.error("ledger busy", association=peer.association, why=str(error))
        answer = status.LEDGER_BUSY
    _discard(request.dataset, node.longest)
    return answer


def commit(node: Node, peer: Peer, request: Request) -> status.Status:
    """N-ACTION of Storage Commitment (PS3.4 J.3.2): Success once the request is a row; the report follows."""
    promises, asked = node.promises, request.command
    if promises is None:
        return unrecognized(node, peer, request)

    def ask(data: bytes) -> status.Status:
        if asked.sop_instance_uid != PUSH_MODEL_INSTANCE.encode():
            return status.NO_SUCH_INSTANCE
        if asked.action_type != REQUEST_ACTION:
            return status.NO_SUCH_ACTION
        report = promises.ask(peer.calling_ae, data, request.context.transfer_syntax)
        if report is not None:
            request.reports.append(report)
        return status.SUCCESS

    return _as_a_whole(peer, request, PUSH_MODEL, ask, status.INVALID_ARGUMENT)


def hear(node: Node, peer: Peer, request: Request) -> status.Status:
    """N-EVENT-REPORT of Storage Commitment (PS3.4 J.3.3): Success once what the archive keeps is written down."""
    hearing = node.hearing
    if hearing is None:
        return unrecognized(node, peer, request)

    def take(data: bytes) -> status.Status:
        known = hearing.take(data, request.context.transfer_syntax)
        return status.SUCCESS if known else status.NOBODY_ASKED

    return _as_a_whole(peer, request, PUSH_MODEL, take, status.INVALID_REPORT)


def create(node: Node, peer: Peer, request: Request) -> status.Status:
    """N-CREATE of a Modality Performed Procedure Step (PS3.4 F.7.2.1), or an Instance Availability Notification
    (R.3.2.1): Success once it is in the ledger."""
    signals, abstract = node.signals, request.context.abstract_syntax
    if signals is None or abstract not in (PERFORMED_STEP, AVAILABILITY):
        return unrecognized(node, peer, request)
    keep = signals.begin if abstract == PERFORMED_STEP else signals.notify

    def take(data: bytes) -> status.Status:
        return keep(_word(peer, request, data))

    return _as_a_whole(peer, request, abstract, take, status.NOT_UNDERSTOOD)


def change(node: Node, peer: Peer, request: Request) -> status.Status:
    """N-SET of a Modality Performed Procedure Step (PS3.4 F.7.2.2): Success once it is in the ledger."""
    signals = node.signals
    if signals is None or request.context.abstract_syntax != PERFORMED_STEP:
        return unrecognized(node, peer, request)

    def take(data: bytes) -> status.Status:
        return signals.change(_word(peer, request, data))

    return _as_a_whole(peer, request, PERFORMED_STEP, take, status.NOT_UNDERSTOOD)


def _word(peer: Peer, request: Request, data: bytes) -> Word:
    visitor = Visitor(peer.calling_ae, peer.address)
    return Word(visitor, request.command.sop_instance_uid, data, request.context.transfer_syntax)


def _as_a_whole(
    peer: Peer, request: Request, sop_class: str, take: Callable[[bytes], status.Status], malformed: status.Status
) -> status.Status:
    """What normalized services share: the dataset as a whole, its SOP class, a ledger that is locked."""
    try:
        data = collected(request.dataset)
        if request.command.sop_class_uid != sop_class.encode():
            return status.CLASS_NOT_SUPPORTED
        return take(data)
    except Malformed:
        return malformed
    except LedgerBusy as error:
        log.error("ledger busy", association=peer.association, why=str(error))
        return status.FAILED


def _refuse(request: Request) -> status.Status | None:
    if not request.command.has_dataset:
        return status.EMPTY
    if request.context.abstract_syntax in NO_STORAGE:
        return status.CLASS_NOT_SUPPORTED
    if request.command.sop_class_uid != request.context.abstract_syntax.encode("ascii", "replace"):
        return status.OTHER_CLASS
    return None


def _discard(dataset: Iterator[memoryview], longest: int) -> None:
    """Read a dataset that nobody wants, so that its sender learns the status. Raises :class:`Cut`."""
    size = 0
    for piece in dataset:
        size += len(piece)
        if size > longest:
            raise Cut("a dataset longer than the limit", BY_US)


def _keep(node: Node, peer: Peer, request: Request) -> status.Status:
    claim = header.Claim(
        request.command.sop_class_uid, request.command.sop_instance_uid, request.context.transfer_syntax
    )
    with node.spool.receive() as incoming:
        start = keeping.begin(incoming, claim, peer.calling_ae)
        _receive(incoming, request.dataset, start + node.longest)
        if incoming.size == start:
            return status.EMPTY
        found = keeping.read_header(incoming, start, claim) if request.study_instance_uid else None
        if found and not found.defect and found.study_instance_uid != request.study_instance_uid:
            return status.OTHER_STUDY
        path = keeping.begin_to_keep(incoming, claim)
        found = found or keeping.read_header(incoming, start, claim)  # while the disk works
        arrival = keeping.row(incoming, path, claim, found, peer)
        outcome = node.committer.record(arrival, incoming.settle)
    return _conclude(peer, arrival, found, outcome)


def _receive(incoming: Incoming, dataset: Iterator[memoryview], end: int) -> None:
    """Write the dataset. Raises :class:`TooLong` when the file grows beyond byte `end`."""
    for piece in dataset:
        incoming.add(piece)
        if incoming.size > end:
            raise TooLong


def _conclude(peer: Peer, arrival: Arrival, found: header.Header, outcome: Outcome) -> status.Status:
    say = log.warning if outcome is Outcome.SET_ASIDE else log.debug
    say(
        outcome.value,
        association=peer.association,
        calling_ae=peer.calling_ae,
        study_instance_uid=arrival.study_instance_uid,
        sop_instance_uid=arrival.sop_instance_uid,
        why=arrival.defect,
    )
    return status.MISMATCH_KEPT if found.contradiction else status.SUCCESS


Service = Callable[[Node, Peer, Request], status.Status]

#: By command field (PS3.7 E.1). A service reads its dataset to the end and never raises for the peer's faults.
SERVICES: Mapping[int, Service] = {
    command.C_ECHO: echo,
    command.C_STORE: store,
    command.N_ACTION: commit,
    command.N_EVENT_REPORT: hear,
    command.N_CREATE: create,
    command.N_SET: change,
}

#: By command field: what `may` of a peer calls it; who may store may tell of what it stores. Whatever is not here only
#: gets told that there is no such operation.
OPERATIONS: Mapping[int, str] = {
    command.C_ECHO: "echo",
    command.C_STORE: "store",
    command.N_ACTION: "commit",
    command.N_EVENT_REPORT: "commit",
    command.N_CREATE: "store",
    command.N_SET: "store",
}

__all__ = [
    "OPERATIONS",
    "SERVICES",
    "Node",
    "Peer",
    "Request",
    "Service",
    "TooLong",
    "not_authorized",
    "perform",
    "unrecognized",
]
