"""A storage SCP that misbehaves by a rule, and records what it was given."""

from __future__ import annotations

import hashlib
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Self

import pydicom
from pydicom.dataset import Dataset
from pynetdicom import AE, AllStoragePresentationContexts, evt

from tests.peers import StoredObject
from tests.peers.ports import free_port

#: Instead of a status: it keeps the object and then aborts, aborts, or says nothing for as long as it is there.
ABORT, STORE_THEN_ABORT, HANG, STORE_THEN_HANG = "abort", "store-then-abort", "hang", "store-then-hang"
#: (result, source, reason) of A-ASSOCIATE-RJ (PS3.8 9.3.4).
TEMPORARY_CONGESTION, NOT_RECOGNIZED = (2, 3, 1), (1, 1, 7)

Answer = int | str


@dataclass(frozen=True)
class Given:
    """An object that it was given. `number`: from 1; `at`: seconds since the epoch; `sha256`: of its dataset."""

    number: int
    at: float
    uid: str
    sop_class: str
    study: str
    sha256: str


Rule = Callable[[Given], Answer]


def first(count: int, answer: Answer) -> Rule:
    """The first so many objects are answered like that."""
    return lambda given: answer if given.number <= count else 0x0000


def every(count: int, *answers: Answer) -> Rule:
    """Every `count`-th object is answered like that, with one of the answers after the other."""
    return lambda given: answers[given.number // count % len(answers)] if given.number % count == 0 else 0x0000


def studies(answers: dict[str, Answer]) -> Rule:
    """Study Instance UID -> what every object of it is answered with."""
    return lambda given: answers.get(given.study, 0x0000)


class EvilPacs:
    """Listens from its start to its end, but for the times when it is :meth:`down`.

    Args:
        rule: what it answers to an object; Success by default.
        refuses: SOP classes whose presentation contexts it does not accept; those that begin like that.
        delay: before each answer, seconds; may be changed.
        reject: so it answers the first `rejections` associations.
        comment: Error Comment (0000,0902) of its answers.
    """

    def __init__(
        self,
        rule: Rule | None = None,
        *,
        refuses: Collection[str] = (),
        delay: float = 0.0,
        reject: tuple[int, int, int] = TEMPORARY_CONGESTION,
        rejections: float = 0,
        ae_title: str = "EVIL",
        comment: str = "",
    ) -> None:
        self.port, self.ae_title, self.delay, self._comment = free_port(), ae_title, delay, comment
        self._rule, self._reject, self._rejections = rule or (lambda _: 0x0000), reject, rejections
        taken = [
            one.abstract_syntax
            for one in AllStoragePresentationContexts
            if not str(one.abstract_syntax).startswith(tuple(refuses))
        ]
        self._ae = AE(ae_title)
        self._ae.maximum_associations = 50
        for sop_class in taken:
            self._ae.add_supported_context(str(sop_class))
        self._ae.add_supported_context("1.2.840.10008.1.1")
        self.associations = 0
        self.given: list[Given] = []
        self.answers: Counter[Answer] = Counter()
        self.stored = threading.Event()
        self._kept: list[tuple[Given, Dataset]] = []
        self._lock, self._over = threading.Lock(), threading.Event()
        self._server: Any = None  # pynetdicom is untyped
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Meanwhile nobody listens, and associations are gone."""
        self._close()
        yield
        self._listen()

    def destination(self, name: str = "pacs", **changes: object) -> dict[str, object]:
        """As it stands in the node's configuration."""
        found = {"name": name, "kind": "dicom", "ae_title": self.ae_title, "port": self.port, "timeout_seconds": 10}
        return found | changes

    def objects(self) -> list[StoredObject]:
        """What it has kept; one that came again is there once for each time."""
        with self._lock:
            return [StoredObject(Path(given.uid), ds) for given, ds in self._kept]

    def kept_at(self) -> dict[str, float]:
        """SOP Instance UID -> when it was kept for the first time, seconds since the epoch."""
        with self._lock:
            return {given.uid: given.at for given, _ in reversed(self._kept)}

    def times_kept(self) -> Counter[str]:
        """SOP Instance UID -> how often it was kept."""
        with self._lock:
            return Counter(given.uid for given, _ in self._kept)

    def changed(self) -> list[str]:
        """SOP Instance UIDs that came with different bytes."""
        with self._lock:
            found = {(given.uid, given.sha256) for given in self.given}
        return [uid for uid, count in Counter(uid for uid, _ in found).items() if count > 1]

    def _listen(self) -> None:
        self._over.clear()
        handlers = [(evt.EVT_C_STORE, self._store), (evt.EVT_REQUESTED, self._requested)]
        self._server = self._ae.make_server(
            ("127.0.0.1", self.port), contexts=self._ae.supported_contexts, evt_handlers=handlers
        )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def _close(self) -> None:
        self._over.set()
        socketserver.BaseServer.shutdown(self._server)  # pynetdicom's own also forgets a server that it started itself
        self._server.server_close()
        for assoc in self._server.active_associations:
            with suppress(Exception):  # it may have ended meanwhile
                assoc.abort()
        assert self._thread is not None
        self._thread.join()

    def _requested(self, event: Any) -> None:
        with self._lock:
            self.associations += 1
            rejected = self.associations <= self._rejections
        if rejected:
            event.assoc.acse.send_reject(*self._reject)
            event.assoc.kill()

    def _store(self, event: Any) -> int | Dataset:
        body = event.request.DataSet.getvalue()
        syntax = event.context.transfer_syntax
        ds = pydicom.dcmread(_part10(body, str(syntax)), stop_before_pixels=True, force=True)
        with self._lock:
            uid, sop_class = str(event.request.AffectedSOPInstanceUID), str(event.request.AffectedSOPClassUID)
            digest = hashlib.sha256(body).hexdigest()
            given = Given(len(self.given) + 1, time.time(), uid, sop_class, str(ds.StudyInstanceUID), digest)
            self.given.append(given)
            answer = self._rule(given)
            self.answers[answer] += 1
        if self.delay:
            self._over.wait(self.delay)
        if answer in (0x0000, STORE_THEN_ABORT, STORE_THEN_HANG) or (isinstance(answer, int) and answer >> 12 == 0xB):
            with self._lock:
                self._kept.append((given, ds))
            self.stored.set()
        if isinstance(answer, int):
            return self._status(answer)
        if answer in (HANG, STORE_THEN_HANG):
            self._over.wait()
        event.assoc.abort()
        return 0x0110

    def _status(self, status: int) -> int | Dataset:
        if not self._comment:
            return status
        answer = Dataset()
        answer.Status, answer.ErrorComment = status, self._comment
        return answer


def _part10(body: bytes, syntax: str) -> BytesIO:
    """The dataset behind the least File Meta Information that says how it is encoded (PS3.10 7.1)."""
    value = syntax.encode() + b"\0" * (len(syntax) % 2)
    element = b"\x02\x00\x10\x00UI" + len(value).to_bytes(2, "little") + value
    return BytesIO(bytes(128) + b"DICM" + element + body)
