"""A modality that never stops: what was not acknowledged it sends again, until it is."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Self

from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association

from tests.peers.waiting import until

#: Pause before another attempt, seconds.
_AGAIN_SECONDS = 0.1


class Modality:
    """Sends objects over several associations at once from its start to its end; what it began, it ends.

    Args:
        port: of the peer.
        make: the datasets of study number 1, 2, ...
        senders: associations at one time; each sends whole studies.
        called: AE title of the peer.
        pause: between two objects of one association, seconds.
    """

    def __init__(
        self,
        port: int,
        make: Callable[[int], Sequence[Dataset]],
        *,
        senders: int = 2,
        called: str = "RADNODE",
        pause: float = 0.02,
    ) -> None:
        self._port, self._make, self._called, self._pause = port, make, called, pause
        self._numbers, self._over, self._dead = itertools.count(1), threading.Event(), threading.Event()
        self._news = threading.Condition()
        self._senders = [threading.Thread(target=self._send_studies, daemon=True) for _ in range(senders)]
        self.acknowledged: dict[str, Dataset] = {}
        self.statuses: list[int] = []  # every answer
        self.seconds: list[float] = []  # to each answer

    def __enter__(self) -> Self:
        for sender in self._senders:
            sender.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        if error[0] is not None:
            self._dead.set()
        for sender in self._senders:
            sender.join(60)

    def await_acknowledgement(self, seconds: float = 30, more: int = 1) -> None:
        """Until so many more objects are acknowledged; returns within a fraction of a millisecond of the last."""
        with self._news:
            wanted = len(self.acknowledged) + more
            assert self._news.wait_for(lambda: len(self.acknowledged) >= wanted, seconds), "nothing is acknowledged"

    def _send_studies(self) -> None:
        assoc: Association | None = None
        while not self._over.is_set():
            for ds in self._make(next(self._numbers)):
                while not self._dead.is_set():
                    if assoc is None or not assoc.is_established:
                        assoc = self._associate(ds)
                    if assoc is not None and self._taken(assoc, ds):
                        break
                    time.sleep(_AGAIN_SECONDS)
                time.sleep(self._pause)
        if assoc is not None and assoc.is_established:
            assoc.release()

    def _associate(self, ds: Dataset) -> Association | None:
        assoc = associate(self._port, self._called, [ds])
        return assoc if assoc.is_established else None

    def _taken(self, assoc: Association, ds: Dataset) -> bool:
        begun = time.monotonic()
        status = store(assoc, ds)
        with self._news:
            if status is not None:
                self.statuses.append(status)
                self.seconds.append(time.monotonic() - begun)
            if status == 0:
                self.acknowledged[str(ds.SOPInstanceUID)] = ds
                self._news.notify_all()
        return status == 0


def associate(port: int, called: str, objects: Sequence[Dataset]) -> Association:
    """An association for those objects, established or not."""
    ae = AE("MODALITY")
    ae.acse_timeout = ae.connection_timeout = 5
    ae.dimse_timeout = ae.network_timeout = 45
    for sop_class, syntax in {(str(ds.SOPClassUID), str(ds.file_meta.TransferSyntaxUID)) for ds in objects}:
        ae.add_requested_context(sop_class, syntax)
    assoc = ae.associate("127.0.0.1", port, ae_title=called)
    # pynetdicom's own thread takes the answer now and then that a C-STORE waits for: it gives it back
    assoc._serve_request = lambda answer, context: assoc.dimse.msg_queue.put((context, answer))
    return assoc


def store(assoc: Association, ds: Dataset) -> int | None:
    """Status of a C-STORE; None when there was no answer."""
    try:
        answer = assoc.send_c_store(ds)
    except RuntimeError:  # the association has ended meanwhile
        return None
    return int(answer.Status) if "Status" in answer else None


def send(port: int, objects: Sequence[Dataset], called: str = "RADNODE") -> list[int | None]:
    """Each object once, over one association, in order; the statuses."""
    assoc = associate(port, called, objects)
    if not assoc.is_established:
        return [None] * len(objects)
    statuses = [store(assoc, ds) for ds in objects]
    assoc.release()
    return statuses


def send_until_taken(port: int, objects: Sequence[Dataset], called: str = "RADNODE", seconds: float = 60) -> None:
    """As a modality does."""
    missing = list(objects)

    def taken() -> bool:
        statuses = send(port, missing, called)
        missing[:] = [ds for ds, status in zip(missing, statuses, strict=True) if status != 0]
        return not missing

    until(taken, lambda: f"{len(missing)} of {len(objects)} objects are not acknowledged", seconds, pause=0.1)
