"""C-GET, Study Root (PS3.4 C.4.3): an archive sends a study back over the association on which it is asked for it.

Each object takes the way of C-STORE (:mod:`node.receive.services`): the file is synced and its row committed before the
sub-operation is answered with Success.
"""

from __future__ import annotations

import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from pydicom.dataset import Dataset

from node.config import Destination, Settings
from node.deliver.association import Association, associated
from node.deliver.line import Over, name_of
from node.deliver.messages import C_GET, PENDING, decoded, encoded
from node.deliver.request import LONGEST_PDU, provider_roles
from node.errors import DeliveryError, PermanentError
from node.fetch.contexts import contexts_of
from node.fetch.dialogue import Service, cancellation, context_of, proposal, question
from node.fetch.query import classes_of
from node.fetch.status import Moved, moved
from node.fetch.wanted import failed_instances
from node.ledger import Ledger
from node.receive import command, services
from node.receive.commit import Committer
from node.receive.connection import Connection, Cut
from node.receive.negotiate import Context, is_stored
from node.receive.services import Node, Peer, Request
from node.receive.status import MISMATCH_KEPT, SUCCESS, TOO_LONG, Status
from node.receive.transfer import Inbox, Released
from node.spool import Spool

GET = Service("Study Root Query/Retrieve - GET", "1.2.840.10008.5.1.4.1.2.2.3", C_GET, 4 * 3600.0)
#: So much is read of a list of instances that failed, bytes: an element of Explicit VR has 64 KiB (PS3.5 7.1.2).
_LONGEST_LIST = 1 << 17


def get(
    archive: Destination, settings: Settings, identifier: Dataset, is_stopping: Callable[[], bool] = lambda: False
) -> Moved:
    """Ask it for this, and keep what it sends of that study.

    Args:
        identifier: as :func:`~node.fetch.wanted.whole_study` makes it, or :func:`~node.fetch.wanted.instances_of`.
        is_stopping: whether the rest is wanted no more; asked between two objects.

    Raises DeliveryError or DeliveryRefused, :class:`~node.errors.LedgerBusy`, and PermanentError where this user may
    not write into the spool.
    """
    calling_ae, study_instance_uid = settings.node.ae_title, str(identifier.StudyInstanceUID)
    told = classes_of(archive, calling_ae, study_instance_uid)
    unknown = settings.receive.unknown_sop_classes
    classes = [one for one in told if is_stored(one, unknown=unknown)]
    wanted = contexts_of(classes)
    roles = provider_roles(abstract for abstract, _ in wanted)
    with _node(settings) as node, associated(archive, calling_ae, [proposal(GET), *wanted], roles) as assoc:
        visit = _Visit(archive, settings, node, assoc, identifier)
        try:
            done = visit.run(is_stopping)
        except (Cut, Over, Released) as error:
            how = error.ending if isinstance(error, Cut) else "it ended the association"
            what = f"the archive did not send all that it was asked for ({GET.name}): {how}"
            raise DeliveryError(what, about=name_of(archive), hint="see its log, and fetch again") from error
        lost = [one for one in told if one not in {abstract for abstract, _ in assoc.accepted}]
    return _explained(done, visit.refused, lost)


def _explained(done: Moved, refused: Counter[str], lost: list[str]) -> Moved:
    """With what this node, and the choice of presentation contexts, have to do with it."""
    more = [f"{count} of them this node did not take: {why}" for why, count in refused.items()]
    more += [f"no presentation context for {', '.join(lost)}"] if lost else []
    return replace(done, reason="; ".join([done.reason, *more])) if done.reason else done


@contextmanager
def _node(settings: Settings) -> Iterator[Node]:
    """Spool and ledger, as a receiver has them."""
    limits, data_dir = settings.receive, settings.node.data_dir
    spool = Spool(data_dir / "spool", settings.storage.min_free_mb)
    owner = spool.root.stat().st_uid
    if owner != os.geteuid():
        hint = "run this as the user of the node, whose workers have to read what comes"
        raise PermanentError(f"the spool belongs to user {owner}", about=str(spool.root), hint=hint)
    busy, most_bytes = settings.storage.busy_seconds, limits.max_study_mb << 20
    ledger = Ledger(data_dir / "ledger.db", busy, limits.max_study_objects, most_bytes)
    with Committer(ledger.in_turns()) as committer:
        yield Node(spool, committer, limits.max_object_mb << 20)


