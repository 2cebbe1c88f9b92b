"""A node that runs performs the workitems of a worklist server, with an archive that sends studies back (C-GET)."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests

from tests.peers import Hospital, RealOrthanc, RunningNode, storescu, until
from tests.peers.hospital import CANARY, uids
from tests.peers.qrscp import RealDcmqrscp
from tests.peers.tcp import TcpPeer
from tests.peers.worklist_server import JSON, WorklistServer, value, values
from tests.worklist.conftest import item_of, schedule

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]


@pytest.fixture
def server() -> Iterator[WorklistServer]:
    with WorklistServer() as running:
        yield running


def settings_for(server: WorklistServer, archive: RealDcmqrscp, **changes: Any) -> dict[str, Any]:
    worklist = {"name": "ris", "url": server.url, "codes": {"AI-CXR^99SITE": "brightness"}, "every_seconds": 0.3}
    worklist |= changes
    return {
        "destinations": [archive.destination(retrieve="get")],
        "routes": [{"name": "everything", "plugin": "brightness", "destinations": ["archive"]}],
        "worklists": [worklist],
    }


def outputs(server: WorklistServer, uid: str) -> set[str]:
    """SOP Instance UIDs that the server was told of."""
    (done,) = values(server.workitems[uid], "UnifiedProcedureStepPerformedProcedureSequence")
    found = values(done, "OutputInformationSequence")
    assert {value(place, "RetrieveAETitle") for one in found for place in values(one, "DICOMRetrievalSequence")} == {
        "ARCHIVE"
    }
    return {value(ref, "ReferencedSOPInstanceUID") for one in found for ref in values(one, "ReferencedSOPSequence")}


def test_a_workitem_is_performed_once_though_the_node_is_killed_when_it_claims_it(
    start_node: StartNode, server: WorklistServer, hospital: Hospital, tmp_path: Path
) -> None:
    uid, killer = hospital.study_uid(), threading.Event()

    def note_claim(method: str, path: str) -> None:
        if path.endswith("/state"):
            killer.set()

    with RealDcmqrscp(tmp_path / "archive") as archive:
        films = [hospital.film(), hospital.film(2)]
        assert len(storescu(archive.port, films, called="ARCHIVE").taken) == 2
        node = start_node(**settings_for(server, archive))
        server.before = note_claim
        server.loses_answer = lambda method, path: path.endswith("/state") and killer.is_set() and not node_is_back
        node_is_back = False
        schedule(server, "2.25.1", uid, priority="HIGH")
        until(killer.is_set, "it is claimed")
        node.kill("group")
        node_is_back = True
        node.restart()
        until(lambda: server.state("2.25.1") == "COMPLETED", lambda: f"it is completed; log:\n{node.log()[-3000:]}")
        stored = {str(pydicom.dcmread(path).SOPInstanceUID) for path in archive.files()} - {one.stem for one in films}
        assert outputs(server, "2.25.1") == stored, "what the archive has of us is what was told, once"
        assert [path for method, path, status in server.told("/state") if status == 200] == [
            "/workitems/2.25.1/state",
            "/workitems/2.25.1/state",
        ], "claimed once, completed once"
        schedule(server, "2.25.2", "1.2.3.4")
        until(lambda: server.state("2.25.2") == "CANCELED", "a study that nobody has is canceled")
        (told,) = values(server.workitems["2.25.2"], "ProcedureStepProgressInformationSequence")
        assert value(told, "ReasonForCancellation") == "archive does not have its study"
        schedule(server, "2.25.3", uid)
        until(lambda: server.state("2.25.3") == "COMPLETED", "what was answered before is told again")
        assert outputs(server, "2.25.3") == outputs(server, "2.25.1")
        assert node.study(hospital.study_uid(2)) is None, "nobody asked for the other one"
        assert CANARY not in node.log()


@pytest.mark.slow
def test_a_workitem_that_is_asked_to_be_canceled_delivers_nothing(
    start_node: StartNode, server: WorklistServer, hospital: Hospital, tmp_path: Path
) -> None:
    """The clock asks once an hour: all of this is told by the server."""
    uid = hospital.study_uid()
    with RealDcmqrscp(tmp_path / "archive") as archive:
        film = hospital.film()
        assert len(storescu(archive.port, [film], called="ARCHIVE").taken) == 1
        node = start_node(**settings_for(server, archive, events=True, every_seconds=3600))
        node.run_cli("plugins", "pause", "brightness")
        until(lambda: server.channels, "it listens")
        schedule(server, "2.25.1", uid)
        until(lambda: node.ledger.analyses.of_study(uid), lambda: f"it waits for the model:\n{node.log()[-3000:]}")
        assert server.state("2.25.1") == "IN PROGRESS"
        headers = {"Content-Type": JSON}
        requests.post(f"{server.url}/workitems/2.25.1/cancelrequest", json=[{}], headers=headers, timeout=5)
        until(lambda: server.state("2.25.1") == "CANCELED", lambda: f"it is canceled; log:\n{node.log()[-3000:]}")
        node.run_cli("plugins", "resume", "brightness")
        schedule(server, "2.25.2", "1.2.3.4")
        until(lambda: server.state("2.25.2") == "CANCELED", "the node has looked around again")
        (analysis,) = node.ledger.analyses.of_study(uid)
        assert (str(analysis.state), analysis.error) == ("HELD", "canceled at the request of RIS")
        kept = [str(pydicom.dcmread(path).SOPInstanceUID) for path in archive.files()]
        assert kept == [str(pydicom.dcmread(film).SOPInstanceUID)]


class Holding(TcpPeer):
    """A proxy before an HTTP server: of what that answers it lets so many bytes through, until it lets all go.

    Args: port: of the server; most: bytes.
    """

    def __init__(self, port: int, most: int) -> None:
        self._port_behind, self._left = port, most
        self.holds, self.free = threading.Event(), threading.Event()
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._port_behind), 30) as behind:
            threading.Thread(target=self._pass_on, args=(connection, behind), daemon=True).start()
            while piece := behind.recv(4096):
                self._left -= len(piece)
                if self._left < 0 and not self.free.is_set():
                    self.holds.set()
                    self.free.wait(60)
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)

    def _pass_on(self, connection: socket.socket, behind: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := connection.recv(1 << 16):
                behind.sendall(piece)


@pytest.mark.slow
def test_killed_in_the_middle_of_wado_rs_everything_is_there_once(
    start_node: StartNode, server: WorklistServer, hospital: Hospital, tmp_path: Path
) -> None:
    slices, uid = hospital.slices(40), hospital.study_uid()
    with RealOrthanc(tmp_path / "orthanc") as orthanc:
        if not orthanc.has_dicomweb:
            pytest.skip("Orthanc has no DICOMweb plugin here")
        for path in slices:
            orthanc.upload(path)
        with Holding(orthanc.http_port, 20 * slices[0].stat().st_size) as proxy:
            service = orthanc.destination("stow", "cloud") | {"url": f"http://127.0.0.1:{proxy.port}/dicom-web"}
            worklist = {
                "name": "ris",
                "url": server.url,
                "codes": {"AI-CXR^99SITE": "brightness"},
                "every_seconds": 0.3,
            }
            node = start_node(
                destinations=[service],
                routes=[{"name": "everything", "plugin": "brightness", "destinations": ["cloud"]}],
                worklists=[worklist],
            )
            item = item_of(uid, [f"{service['url']}/studies/{uid}"], uids(slices))
            schedule(server, "2.25.1", uid, inputs=[item])
            until(proxy.holds.is_set, "it is in the middle")
            until(lambda: node.ledger.fetches.came(uid) > 5, "some of it is here")
            node.kill("group")
            came = node.ledger.fetches.came(uid)
            assert came < 40
            proxy.free.set()
            node.restart()
            until(lambda: server.state("2.25.1") == "COMPLETED", lambda: f"it is completed; log:\n{node.log()[-3000:]}")
        assert sorted(one["MainDicomTags"]["SOPInstanceUID"] for one in orthanc.results(uid)) == sorted(told(server))
    assert len([path for _, path, status in server.told("/state") if status == 200]) == 2, (
        "claimed once, completed once"
    )
    trail = [event.action for event in node.trail(uid)]
    assert trail.count("received") == 40
    assert came <= trail.count("received again") < 40, "one may have been committed just as the node died"
    assert [trail.count(f"workitem {end}") for end in ("claimed", "completed")] == [1, 1]
    assert (node.ledger.studies.get(uid).images, len(node.ledger.analyses.of_study(uid))) == (40, 1)
    assert len(list((node.data / "spool" / "instances").rglob("*.dcm"))) == 40


def told(server: WorklistServer) -> list[str]:
    """SOP Instance UIDs of its results, as the server was told of them."""
    (done,) = values(server.workitems["2.25.1"], "UnifiedProcedureStepPerformedProcedureSequence")
    found = values(done, "OutputInformationSequence")
    return [value(ref, "ReferencedSOPInstanceUID") for one in found for ref in values(one, "ReferencedSOPSequence")]
