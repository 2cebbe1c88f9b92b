"""C-STORE and C-ECHO as SCU (PS3.4 A and B; PS3.7 9.1.1 and 9.1.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.association import Association

from node.config import Destination
from node.deliver.association import associated, name_of
from node.deliver.contexts import FileMeta, by_association, contexts_for, read_meta
from node.deliver.discretion import discreet, of_object
from node.deliver.outcome import Outcome, Outgoing, Verdict
from node.deliver.status import meaning_of, reason_of
from node.errors import DeliveryError, DeliveryRefused

_VERIFICATION = "1.2.840.10008.1.1"
_SUCCESS = 0x0000

#: So many objects in a row without an answer, and the destination counts as gone.
_PATIENCE = 2

#: Result of a presentation context that was refused for its transfer syntax (PS3.8 9.3.3.2).
_SYNTAX_NOT_SUPPORTED = 4


class DicomSender:
    """A Storage SCU. Args: destination: of kind `dicom`; calling_ae: our AE title."""

    def __init__(self, destination: Destination, calling_ae: str) -> None:
        self._destination = destination
        self._calling_ae = calling_ae

    def echo(self) -> None:
        """C-ECHO; raises DeliveryError or DeliveryRefused."""
        about = name_of(self._destination)
        with associated(self._destination, self._calling_ae, [build_context(_VERIFICATION)]) as assoc:
            if not assoc.accepted_contexts:
                raise DeliveryRefused("it does not accept Verification", about=about)
            status = assoc.send_c_echo() if assoc.is_established else Dataset()
        if "Status" not in status:
            raise self._silent()
        if status.Status != _SUCCESS:
            raise DeliveryError(f"C-ECHO was answered with {reason_of(status.Status)}", about=about)

    def send(self, objects: Sequence[Outgoing]) -> Iterator[Outcome]:
        """As :meth:`node.deliver.outcome.Sender.send`; what cannot be read is not sent."""
        readable = []
        for outgoing in objects:
            try:
                readable.append((outgoing, read_meta(outgoing.path)))
            except DeliveryRefused as error:
                yield Outcome(outgoing, Verdict.UNSENDABLE, str(error))
        for part in by_association(readable):
            yield from self._send_all(part)

    def _send_all(self, objects: Sequence[tuple[Outgoing, FileMeta]]) -> Iterator[Outcome]:
        """One association, and another one whenever one breaks. The object that had no answer is not tried twice."""
        rest, silent = list(objects), 0
        while rest:
            answered = 0
            with associated(
                self._destination, self._calling_ae, contexts_for([meta.context for _, meta in rest])
            ) as assoc:
                for outgoing, meta in rest:
                    outcome = _store(assoc, outgoing, meta)
                    if outcome is None:
                        break
                    answered += 1
                    yield outcome
            rest = rest[answered:]
            if rest:
                silent = 1 if answered else silent + 1
                if silent >= _PATIENCE:
                    raise self._silent()
                yield Outcome(rest.pop(0)[0], Verdict.TEMPORARY, self._silent().what)

    def _silent(self) -> DeliveryError:
        seconds = self._destination.timeout_seconds
        what = f"no answer within {seconds:g} s, or the association was aborted"
        return DeliveryError(what, about=name_of(self._destination))


def _store(assoc: Association, outgoing: Outgoing, meta: FileMeta) -> Outcome | None:
    """Send one object; None: no answer, and the association is over."""
    try:
        source = _source(assoc, outgoing.path, meta)
    except DeliveryRefused as error:
        return Outcome(outgoing, Verdict.PERMANENT, str(error))
    if not assoc.is_established:
        return None
    try:
        answer = assoc.send_c_store(source)
    except (OSError, ValueError, AttributeError) as error:  # its file or its dataset cannot be read or encoded
        return Outcome(outgoing, Verdict.UNSENDABLE, f"it cannot be encoded: {type(error).__name__}")
    if "Status" not in answer:
        return None
    comment = str(answer.get("ErrorComment", ""))
    comment = discreet(comment, of_object(outgoing.path)) if comment else ""
    return Outcome(outgoing, meaning_of(answer.Status).verdict, reason_of(answer.Status, comment))


def _source(assoc: Association, path: Path, meta: FileMeta) -> Path | Dataset:
    """The file, to be sent as it is, or its dataset, to be sent as Implicit VR; raises DeliveryRefused."""
    accepted = {(str(cx.abstract_syntax), str(cx.transfer_syntax[0])) for cx in assoc.accepted_contexts}
    if meta.context in accepted:
        return path
    plain = {
        str(cx.abstract_syntax) for cx in assoc.accepted_contexts if cx.transfer_syntax[0] == ImplicitVRLittleEndian
    }
    if meta.is_explicit_little_endian and meta.sop_class_uid in plain:
        return dcmread(path)
    raise DeliveryRefused(_refused_context(assoc, meta))


def _refused_context(assoc: Association, meta: FileMeta) -> str:
    results = [cx.result for cx in assoc.rejected_contexts if str(cx.abstract_syntax) == meta.sop_class_uid]
    if results and all(result == _SYNTAX_NOT_SUPPORTED for result in results):
        return f"the destination does not take SOP class {meta.sop_class_uid} as {meta.transfer_syntax_uid}"
    return f"the destination does not take SOP class {meta.sop_class_uid}"
