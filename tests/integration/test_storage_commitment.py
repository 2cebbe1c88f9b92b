"""Storage Commitment, asked for by real peers: Orthanc, which is called back, and pynetdicom, which waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt

from node.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE
from tests.peers import Hospital, RealOrthanc, RunningNode, storescu, until

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]
PROMISE = {"promise_storage": True}


def request(objects: Sequence[tuple[str, str]]) -> Dataset:
    ds = Dataset()
    ds.TransactionUID = generate_uid()
    ds.ReferencedSOPSequence = []
    for sop_class_uid, sop_instance_uid in objects:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
        ds.ReferencedSOPSequence.append(item)
    return ds


def ask(
    port: int,
    ds: Dataset,
    *,
    syntax: str = ImplicitVRLittleEndian,
    action: int = 1,
    instance: str = PUSH_MODEL_INSTANCE,
) -> tuple[int, list[tuple[int, Dataset]]]:
    """As a modality that waits on its association: the status, and the reports that came."""
    came: list[tuple[int, Dataset]] = []
    told = threading.Event()

    def hear(event: evt.Event) -> tuple[int, None]:
        came.append((event.event_type, event.event_information))
        told.set()
        return 0x0000, None

    ae = AE(ae_title="MODALITY")
    ae.add_requested_context(PUSH_MODEL, syntax)
    assoc = ae.associate("127.0.0.1", port, ae_title="RADNODE", evt_handlers=[(evt.EVT_N_EVENT_REPORT, hear)])
    assert assoc.is_established
    assert assoc.accepted_contexts, "the node is no provider"
    status, _ = assoc.send_n_action(ds, action, PUSH_MODEL, instance)
    if status.Status == 0x0000:
        assert told.wait(10), "no report came"
        time.sleep(0.2)  # its answer is on the way
    assoc.release()
    return status.Status, came


def started(start_node: StartNode, **more: object) -> RunningNode:
    return start_node(receive=PROMISE, **more)


def sent(node: RunningNode, hospital: Hospital, tmp_path: Path) -> list[tuple[str, str]]:
    """Two films that the node has acknowledged."""
    paths = [hospital.film(1), hospital.film(2)]
    assert len(storescu(node.port, paths).taken) == 2
    found = [pydicom.dcmread(path) for path in paths]
    return [(ds.SOPClassUID, ds.SOPInstanceUID) for ds in found]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_modality_that_waits_is_told_over_its_association(
    start_node: StartNode, hospital: Hospital, tmp_path: Path, syntax: str
) -> None:
    node = started(start_node)
    objects = sent(node, hospital, tmp_path)
    ds = request([*objects, (objects[0][0], "1.2.404")])
    status, came = ask(node.port, ds, syntax=syntax)
    assert status == 0x0000
    ((event_type, told),) = came
    assert (event_type, told.TransactionUID) == (2, ds.TransactionUID)
    assert [(one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID) for one in told.ReferencedSOPSequence] == objects
    (lost,) = told.FailedSOPSequence
    assert (lost.ReferencedSOPInstanceUID, lost.FailureReason) == ("1.2.404", 0x0112)
    until(lambda: node.ledger.commitments.due(300) == [], "the report was taken")
    assert node.ledger.events.latest(1)[0].detail["failed"] == 1


def test_what_lost_its_file_is_not_promised(start_node: StartNode, hospital: Hospital, tmp_path: Path) -> None:
    node = started(start_node)
    objects = sent(node, hospital, tmp_path)
    for path in (node.data / "spool").glob("instances/*/*.dcm"):
        path.write_bytes(path.read_bytes()[:-2])
    _, ((event_type, told),) = ask(node.port, request(objects))
    assert (event_type, [one.FailureReason for one in told.FailedSOPSequence]) == (2, [0x0110, 0x0110])


@pytest.mark.parametrize(
    ("objects", "more", "status"),
    [
        ([], {}, 0x0115),
        ([("1.2.3", "1.2.4")], {"action": 2}, 0x0123),
        ([("1.2.3", "1.2.4")], {"instance": "1.2.840.10008.1.20.1.2"}, 0x0112),
    ],
)
def test_what_is_no_request_is_refused_and_the_association_goes_on(
    start_node: StartNode, objects: list[tuple[str, str]], more: dict[str, object], status: int
) -> None:
    node = started(start_node)
    assert ask(node.port, request(objects), **more) == (status, [])  # type: ignore[arg-type]
    assert node.ledger.commitments.due(300) == []


@pytest.mark.slow
def test_without_the_promise_nobody_gets_one(start_node: StartNode) -> None:
    node = start_node()
    with pytest.raises(AssertionError):
        ask(node.port, request([("1.2.3", "1.2.4")]))


def test_orthanc_asks_and_is_called_back_also_after_kill_9(
    start_node: StartNode, orthanc: RealOrthanc, hospital: Hospital
) -> None:
    node = started(start_node, destinations=[orthanc.destination()])
    orthanc.put("/modalities/radnode", {"AET": "RADNODE", "Host": "127.0.0.1", "Port": node.port})
    uploaded = [orthanc.upload(hospital.film(patient)) for patient in (1, 2)]
    films = [str(one["ID"]) for one in uploaded]
    orthanc.post("/modalities/radnode/store", {"Resources": films})
    assert commitment(orthanc, films) == {"Status": "Success", "Failures": []}

    missing = str(orthanc.upload(hospital.film(3))["ID"])
    asked = orthanc.post("/modalities/radnode/storage-commitment", {"Resources": [*films, missing]})
    node.kill("group")  # what it owes stands in the ledger
    node.restart()
    found = reported(orthanc, str(asked["ID"]))
    assert (found["Status"], len(found["Failures"])) == ("Failure", 1)


def commitment(orthanc: RealOrthanc, resources: list[str]) -> dict[str, object]:
    asked = orthanc.post("/modalities/radnode/storage-commitment", {"Resources": resources})
    found = reported(orthanc, str(asked["ID"]))
    return {name: found[name] for name in ("Status", "Failures")}


def reported(orthanc: RealOrthanc, transaction: str) -> dict[str, list[dict[str, object]]]:
    path = f"/storage-commitment/{transaction}"
    until(lambda: orthanc.get(path)["Status"] != "Pending", "the report came", 60)
    return dict(orthanc.get(path))
