"""One object on its way in: the bytes of a Part 10 file, in pieces of any size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from node.config import Settings
from node.intake.head import Head
from node.intake.reasons import Reason, Refused
from node.receive import keeping
from node.receive.header import Claim, Header
from node.receive.keeping import Peer
from node.receive.negotiate import TRANSFER_SYNTAXES, is_stored
from node.spool import Incoming, Spool
from node.study import Arrival

_PIECE = 1 << 18


class Readable(Protocol):
    """Any binary stream."""

    def read(self, size: int, /) -> bytes | None:
        """Up to so many bytes; none at the end."""


@dataclass(frozen=True)
class Limits:
    """What is taken. Args: longest: of a dataset, bytes; unknown: SOP classes, too, that no dictionary has."""

    longest: int
    unknown: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Those of C-STORE."""
        return cls(settings.receive.max_object_mb << 20, settings.receive.unknown_sop_classes)


class Entry:
    """Writes the dataset into the spool while it comes. Use as a context manager: without :meth:`keep` nothing stays.

    Args:
        spool: prepared.
        limits: of what is taken.
        peer: who brings it; without a calling AE title it is the one that the file names (0002,0016).
    """

    def __init__(self, spool: Spool, limits: Limits, peer: Peer) -> None:
        self._spool, self._limits, self._peer = spool, limits, peer
        self._head = Head()
        self._incoming: Incoming | None = None
        self._start = 0
        self.claim: Claim | None = None

    def __enter__(self) -> Entry:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def discard(self) -> None:
        """Let go of it; what was written is removed, unless it was kept."""
        if self._incoming is not None:
            self._incoming.discard()

    def add(self, piece: bytes | memoryview) -> None:
        """The next bytes of the file. Raises :class:`Refused`, :class:`~node.errors.SpoolError`."""
        incoming = self._incoming
        if incoming is None:
            rest = self._head.add(piece)
            if rest is None:
                return
            incoming, piece = self._begin(), rest
        incoming.add(piece)
        if incoming.size - self._start > self._limits.longest:
            raise Refused(Reason.TOO_LONG, self.claim)

    def keep(self, study_instance_uid: str = "") -> tuple[Arrival, Header]:
        """All has come: the row for what is now synced and in its place. Raises as :meth:`add`.

        Args:
            study_instance_uid: the study that it is to belong to; any other is refused. Empty: any.
        """
        if self._incoming is None or self.claim is None:
            raise self._head.short()
        if self._incoming.size == self._start:
            raise Refused(Reason.EMPTY, self.claim)
        found = keeping.read_header(self._incoming, self._start, self.claim)
        if study_instance_uid and found.study_instance_uid != study_instance_uid:
            raise Refused(Reason.OTHER_STUDY, self.claim)
        path = keeping.begin_to_keep(self._incoming, self.claim)
        self._incoming.settle()
        return keeping.row(self._incoming, path, self.claim, found, self._peer), found

    def read(self, stream: Readable) -> None:
        """All that is left of a file. Raises as :meth:`add`, and what reading raises."""
        while piece := stream.read(_PIECE):
            self.add(piece)

    def _begin(self) -> Incoming:
        self.claim = claim = self._head.claim
        if not is_stored(claim.sop_class_uid.decode("ascii", "replace"), unknown=self._limits.unknown):
            raise Refused(Reason.SOP_CLASS, claim)
        if claim.transfer_syntax_uid not in TRANSFER_SYNTAXES:
            raise Refused(Reason.SYNTAX, claim)
        self._peer = replace(self._peer, calling_ae=self._peer.calling_ae or self._head.source)
        self._incoming = self._spool.receive()
        self._start = keeping.begin(self._incoming, claim, self._peer.calling_ae)
        return self._incoming
