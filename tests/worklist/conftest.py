"""A worklist server, and a node's ledger that knows what becomes of studies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from pydicom.dataset import Dataset

from node.config import Destination, NodeSettings, Route, Settings, Worklist
from node.ledger import Ledger, WorkitemRow
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