class _Visit:
    """What comes of one study. Attributes: refused: comment of our status -> how many objects."""

    def __init__(
        self, archive: Destination, settings: Settings, node: Node, assoc: Association, identifier: Dataset
    ) -> None:
        self._assoc, self._node, self._identifier = assoc, node, identifier
        self._study = str(identifier.StudyInstanceUID)
        self._context_id, self._implicit = context_of(archive, GET, assoc)
        self._contexts = {number: Context(*pair) for pair, number in assoc.accepted.items()}
        calling_ae = archive.ae_title or ""
        self._peer = Peer(uuid.uuid4().hex, calling_ae, settings.node.ae_title, archive.host)
        self._connection, self._is_noted = Connection(assoc.connection), False
        self._seconds, limits = archive.timeout_seconds, settings.receive
        self._inbox = Inbox(
            self._connection,
            LONGEST_PDU,
            idle_seconds=archive.retrieve_seconds,
            network_seconds=limits.network_seconds,
            message_seconds=limits.message_seconds,
        )
        self.refused: Counter[str] = Counter()

    def run(self, is_stopping: Callable[[], bool]) -> Moved:
        """Until the archive says that it was the last; raises Cut, Over and Released."""
        message_id, ending = self._assoc.next_id(), "failed"
        head = question(GET, message_id)
        try:
            self._assoc.send(self._context_id, head, encoded(self._identifier, implicit=self._implicit))
            done = self._last(message_id, is_stopping)
            ending = "released"
            return done
        except Cut as cut:
            ending = cut.ending
            raise
        finally:
            if ending != "released":
                self._assoc.abort()
            if self._is_noted:
                self._node.committer.close(self._peer.association, ending)

    def _last(self, message_id: int, is_stopping: Callable[[], bool]) -> Moved:
        """Serve the archive until it gives its last answer; if need be it is asked to do so soon."""
        end, counts, is_canceled = time.monotonic() + GET.longest_seconds, [0, 0, 0], False
        while time.monotonic() < end:
            if not is_canceled and is_stopping():
                is_canceled, end = True, time.monotonic() + self._seconds
                self._assoc.tell(self._context_id, cancellation(message_id))
            context_id, heard = self._inbox.next_command()
            if heard.field != command.C_GET | command.RESPONSE:
                self._answer(context_id, heard)
                continue
            unsent = self._failed(context_id) if heard.has_dataset else ()
            counts = [
                before if told is None else told for before, told in zip(counts, heard.suboperations, strict=True)
            ]
            if heard.status not in PENDING:
                return moved(heard.status, counts[0], counts[1], counts[2], unsent)
        raise Cut("it does not come to an end")

    def _failed(self, context_id: int) -> tuple[str, ...]:
        """Which instances it could not send; what is longer than such a list can be is none."""
        data = bytearray()
        for piece in self._inbox.dataset(context_id):
            data += piece[: _LONGEST_LIST - len(data)]
        try:
            return failed_instances(decoded(bytes(data), implicit=self._implicit))
        except Exception:  # the decoder raises anything on bytes that are no dataset
            return ()

    def _answer(self, context_id: int, heard: command.Command) -> None:
        context = self._contexts.get(context_id)
        if context is None or heard.field & command.RESPONSE:
            raise Cut("it answers what nobody has asked")
        if heard.field == command.C_STORE and not self._is_noted:
            self._is_noted = True
            peer = self._peer
            self._node.committer.open(peer.association, peer.calling_ae, peer.called_ae, peer.address)
        dataset = self._inbox.dataset(context_id) if heard.has_dataset else iter(())
        service = services.store if heard.field == command.C_STORE else services.unrecognized
        request = Request(heard, context, dataset, study_instance_uid=self._study)
        status = services.perform(service, self._node, self._peer, request)
        self._connection.send(command.answer(heard, context_id, status, self._assoc.longest_pdu), self._seconds)
        self._count(status)

    def _count(self, status: Status) -> None:
        if status not in (SUCCESS, MISMATCH_KEPT):
            self.refused[status.comment] += 1
        if status is TOO_LONG:
            raise Cut(status.comment)
