"""A body with many objects, taken one after the other while it comes; each is safe, or has its reason, at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from node.errors import TemporaryError
from node.intake.entry import Entry
from node.intake.multipart import Begin, Malformed, Parts
from node.intake.reasons import Reason, Refused
from node.intake.visit import Visit
from node.receive.header import Claim
from node.receive.text import shown_uid

log = structlog.get_logger()

#: Parts of one body.
MOST_PARTS = 20_000
#: Failure Reasons (0008,1197) beside those of :class:`Reason`; PS3.18 table I.2-2.
OUT_OF_RESOURCES, PROCESSING_FAILURE, CANNOT_UNDERSTAND = 0xA700, 0x0110, 0xC000
#: Warning Reason (0008,1196): the object is kept, but it is not of the class or instance that was said.
MISMATCH_KEPT = 0xB007


@dataclass(frozen=True)
class Stored:
    """An object that is safe. `warning`: 0 when there is none."""

    claim: Claim
    warning: int = 0


@dataclass(frozen=True)
class Failed:
    """A part of which nothing is kept. Args: claim: None: it did not even say what it is; may_come_again: later."""

    claim: Claim | None
    reason: int
    may_come_again: bool = False
    is_too_long: bool = False


class TooMuch(Exception):
    """More than anybody should send at once: the rest is not read."""


class Storing:
    """One body on its way in. Used by one thread at a time.

    Args:
        visit: of whoever sends it; closed by :meth:`close`.
        boundary: of the body.
        longest: bytes that are read of parts that are not taken.
        study_instance_uid: of all that may come; empty: any.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        visit: Visit,
        boundary: bytes,
        longest: int,
        study_instance_uid: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._visit, self._parts, self._left = visit, Parts(boundary), longest
        self._study_instance_uid, self._clock = study_instance_uid, clock
        self._entry: Entry | None = None
        self._is_inside, self._since, self._count = False, clock(), 0
        self.stored: list[Stored] = []
        self.failed: list[Failed] = []

    @property
    def seconds(self) -> float:
        """How long the part that comes has been coming."""
        return self._clock() - self._since

    def feed(self, data: bytes) -> None:
        """The next bytes. Raises :class:`Malformed`, :class:`TooMuch`."""
        for event in self._parts.feed(data):
            if isinstance(event, bytes):
                self._add(event)
                continue
            self._since = self._clock()
            if isinstance(event, Begin):
                self._is_inside, self._count = True, self._count + 1
                if self._count > MOST_PARTS:
                    raise TooMuch
                self._begin(event)
            else:
                self._is_inside = False
                self._end()

    def finish(self) -> None:
        """All has come. Raises :class:`Malformed` for a body that is torn, or has no part at all."""
        if self._is_inside or not self._parts.is_whole:
            raise Malformed("the body ends before its last boundary")
        if not self._count:
            raise Malformed("there is no part in the body")

    def tear(self) -> None:
        """The rest is not read: what was coming has failed."""
        if self._is_inside:
            self._is_inside = False
            if self._entry is not None:
                self._fail(Failed(self._entry.claim, CANNOT_UNDERSTAND))

    def close(self) -> None:
        """It is over."""
        if self._entry is not None:
            self._entry.discard()
        self._visit.close("released" if self._parts.is_whole else "aborted")

    def _begin(self, part: Begin) -> None:
        if part.content_type not in ("application/dicom", ""):
            self.failed.append(Failed(None, CANNOT_UNDERSTAND))
            return
        self._entry = self._visit.begin()

    def _add(self, piece: bytes) -> None:
        if self._entry is None:
            self._pass_over(piece)
        else:
            self._try(lambda entry: entry.add(piece))

    def _pass_over(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise TooMuch

    def _end(self) -> None:
        if self._entry is not None:
            self._try(self._keep)
        if self._entry is not None:
            self._entry.discard()
            self._entry = None

    def _keep(self, entry: Entry) -> None:
        taken = self._visit.keep(entry, self._study_instance_uid)
        assert entry.claim is not None  # noqa: S101  what was kept has said what it is
        self.stored.append(Stored(entry.claim, MISMATCH_KEPT if taken.contradiction else 0))

    def _try(self, step: Callable[[Entry], None]) -> None:
        """A step with the object that comes; what goes wrong is that object's failure alone."""
        entry = self._entry
        assert entry is not None  # noqa: S101  by the callers
        try:
            step(entry)
        except Exception as error:  # an edge: whatever one object provokes is told of it, and the others go on
            self._fail(self._failure(error, entry.claim))

    def _failure(self, error: Exception, claim: Claim | None) -> Failed:
        """What is told of an error, once it is written down. Args: claim: of the object, as far as it is known."""
        if isinstance(error, Refused):
            self._visit.refuse(error)
            is_too_long = error.reason is Reason.TOO_LONG
            return Failed(error.claim or claim, error.reason.failure, is_too_long=is_too_long)
        if isinstance(error, TemporaryError):
            log.error("object not taken", why=str(error))
            return Failed(claim, OUT_OF_RESOURCES, may_come_again=True)
        self._visit.fail(error, sop_instance_uid=shown_uid(claim.sop_instance_uid) if claim else "")
        return Failed(claim, PROCESSING_FAILURE)

    def _fail(self, failed: Failed) -> None:
        self.failed.append(failed)
        if self._entry is not None:
            self._entry.discard()
            self._entry = None
