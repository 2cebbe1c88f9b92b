"""Compressed objects are read as what they were; objects that cannot be used are accounted for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless, JPEGLosslessSV1

from node.ledger.arrivals import OTHER_CONTENT, TWO_PATIENTS
from node.states import AnalysisState, StudyState
from tests.peers import Hospital, RealStorescp, RunningNode, compress, storescu, validate
from tests.peers.hospital import uids

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]
ROUTE = {"name": "everything", "plugin": "brightness", "destinations": ["storescp"]}


def in_syntax(hospital: Hospital, patient: int, syntax: str) -> Path:
    """The same pixels for every patient, in that transfer syntax."""
    ds = hospital.image(patient, size=64)
    ds.PixelData = hospital.image(0, size=64).PixelData
    if syntax == JPEG2000Lossless:
        ds.compress(JPEG2000Lossless)
    else:
        ds.file_meta.TransferSyntaxUID = syntax
    return hospital.write(ds)


def by_dcmtk(hospital: Hospital, patient: int, program: str, *options: str) -> Path:
    plain = in_syntax(hospital, patient, pydicom.uid.ExplicitVRLittleEndian)
    return compress(program, plain, plain.with_suffix(f".{program}"), *options)


def test_one_image_in_every_transfer_syntax_gives_one_answer(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[ROUTE])
    films = [
        in_syntax(hospital, 1, pydicom.uid.ExplicitVRLittleEndian),
        in_syntax(hospital, 2, ImplicitVRLittleEndian),
        in_syntax(hospital, 3, DeflatedExplicitVRLittleEndian),
        in_syntax(hospital, 4, JPEG2000Lossless),
        by_dcmtk(hospital, 5, "dcmcjpeg", "+e1"),
        by_dcmtk(hospital, 6, "dcmcjpls"),
        by_dcmtk(hospital, 7, "dcmcrle"),
    ]
    sent = storescu(node.port, films)
    assert sent.taken == films, sent.output
    studies = [hospital.study_uid(patient) for patient in range(1, 8)]
    node.await_ended(studies)
    analyses = [node.ledger.analyses.of_study(study)[0] for study in studies]
    assert {analysis.state for analysis in analyses} == {AnalysisState.DELIVERED}
    assert len({analysis.summary for analysis in analyses}) == 1, [analysis.summary for analysis in analyses]
    for one in storescp.objects():
        assert validate(one.path) == []


def test_image_that_cannot_be_decoded_is_reported_as_not_assessed(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[ROUTE])
    broken = hospital.image(image=2)
    broken.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8 no image \xff\xd9 "])
    broken["PixelData"].VR = "OB"
    broken.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    path = hospital.write(broken)
    assert len(storescu(node.port, [hospital.film(), path]).taken) == 2
    uid = hospital.study_uid()
    node.await_ended([uid])
    analysis = node.ledger.analyses.of_study(uid)[-1]
    assert analysis.state is AnalysisState.DELIVERED
    assert "1 image not assessed" in analysis.summary
    assert any(
        event.action == "images not assessed" and uids([path])[0] in str(event.detail) for event in node.trail(uid)
    )
    reports = [one for one in storescp.objects() if one.says(f"Instance {uids([path])[0]} was not assessed")]
    assert len(reports) == 1
    assert validate(reports[0].path) == []


def test_other_content_under_a_known_uid_is_set_aside_and_the_first_copy_kept(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[ROUTE])
    uid, first = hospital.study_uid(), hospital.film()
    for _ in range(5):
        assert storescu(node.port, [first]).taken == [first]
    changed = hospital.image()
    changed.PixelData = bytes(len(changed.PixelData))
    storescu(node.port, [hospital.write(changed, "changed")])
    node.await_ended([uid])
    shown = node.json("studies", "show", uid)
    assert [one["reason"] for one in shown["set_aside"]] == [OTHER_CONTENT]
    assert (shown["images"], shown["revision"]) == (1, 1)
    assert len(shown["analyses"]) == 1
    kept = node.data / "spool" / node.ledger.studies.series(uid)[0].instances[0].path
    assert kept.read_bytes().endswith(first.read_bytes()[-2000:])
    assert len(storescp.objects()) == 2


def test_two_patients_in_one_study_are_quarantined_until_a_person_has_looked(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[ROUTE])
    uid = hospital.study_uid()
    storescu(node.port, [hospital.film(), hospital.film(image=2, PatientID="KANARI-other")])
    node.await_ended([uid])
    study: Any = node.ledger.studies.get(uid)
    assert study.state is StudyState.QUARANTINED
    assert study.reason == TWO_PATIENTS
    assert node.json("status")["status"] == "degraded"
    assert storescp.objects() == []
