"""Results belong to the study they were made of, whatever comes at the same time, later, or back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest

from node.kinds import PROFILES
from node.states import AnalysisState, StudyState
from tests.peers import Hospital, RealOrthanc, RealStorescp, RunningNode, storescu, until
from tests.peers.dcmtk import acknowledged, start_storescu
from tests.peers.hospital import uids

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]


def to(*destinations: str, **conditions: Any) -> dict[str, Any]:
    return {"name": "everything", "plugin": "brightness", "destinations": list(destinations), **conditions}


def test_interleaved_studies_on_parallel_associations_are_never_mixed(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[to("storescp")])
    patients = range(1, 9)
    slices = {
        patient: [hospital.write(hospital.image(patient, image=number, modality="CT")) for number in range(1, 7)]
        for patient in patients
    }
    # Every association carries slices of every study, in turn.
    mixed = [path for images in zip(*slices.values(), strict=True) for path in images]
    senders = [start_storescu(node.port, mixed[start::4], calling=f"MODALITY{start}") for start in range(4)]
    told = [acknowledged(0, sender.communicate(timeout=60)[0].decode()) for sender in senders]
    assert sum(len(one.taken) for one in told) == 48
    node.await_ended([hospital.study_uid(patient) for patient in patients])

    found = storescp.objects()
    for patient in patients:
        of_study = [one for one in found if one.study == hospital.study_uid(patient)]
        assert sorted(one.kind for one in of_study) == ["sc", "sr"]
        for one in of_study:
            source = pydicom.dcmread(slices[patient][0])
            assert one.dataset.PatientID == source.PatientID
            assert one.dataset.AccessionNumber == source.AccessionNumber
            own = {*uids(slices[patient]), *(other.uid for other in of_study)}
            assert one.sources <= own
    assert len(found) == 2 * len(patients)


def test_late_image_makes_a_revision_that_names_its_predecessor(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[to("storescp")])
    uid, early = hospital.study_uid(), hospital.slices(3)
    storescu(node.port, early)
    node.await_ended([uid])
    late = hospital.write(hospital.image(series=2, image=4, modality="CT"))
    storescu(node.port, [late])
    until(lambda: node.ledger.studies.get(uid).revision == 2, "the late image reopens the study")
    node.await_ended([uid])

    reports = [one for one in storescp.objects() if one.kind == "sr"]
    assert len(reports) == 2
    first, second = sorted(reports, key=lambda one: uids([late])[0] in one.sources)
    predecessors = {str(element.value) for element in second.dataset.PredecessorDocumentsSequence[0].iterall()}
    assert first.uid in predecessors
    assert "PredecessorDocumentsSequence" not in first.dataset
    assert any(event.action == "study image arrived" for event in node.trail(uid))


def test_results_that_come_back_from_the_archive_are_never_analysed(
    start_node: StartNode, hospital: Hospital, tmp_path: Path
) -> None:
    with RealOrthanc(tmp_path / "orthanc") as orthanc:
        node = start_node(destinations=[orthanc.destination()], routes=[to("orthanc", include_excluded=True)])
        orthanc.put("modalities/radnode", ["RADNODE", "127.0.0.1", node.port])
        uid = hospital.study_uid()
        storescu(node.port, [hospital.film()])
        node.await_ended([uid])
        orthanc.upload(hospital.film())
        study = orthanc.find("Study", StudyInstanceUID=uid)[0]["ID"]
        for _ in range(3):
            seen = len(node.trail(uid))
            sent = orthanc.post("modalities/radnode/store", {"Resources": [study], "Synchronous": True})
            assert sent["FailedInstancesCount"] == 0
            until(lambda seen=seen: len(node.trail(uid)) >= seen + 3, "film and results came back")
            node.await_ended([uid])
        assert len(node.ledger.analyses.of_study(uid)) == 1
        assert node.ledger.studies.get(uid).revision == 1
        assert len(orthanc.results(uid)) == 2


@pytest.mark.slow
def test_orthanc_forwards_studies_by_itself_and_gets_the_results(
    start_node: StartNode, hospital: Hospital, tmp_path: Path
) -> None:
    script = tmp_path / "autorouting.lua"
    script.write_text(
        """
        function OnStableStudy(studyId, tags, metadata)
          RestApiPost('/modalities/radnode/store', '{"Resources": ["' .. studyId .. '"], "Synchronous": false}')
        end
        """,
        encoding="utf-8",
    )
    with RealOrthanc(tmp_path / "orthanc", lua=[script]) as orthanc:
        node = start_node(destinations=[orthanc.destination("orthanc")], routes=[to("orthanc", modality=["DX", "CT"])])
        orthanc.put("modalities/radnode", ["RADNODE", "127.0.0.1", node.port])
        orthanc.upload(hospital.film())
        uid = hospital.study_uid()
        until(lambda: len(orthanc.results(uid)) == 2, "the results are in Orthanc")
        # The results make the study stable once more: it is forwarded again, results included, and nothing comes of it.
        until(lambda: any(event.action == "own result came back" for event in node.trail(uid)), "it forwards results")
        node.await_ended([uid])
        assert len(orthanc.results(uid)) == 2
        assert len(node.ledger.analyses.of_study(uid)) == 1


def test_sender_gets_its_results_back(start_node: StartNode, hospital: Hospital, tmp_path: Path) -> None:
    with RealStorescp(tmp_path / "one", "CT1") as one, RealStorescp(tmp_path / "two", "CT2") as two:
        node = start_node(
            destinations=[one.destination("first scanner"), two.destination("second scanner")], routes=[to("@sender")]
        )
        storescu(node.port, [hospital.film(1)], calling="CT1")
        storescu(node.port, [hospital.film(2)], calling="CT2")
        storescu(node.port, [hospital.film(3)], calling="CT3")
        node.await_ended([hospital.study_uid(patient) for patient in (1, 2, 3)])
        assert {stored.study for stored in one.objects()} == {hospital.study_uid(1)}
        assert {stored.study for stored in two.objects()} == {hospital.study_uid(2)}
        reasons = json.dumps([event.detail for event in node.trail(hospital.study_uid(3))])
        assert "no destination has the AE title 'CT3'" in reasons


@pytest.mark.slow
def test_every_kind_of_destination_gets_the_same_objects(
    start_node: StartNode, orthanc: RealOrthanc, storescp: RealStorescp, hospital: Hospital, tmp_path: Path
) -> None:
    destinations = [storescp.destination("c-store"), {"name": "folder", "kind": "folder", "path": tmp_path / "results"}]
    with RealOrthanc(tmp_path / "rest") as rest, RealOrthanc(tmp_path / "stow") as stow:
        destinations.append(rest.destination("orthanc", "rest"))
        if stow.has_dicomweb:
            destinations.append(stow.destination("stow", "stow"))
        node = start_node(destinations=destinations, routes=[to(*(str(one["name"]) for one in destinations))])
        storescu(node.port, [hospital.film()])
        uid = hospital.study_uid()
        node.await_ended([uid])
        analysis = node.ledger.analyses.of_study(uid)[0]
        assert analysis.state is AnalysisState.DELIVERED
        results = node.ledger.analyses.results(analysis.id)
        made = {one.sop_instance_uid for one in results if one.kind in PROFILES["sc+sr"]}
        assert len(made) == 2
        assert {one.uid for one in storescp.objects()} == made
        assert {path.stem for path in (tmp_path / "results" / uid).iterdir()} == made
        for archive in (rest, stow) if stow.has_dicomweb else (rest,):
            assert {one["Tags"]["SOPInstanceUID"] for one in archive.results(uid)} == made


@pytest.mark.slow
def test_study_that_no_route_takes_is_ignored_with_a_reason_for_every_route(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[to("storescp", modality=["DX"])])
    storescu(node.port, hospital.slices(2))
    uid = hospital.study_uid()
    node.await_ended([uid])
    assert node.ledger.studies.get(uid).state is StudyState.IGNORED
    routed = next(event for event in node.trail(uid) if event.action == "routed")
    assert any("everything" in reason and "CT" in reason for reason in routed.detail["reasons"])
    assert storescp.objects() == []
