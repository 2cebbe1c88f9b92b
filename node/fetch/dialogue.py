"""An association with an archive for one of the services of Query/Retrieve: a question, and answers until the last."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from node.config import Destination
from node.deliver.association import Association, associated
from node.deliver.line import Over, name_of
from node.deliver.messages import C_CANCEL, NO_DATASET, WITH_DATASET, command_set, decoded, encoded
from node.errors import DeliveryError, DeliveryRefused


@dataclass(frozen=True)
class Service:
    """Attributes: name: for people; sop_class_uid; command: Command Field; longest_seconds: of a dialogue."""

    name: str
    sop_class_uid: str
    command: int
    longest_seconds: float


#: Command set and identifier of an answer; None: it has none that can be read.
Answer = tuple[Dataset, Dataset | None]


def proposal(service: Service) -> tuple[str, str]:
    """The presentation context of a service; with Explicit VR, Implicit is proposed, too."""
    return service.sop_class_uid, str(ExplicitVRLittleEndian)


def context_of(archive: Destination, service: Service, assoc: Association) -> tuple[int, bool]:
    """Its id, and whether it is in Implicit VR; raises :class:`DeliveryRefused` when there is none."""
    for (abstract, syntax), context_id in assoc.accepted.items():
        if abstract == service.sop_class_uid:
            return context_id, syntax == str(ImplicitVRLittleEndian)
    hint = f"switch {service.name} on over there for this calling AE title, or fetch from another archive"
    what = f"it offers no {service.name} (presentation context refused)"
    raise DeliveryRefused(what, about=name_of(archive), hint=hint)


def question(service: Service, message_id: int, **more: str) -> bytes:
    """The command set that goes before an identifier. Args: more: further elements of it."""
    return command_set(
        AffectedSOPClassUID=service.sop_class_uid,
        CommandField=service.command,
        MessageID=message_id,
        Priority=0,
        CommandDataSetType=WITH_DATASET,
        **more,
    )


def cancellation(message_id: int) -> bytes:
    """The command set that asks to stop what that message has asked for (PS3.7 9.3.3.3 and 9.3.4.3)."""
    return command_set(CommandField=C_CANCEL, MessageIDBeingRespondedTo=message_id, CommandDataSetType=NO_DATASET)


class Dialogue:
    """For one thread. Args: archive: who is asked; calling_ae: by whom; service: what of; assoc: that it accepted."""

    def __init__(self, archive: Destination, calling_ae: str, service: Service, assoc: Association) -> None:
        self._archive, self._calling_ae, self._service, self._assoc = archive, calling_ae, service, assoc
        self._context_id, self._implicit = context_of(archive, service, assoc)
        self._end = time.monotonic() + service.longest_seconds
        self._asked = 0

    def ask(self, identifier: Dataset, seconds: float, **more: str) -> Iterator[Answer]:
        """Its answers, Pending ones first, the last one last; raises :class:`DeliveryError`.

        Args: identifier: what is asked; seconds: longest silence; more: further elements of the command set.
        """
        self._asked = self._assoc.next_id()
        command = question(self._service, self._asked, **more)
        data = encoded(identifier, implicit=self._implicit)
        try:
            for answer, found in self._assoc.ask_for_all(self._context_id, command, data, seconds):
                yield answer, self._decoded(found) if found else None
                if time.monotonic() > self._end:
                    raise Over(by_peer=False)
        except Over as over:
            how = "it ended the association" if over.by_peer else "it does not come to an end"
            what = f"{how} instead of answering ({self._service.name})"
            hint = f"see its log: may AE title {self._calling_ae} ask there (Orthanc: an entry of DicomModalities)?"
            raise DeliveryError(what, about=name_of(self._archive), hint=hint) from over

    def cancel(self) -> None:
        """What was asked for is wanted no more: its last answer is still to come, and soon. Raises :class:`Over`."""
        self._assoc.tell(self._context_id, cancellation(self._asked))
        self._end = min(self._end, time.monotonic() + self._archive.timeout_seconds)

    def _decoded(self, data: bytes) -> Dataset | None:
        try:
            return decoded(data, implicit=self._implicit)
        except Exception:  # the decoder raises anything on bytes that are no dataset
            return None


@contextmanager
def dialogue(archive: Destination, calling_ae: str, service: Service) -> Iterator[Dialogue]:
    """An association for one service, released at the end; raises DeliveryError or DeliveryRefused."""
    with associated(archive, calling_ae, [proposal(service)]) as assoc:
        yield Dialogue(archive, calling_ae, service, assoc)
