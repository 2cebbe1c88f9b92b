"""Studies go in by C-STORE from DCMTK; results come back into a real Orthanc and a DCMTK storescp."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest

from tests.peers import Hospital, RealOrthanc, RealStorescp, RunningNode, storescu, validate
from tests.peers.hospital import study_uids, uids

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]
PATIENT_AND_STUDY = (
    "StudyInstanceUID",
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
)


def everything_to(*destinations: str, plugin: str = "brightness", **conditions: Any) -> dict[str, Any]:
    return {"name": f"to {plugin}", "plugin": plugin, "destinations": list(destinations), **conditions}


def same_patient_and_study(result: pydicom.Dataset, source: pydicom.Dataset) -> bool:
    return all(result.get(keyword) == source.get(keyword) for keyword in PATIENT_AND_STUDY)


def test_200_ct_slices_come_back_as_one_result_set_in_orthanc_and_storescp(
    start_node: StartNode, orthanc: RealOrthanc, storescp: RealStorescp, hospital: Hospital, tmp_path: Path
) -> None:
    node = start_node(
        destinations=[orthanc.destination(), storescp.destination()], routes=[everything_to("orthanc", "storescp")]
    )
    slices = hospital.slices(200)
    sent = storescu(node.port, slices)
    assert sent.exit_status == 0
    assert len(sent.taken) == 200
    node.await_ended([hospital.study_uid()])

    study = node.study(hospital.study_uid())
    assert study is not None
    assert (study.images, study.revision) == (200, 1)
    found = orthanc.results(hospital.study_uid())
    assert sorted(one["Tags"]["Modality"] for one in found) == ["OT", "SR"]
    assert {one["Tags"]["SOPInstanceUID"] for one in found} == {one.uid for one in storescp.objects()}
    for number, one in enumerate(found):
        path = orthanc.download(one["ID"], tmp_path / f"{number}.dcm")
        assert validate(path) == []
        assert same_patient_and_study(pydicom.dcmread(path), pydicom.dcmread(slices[0]))
    report = next(one for one in storescp.objects() if one.kind == "sr")
    assert set(uids(slices)) <= report.sources


@pytest.mark.slow
def test_real_films_and_mr_are_answered_by_the_shipped_plugins(
    start_node: StartNode, orthanc: RealOrthanc, hospital: Hospital, tmp_path: Path
) -> None:
    node = start_node(
        plugins=["chest-radiograph", "brain-tumour-mr"],
        destinations=[orthanc.destination(profile="all")],
        routes=[
            everything_to("orthanc", plugin="chest-radiograph", modality=["CR", "DX"], accept_missing=True),
            everything_to("orthanc", plugin="brain-tumour-mr", modality=["MR"], accept_missing=True),
        ],
    )
    samples = hospital.samples()
    assert len(storescu(node.port, samples).taken) == len(samples)
    studies = study_uids(samples)
    node.await_ended(studies, 150)
    sources = {str(ds.StudyInstanceUID): ds for ds in map(pydicom.dcmread, samples)}
    for study in studies:
        found = orthanc.results(study)
        assert "SR" in {one["Tags"]["Modality"] for one in found}, node.trail(study)
        for one in found:
            path = orthanc.download(one["ID"], tmp_path / f"{one['ID']}.dcm")
            assert validate(path) == []
            assert same_patient_and_study(pydicom.dcmread(path), sources[study])
