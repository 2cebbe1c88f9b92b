"""A worklist server, and a node's ledger that knows what becomes of studies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from pydicom.dataset import Dataset

from node.config import Destination, NodeSettings, Route, Settings, Worklist
from node.ledger import Ledger, WorkitemRow
from node.spool import Spool
from node.worklist import Performer
from tests.ledger.material import reported
from tests.peers.worklist_server import JSON, WorklistServer

CODE = ("AI-CXR", "99SITE", "Chest film, AI")


def workitem(study: str = "1.2", **changes: Any) -> dict[str, Any]:
    """As another system schedules it (table CC.2.5-3)."""
    code, place, item = Dataset(), Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = changes.pop("code", CODE)
    place.RetrieveAETitle = changes.pop("source", "ARCHIVE")
    item.TypeOfInstances, item.StudyInstanceUID, item.SeriesInstanceUID = "DICOM", study, f"{study}.9"
    item.ReferencedSOPSequence, item.DICOMRetrievalSequence = [], [place]
    ds = Dataset()
    ds.ProcedureStepState, ds.InputReadinessState = "SCHEDULED", changes.pop("readiness", "READY")
    ds.ScheduledProcedureStepPriority = changes.pop("priority", "MEDIUM")
    ds.ProcedureStepLabel, ds.WorklistLabel = "AI", changes.pop("label", "AI")
    ds.ScheduledProcedureStepStartDateTime = "20261127120000+0000"
    ds.ScheduledWorkitemCodeSequence, ds.InputInformationSequence = [code], changes.pop("inputs", [item])
    ds.PatientName, ds.PatientID, ds.AdmissionID = "KANARI^P", "KANARI1", ""
    ds.ReferencedRequestSequence, ds.UnifiedProcedureStepPerformedProcedureSequence = [], []
    return dict(ds.to_json_dict())


def schedule(server: WorklistServer, uid: str, study: str = "1.2", **changes: Any) -> None:
    """Over HTTP, as another system does."""
    answer = requests.post(
        f"{server.url}/workitems?{uid}",
        json=[workitem(study, **changes)],
        headers={"Content-Type": JSON},
        timeout=5,
    )
    assert answer.status_code == 201, answer.headers


@dataclass
class Site:
    """A node as far as a performer needs it. Its route `films` leads to the plugin `chest`."""

    ledger: Ledger
    server: WorklistServer
    folder: Path

    def performer(self, settings: Settings | None = None, **changes: Any) -> Performer:
        return Performer(self.worklist(**changes), settings or self.settings(), self.ledger)

    def worklist(self, **changes: Any) -> Worklist:
        return Worklist(**{"name": "ris", "url": self.server.url, "codes": {"AI-CXR^99SITE": "chest"}, **changes})

    def settings(self, *destinations: Destination) -> Settings:
        pacs = Destination(name="pacs", kind="dicom", ae_title="PACS")
        route = Route(name="films", plugin="chest", destinations=("pacs",))
        node = NodeSettings(data_dir=self.folder)
        return Settings(node=node, destinations=(pacs, *destinations), routes=(route,))

    def look(self, **changes: Any) -> str:
        """One look; what keeps workitems from coming further."""
        self.performer(**changes).step()
        return self.ledger.facts.troubles().get("worklist ris", "")

    def row(self, uid: str = "1.9") -> WorkitemRow:
        row = self.ledger.workitems.get(uid)
        assert row is not None
        return row

    def answer(self, study: str = "1.2") -> None:
        """The study has come, was analysed, and its results were delivered."""
        reported(self.ledger, study)
        for one in self.ledger.deliveries.of_study(study):
            self.ledger.deliveries.done(one)


@pytest.fixture
def server() -> Iterator[WorklistServer]:
    with WorklistServer() as running:
        yield running


@pytest.fixture
def site(tmp_path: Path, server: WorklistServer) -> Iterator[Site]:
    ledger = Ledger(tmp_path / "ledger.db")
    yield Site(ledger, server, tmp_path)
    ledger.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool")
    made.prepare()
    return made


@dataclass
class Archive:
    """Answers WADO-RS as PS3.18 10.4 wants it.

    Attributes:
        bodies: path -> objects.
        asked, signed: paths, and who signed in.
        cut: bytes that an answer lacks.
        status: of an answer that has objects.
        moved_to: where every answer points instead.
        before_part: is told how many objects of an answer have gone out, before each.
    """

    url: str = ""
    bodies: dict[str, list[bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cut: int = 0
    status: int = 200
    moved_to: str = ""
    signed: list[str] = field(default_factory=list)
    before_part: Callable[[int], None] = lambda number: None

    def destination(self, **changes: object) -> Destination:
        return Destination.model_validate({"name": "cloud", "kind": "stow", "url": f"{self.url}/dicom-web/"} | changes)

    def answer(self, path: str, accept: str) -> tuple[int, list[bytes]]:
        self.asked.append(path)
        if 'multipart/related; type="application/dicom"' not in accept:
            return 406, []
        if path not in self.bodies:
            return 404, []
        parts = [b"--x\r\nContent-Type: application/dicom\r\n\r\n" + one + b"\r\n" for one in self.bodies[path]]
        return self.status, [*parts, b"--x--"]


@pytest.fixture
def archive() -> Iterator[Archive]:
    with serving() as served:
        yield served


@contextmanager
def serving() -> Iterator[Archive]:
    served = Archive()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # named by the library
            served.signed.append(self.headers.get("Authorization", ""))
            status, parts = served.answer(self.path, self.headers.get("Accept", ""))
            self.send_response(302 if served.moved_to else status)
            if served.moved_to:
                self.send_header("Location", served.moved_to)
            self.send_header("Content-Type", 'multipart/related; type="application/dicom"; boundary=x')
            self.send_header("Content-Length", str(sum(map(len, parts))))
            self.end_headers()
            left = sum(map(len, parts)) - served.cut
            with suppress(OSError):  # who asked has heard enough
                for number, part in enumerate(parts):
                    served.before_part(number)
                    self.wfile.write(part[: max(left, 0)])
                    left -= len(part)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True).start()
    served.url = f"http://127.0.0.1:{http.server_port}"
    yield served
    http.shutdown()
    http.server_close()


def item_of(study: str, urls: Sequence[str] = (), instances: Sequence[str] = (), source: str = "") -> Dataset:
    """An item of an Input Information Sequence. Args: urls: for WADO-RS; instances: that it names."""
    item = Dataset()
    item.TypeOfInstances, item.StudyInstanceUID, item.SeriesInstanceUID = "DICOM", study, f"{study}.1"
    item.ReferencedSOPSequence = [_with("ReferencedSOPInstanceUID", uid) for uid in instances]
    item.WADORSRetrievalSequence = [_with("RetrieveURL", url) for url in urls]
    item.DICOMRetrievalSequence = [_with("RetrieveAETitle", source)] if source else []
    return item


def _with(keyword: str, value: str) -> Dataset:
    ds = Dataset()
    setattr(ds, keyword, value)
    return ds


def ordered(server: WorklistServer, study: str, *urls: str, instances: Sequence[str] = ()) -> None:
    """A workitem whose input is at these addresses."""
    schedule(server, "1.9", study, inputs=[item_of(study, urls, instances)])


def look(site: Site, *destinations: Destination, **changes: object) -> str:
    site.performer(site.settings(*destinations), **changes).step()
    return site.ledger.facts.troubles().get("worklist ris", "")
