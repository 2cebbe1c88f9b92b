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
from node.deliver.messages import WITH_DATASET, command_set, decoded, encoded
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


class Dialogue:
    """For one thread. Args: archive: who is asked; calling_ae: by whom; service: what of; assoc: that it accepted."""

    def __init__(self, archive: Destination, calling_ae: str, service: Service, assoc: Association) -> None:
        if not assoc.accepted:
            hint = f"switch {service.name} on over there for this calling AE title, or fetch from another archive"
            what = f"it offers no {service.name} (presentation context refused)"
            raise DeliveryRefused(what, about=name_of(archive), hint=hint)
        self._archive, self._calling_ae, self._service, self._assoc = archive, calling_ae, service, assoc
        (_, syntax), self._context_id = next(iter(assoc.accepted.items()))
        self._end = time.monotonic() + service.longest_seconds
        self._implicit = syntax == str(ImplicitVRLittleEndian)

    def ask(self, identifier: Dataset, seconds: float, **more: str) -> Iterator[Answer]:
        """Its answers, Pending ones first, the last one last; raises :class:`DeliveryError`.

        Args: identifier: what is asked; seconds: longest silence; more: further elements of the command set.
        """
        command = command_set(
            AffectedSOPClassUID=self._service.sop_class_uid,
            CommandField=self._service.command,
            MessageID=self._assoc.next_id(),
            Priority=0,
            CommandDataSetType=WITH_DATASET,
            **more,
        )
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

    def _decoded(self, data: bytes) -> Dataset | None:
        try:
            return decoded(data, implicit=self._implicit)
        except Exception:  # the decoder raises anything on bytes that are no dataset
            return None


@contextmanager
def dialogue(archive: Destination, calling_ae: str, service: Service) -> Iterator[Dialogue]:
    """An association for one service, released at the end; raises DeliveryError or DeliveryRefused."""
    context = (service.sop_class_uid, str(ExplicitVRLittleEndian))  # and so Implicit, too
    with associated(archive, calling_ae, [context]) as assoc:
        yield Dialogue(archive, calling_ae, service, assoc)
