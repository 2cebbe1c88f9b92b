"""What becomes of an object once its bytes have come, by whatever way: header read, file kept, row made."""

from __future__ import annotations

from dataclasses import dataclass, replace

from node.receive.header import Claim, Header, scan
from node.receive.kept import name_of
from node.receive.part10 import preface
from node.spool import Incoming
from node.study import Arrival


@dataclass(frozen=True)
class Peer:
    """Who brings it. `association` is our id of the association."""

    association: str
    calling_ae: str
    called_ae: str
    address: str


def begin(incoming: Incoming, claim: Claim, calling_ae: str) -> int:
    """Write what stands before the dataset; its length, bytes. Raises :class:`~node.errors.SpoolError`."""
    meta = preface(claim.sop_class_uid, claim.sop_instance_uid, claim.transfer_syntax_uid, calling_ae)
    incoming.write(meta)
    return len(meta)


def read_header(incoming: Incoming, start: int, claim: Claim) -> Header:
    """Of the dataset that begins at byte `start`; all of it has come. Raises :class:`~node.errors.SpoolError`."""
    with incoming.reading() as data:
        return scan(data, start, claim)


def begin_to_keep(incoming: Incoming, claim: Claim) -> str:
    """All of it has come: put it in its place; where that is. Raises :class:`~node.errors.SpoolError`.

    It is kept once :meth:`Incoming.settle` has returned; meanwhile there is time for the header.
    """
    return incoming.begin_to_keep(name_of(claim, incoming.digest()))


def row(incoming: Incoming, path: str, claim: Claim, found: Header, peer: Peer) -> Arrival:
    """What the ledger is to know of it. Raises :class:`~node.errors.SpoolError`."""
    arrival = found.arrival(claim, path, peer.association)
    attributes = replace(found.attributes, calling_ae=peer.calling_ae, called_ae=peer.called_ae)
    return replace(arrival, size=incoming.size, sha256=incoming.digest(), peer=peer.address, attributes=attributes)
