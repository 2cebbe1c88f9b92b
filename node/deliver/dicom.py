"""C-STORE and C-ECHO as SCU (PS3.4 A and B; PS3.7 9.1.1 and 9.1.5)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian

from node.config import Destination
from node.deliver.association import Association, associated
from node.deliver.contexts import MOST_CONTEXTS, FileMeta, by_association, pairs, read_meta
from node.deliver.discretion import discreet, of_object
from node.deliver.line import Over, name_of
from node.deliver.messages import C_ECHO, NO_DATASET, command_set, encoded, file_blocks, store_request
from node.deliver.outcome import Outcome, Outgoing, Sender, Verdict
from node.deliver.status import meaning_of, reason_of
from node.errors import DeliveryError, DeliveryRefused, where

_VERIFICATION = "1.2.840.10008.1.1"
_IMPLICIT = str(ImplicitVRLittleEndian)
_SUCCESS = 0x0000

#: So many objects in a row without an answer, and the destination counts as gone.
_PATIENCE = 2
#: An association is not kept for longer, however much there is to send: many archives go to work at its end.
_OLDEST_SECONDS = 60.0

#: Result of a presentation context that was refused for its transfer syntax (PS3.8 9.3.3.2).
_SYNTAX_NOT_SUPPORTED = 4


class DicomSender(Sender):
    """A Storage SCU.

    One association serves one study after the other, as long as it has the contexts for them. A peer that closes it
    between two objects has refused neither: the next one goes over a new association.

    Args:
        destination: of kind `dicom`.
        calling_ae: our AE title.
        keep_seconds: so long the association stays open without anything to send; 0: it ends with each :meth:`send`.
    """

    def __init__(self, destination: Destination, calling_ae: str, keep_seconds: float = 0.0) -> None:
        self._destination = destination
        self._calling_ae = calling_ae
        self._keep_seconds = keep_seconds
        self._kept: Association | None = None
        self._opened, self._used, self._is_rested = 0.0, 0.0, False
        self._known: dict[tuple[str, str], None] = {}

    def echo(self) -> None:
        """C-ECHO; raises DeliveryError or DeliveryRefused."""
        about, verification = name_of(self._destination), (_VERIFICATION, _IMPLICIT)
        with associated(self._destination, self._calling_ae, [verification]) as assoc:
            if verification not in assoc.accepted:
                raise DeliveryRefused("it does not accept Verification", about=about)
            command = command_set(
                AffectedSOPClassUID=_VERIFICATION,
                CommandField=C_ECHO,
                MessageID=assoc.next_id(),
                CommandDataSetType=NO_DATASET,
            )
            try:
                status = assoc.ask(assoc.accepted[verification], command).Status
            except Over as over:
                raise self._silent() from over
        if status != _SUCCESS:
            raise DeliveryError(f"C-ECHO was answered with {reason_of(status)}", about=about)

    def send(self, objects: Sequence[Outgoing]) -> Iterator[Outcome]:
        """As :meth:`node.deliver.outcome.Sender.send`; what cannot be read is not sent."""
        readable = []
        for outgoing in objects:
            try:
                readable.append((outgoing, read_meta(outgoing.path)))
            except DeliveryRefused as error:
                yield Outcome(outgoing, Verdict.UNSENDABLE, str(error))
        try:
            for part in by_association(readable):
                yield from self._send_all(part)
        finally:
            self._used, self._is_rested = time.monotonic(), True
            self.rest()

    def rest(self, *, at_once: bool = False) -> None:
        """Release the association if it was not needed for long enough."""
        if self._kept is not None and (at_once or time.monotonic() - self._used >= self._keep_seconds):
            self._kept.release()
            self._kept = None

    def _send_all(self, objects: Sequence[tuple[Outgoing, FileMeta]]) -> Iterator[Outcome]:
        """Over another association whenever one breaks. The object that had no answer is not tried twice."""
        contexts, silent = [meta.context for _, meta in objects], 0
        for number, (outgoing, meta) in enumerate(objects):
            outcome = self._send_one(outgoing, meta, contexts[number:])
            silent = silent + 1 if outcome is None else 0
            if silent >= _PATIENCE:
                raise self._silent()
            yield outcome or Outcome(outgoing, Verdict.TEMPORARY, self._silent().what)

    def _send_one(self, outgoing: Outgoing, meta: FileMeta, wanted: Sequence[tuple[str, str]]) -> Outcome | None:
        """None: no answer, and the association is over. Args: wanted: contexts of this object and those after it."""
        assoc = self._association(wanted)
        was_rested, self._is_rested = self._is_rested, False
        try:
            return _store(assoc, outgoing, meta)
        except Over as over:
            if was_rested and over.by_peer:  # just as we began again
                return self._send_one(outgoing, meta, wanted)
            return None

    def _association(self, wanted: Sequence[tuple[str, str]]) -> Association:
        """The one that is there, or a new one, which also proposes what was needed before."""
        if self._kept is not None and not self._serves(self._kept, wanted):
            self._kept.release()
            self._kept = None
        if self._kept is None:
            self._known |= dict.fromkeys(wanted)
            fits = len(pairs([*wanted, *self._known])) <= MOST_CONTEXTS
            proposed = [*wanted, *self._known] if fits else wanted
            self._kept = Association(self._destination, self._calling_ae, proposed)
            self._opened, self._is_rested = time.monotonic(), False
        return self._kept

    def _serves(self, assoc: Association, wanted: Iterable[tuple[str, str]]) -> bool:
        """Whether it is as good as a new one; what was refused before the rest may be taken now."""
        if self._is_rested and time.monotonic() - self._opened > _OLDEST_SECONDS:
            return False
        known = all(_usable(assoc, one) or (one in assoc.refused and not self._is_rested) for one in wanted)
        return known and assoc.is_open()

    def _silent(self) -> DeliveryError:
        seconds = self._destination.timeout_seconds
        what = f"no answer within {seconds:g} s, or the association was aborted"
        return DeliveryError(what, about=name_of(self._destination))


def _store(assoc: Association, outgoing: Outgoing, meta: FileMeta) -> Outcome:
    """Send one object; raises Over."""
    context = _usable(assoc, meta.context)
    if context is None:
        return Outcome(outgoing, Verdict.PERMANENT, _refused_context(assoc, meta))
    command = store_request(assoc.next_id(), meta.sop_class_uid, meta.sop_instance_uid)
    try:
        answer = assoc.ask(assoc.accepted[context], command, _dataset(outgoing.path, meta, context))
    except (OSError, ValueError, _Unreadable) as error:  # its file or its dataset cannot be read or encoded
        return Outcome(outgoing, Verdict.UNSENDABLE, f"it cannot be encoded: {where(error.__cause__ or error)}")
    comment = _shown(str(answer.get("ErrorComment", "")), outgoing.path)
    return Outcome(outgoing, meaning_of(answer.Status).verdict, reason_of(answer.Status, comment))


def _usable(assoc: Association, wanted: tuple[str, str]) -> tuple[str, str] | None:
    """The context for an object of these syntaxes: they themselves, or the default transfer syntax (PS3.5 10.1)."""
    plain = (wanted[0], _IMPLICIT)
    if wanted in assoc.accepted:
        return wanted
    return plain if plain in pairs([wanted]) and plain in assoc.accepted else None


def _dataset(path: Path, meta: FileMeta, context: tuple[str, str]) -> Iterable[tuple[bytes, bool]]:
    """The file's own bytes, so that what arrives is what lies in the spool, or its dataset as Implicit VR."""
    if context == meta.context:
        return file_blocks(path, meta.offset)
    try:
        return [(encoded(dcmread(path), implicit=True), True)]
    except Exception as error:  # an edge: pydicom raises nearly anything on what it cannot read, or write
        raise _Unreadable from error


class _Unreadable(Exception):
    """The dataset of an object cannot be encoded; its cause says why."""


def _shown(comment: str, path: Path) -> str:
    """What the peer says in its own words, as far as it may be shown."""
    try:
        return discreet(comment, of_object(path)) if comment else ""
    except Exception:  # an edge: as above; nobody knows whose words these may be
        return ""


def _refused_context(assoc: Association, meta: FileMeta) -> str:
    results = [result for (abstract, _), result in assoc.refused.items() if abstract == meta.sop_class_uid]
    if results and all(result == _SYNTAX_NOT_SUPPORTED for result in results):
        return f"the destination does not take SOP class {meta.sop_class_uid} as {meta.transfer_syntax_uid}"
    return f"the destination does not take SOP class {meta.sop_class_uid}"
