"""An archive that sends one object back and then waits, as over a line that is very slow."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pydicom
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from tests.peers.ports import free_port

_FIND, _GET = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.3"


class SlowArchive:
    """With one study. Args: films: of it."""

    def __init__(self, films: Sequence[Path]) -> None:
        self._films = [pydicom.dcmread(path) for path in films]
        self._free, self.port = threading.Event(), free_port()
        ae = AE(ae_title="ARCHIVE")
        for service in (_FIND, _GET):
            ae.add_supported_context(service)
        for sop_class in {ds.SOPClassUID for ds in self._films}:
            ae.add_supported_context(sop_class, scu_role=True, scp_role=True)
        handlers = [(evt.EVT_C_FIND, self._find), (evt.EVT_C_GET, self._get)]
        self._server = ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self._server.shutdown()

    def let_go(self) -> None:
        """Wait no more."""
        self._free.set()

    def destination(self) -> dict[str, object]:
        """As it stands in the node's configuration."""
        return {"name": "archive", "kind": "dicom", "ae_title": "ARCHIVE", "port": self.port, "timeout_seconds": 10}

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        told = Dataset()
        told.StudyInstanceUID, told.NumberOfStudyRelatedInstances = self._films[0].StudyInstanceUID, len(self._films)
        told.SOPClassesInStudy = sorted({ds.SOPClassUID for ds in self._films})
        yield 0xFF00, told

    def _get(self, event: evt.Event) -> Iterator[Any]:
        yield len(self._films)
        for number, ds in enumerate(self._films):
            if number == 1:
                self._free.wait(30)
            yield 0xFF00, ds
