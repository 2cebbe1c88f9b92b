"""An archive that stores what it is given and now and then aborts instead of saying so."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any, Self

from pydicom.dataset import Dataset
from pynetdicom import AE, AllStoragePresentationContexts, evt

from tests.peers import StoredObject
from tests.peers.ports import free_port


class AbortingPacs:
    """Args: every: so often the association is aborted after the object was stored."""

    def __init__(self, every: int, ae_title: str = "ABORTS") -> None:
        self.port, self.ae_title, self._every = free_port(), ae_title, every
        self.stored, self.aborted = threading.Event(), 0
        self._lock, self._times, self._kept = threading.Lock(), Counter[str](), dict[str, Dataset]()
        self._server: Any = None  # pynetdicom is untyped

    def __enter__(self) -> Self:
        ae = AE(self.ae_title)
        ae.supported_contexts = AllStoragePresentationContexts
        self._server = ae.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def destination(self, name: str) -> dict[str, object]:
        """As it stands in the node's configuration."""
        return {"name": name, "kind": "dicom", "ae_title": self.ae_title, "port": self.port, "timeout_seconds": 10}

    def objects(self) -> list[StoredObject]:
        """What it has."""
        with self._lock:
            return [StoredObject(Path(uid), ds) for uid, ds in self._kept.items()]

    def times_stored(self) -> dict[str, int]:
        """SOP Instance UID -> how often it came."""
        with self._lock:
            return dict(self._times)

    def _store(self, event: Any) -> int:
        ds = event.dataset
        with self._lock:
            self._times[str(ds.SOPInstanceUID)] += 1
            self._kept[str(ds.SOPInstanceUID)] = ds
            abort = self._times.total() % self._every == 0
            self.aborted += abort
        self.stored.set()
        if abort:
            event.assoc.abort()
        return 0x0000
