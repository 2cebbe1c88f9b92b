"""What one source brings in one go: an association in the ledger, and a row for each object."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from types import TracebackType

import structlog

from node.config import Settings
from node.errors import where
from node.intake.bulk import Scratch
from node.intake.entry import Entry, Limits, Readable
from node.intake.reasons import Refused
from node.ledger import Ledger
from node.receive.admission import Visitor
from node.receive.commit import Committer
from node.receive.keeping import Peer
from node.receive.refusals import Refusals
from node.spool import Spool
from node.study import Arrival, Outcome

log = structlog.get_logger()

#: What is left when the object itself is sound.
_SET_ASIDE = "the same SOP Instance UID came before with other content, or its study is as large as it may be"


@dataclass(frozen=True)
class Taken:
    """An object that is safe. `contradiction`: it is not what its File Meta Information said; kept, and set aside."""

    arrival: Arrival
    outcome: Outcome
    contradiction: bool

    @property
    def why(self) -> str:
        """Why it was set aside."""
        return self.arrival.defect or _SET_ASIDE


class Intake:
    """The door of the room: all ways in of one process share it. Use as a context manager, as a :class:`Committer`.

    Args:
        settings: `node` and `receive` are read.
        spool: prepared.
        ledger: with the limits of a study; written by one thread at a time.

    Attributes:
        message_seconds: longest time for one object to come.
    """

    def __init__(self, settings: Settings, spool: Spool, ledger: Ledger) -> None:
        self._limits, self._called_ae = Limits.of(settings), settings.node.ae_title.strip()
        self.message_seconds = settings.receive.message_seconds
        self._spool = spool
        self._committer = Committer(ledger.in_turns())
        self._refusals = Refusals(self._committer)

    def __enter__(self) -> Intake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what still waits to be written; nothing is taken any more."""
        self._committer.__exit__()

    def refused(self, action: str, visitor: Visitor, why: str) -> None:
        """Somebody who is no source was refused: log and trail, once a minute for each reason."""
        self._refusals.note(action, visitor, why)

    def visit(self, source: str, address: str = "") -> Visit:
        """Args: source: its name, counts as calling AE title; address: of the machine, if it is another."""
        peer = Peer(uuid.uuid4().hex, source, self._called_ae, address)
        return Visit(peer, self._spool, self._limits, self._committer, self._refusals)


class Visit:
    """As an association: its studies stay open until it is closed. Used by one thread at a time; in the ledger once it
    has brought an object. As a context manager it is closed at the end.
    """

    def __init__(self, peer: Peer, spool: Spool, limits: Limits, committer: Committer, refusals: Refusals) -> None:
        self._peer, self._spool, self._limits = peer, spool, limits
        self._committer, self._refusals = committer, refusals
        self._is_noted = False

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close("failed" if kind else "released")

    def begin(self) -> Entry:
        """Another object comes."""
        return Entry(self._spool, self._limits, self._peer)

    def scratch(self) -> Scratch:
        """Room for bulk data that wait for their object."""
        return Scratch(self._spool, self._limits.longest)

    def keep(self, entry: Entry, study_instance_uid: str = "") -> Taken:
        """All of it has come; returns when file, folder and row are durable. Raises as :meth:`Entry.keep`, and
        :class:`~node.errors.LedgerBusy`.
        """
        arrival, found = entry.keep(study_instance_uid)
        if not self._is_noted:
            self._is_noted = True
            self._committer.open(
                self._peer.association, self._peer.calling_ae, self._peer.called_ae, self._peer.address
            )
        outcome = self._committer.record(arrival)
        say = log.warning if outcome is Outcome.SET_ASIDE else log.debug
        say(
            outcome.value,
            association=self._peer.association,
            calling_ae=self._peer.calling_ae,
            study_instance_uid=arrival.study_instance_uid,
            sop_instance_uid=arrival.sop_instance_uid,
            why=arrival.defect,
        )
        return Taken(arrival, outcome, found.contradiction)

    def take(self, stream: Readable) -> Taken:
        """A whole Part 10 file, from wherever. Raises as :meth:`keep`, and what reading raises."""
        with self.begin() as entry:
            entry.read(stream)
            return self.keep(entry)

    def refuse(self, error: Refused) -> None:
        """Somebody shall see that something was refused: log and trail, once a minute for each reason."""
        self._refusals.note("object refused", Visitor(self._peer.calling_ae, self._peer.address), error.what)

    def fail(self, error: Exception, **about: str) -> None:
        """The same of an object that provoked what nobody has thought of; the log names it, and both say where."""
        log.error("processing failure", calling_ae=self._peer.calling_ae, error=where(error), **about)
        why = f"processing failure: {where(error)}"
        self._refusals.note("object refused", Visitor(self._peer.calling_ae, self._peer.address), why)

    def close(self, ending: str) -> None:
        """It is over; returns at once."""
        if self._is_noted:
            self._is_noted = False
            self._committer.close(self._peer.association, ending)
