"""A radiologist's word comes back, over the network, and is counted: as a report of a workstation, and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests
from pydicom.dataset import Dataset

from node.states import StudyState
from tests.peers import Hospital, RunningNode, folder_objects, reader, storescu, until, validate
from tests.peers.ports import free_port
from tests.peers.reader import ABSENT, AGREES, DISAGREES, PRESENT, Word

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]


def started(start_node: StartNode, disk: Path, plugin: str, **more: Any) -> RunningNode:
    return start_node(
        plugins=[plugin],
        destinations=[{"name": "disk", "kind": "folder", "path": disk}],
        routes=[{"name": "films", "plugin": plugin, "accept_missing": True, "destinations": ["disk"]}],
        **more,
    )


def save(ds: Dataset, folder: Path) -> Path:
    path = folder / f"{ds.SOPInstanceUID}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def reviews(node: RunningNode, study: str, count: int) -> list[Any]:
    until(lambda: len(node.ledger.reviews.of_study(study)) >= count, f"{count} reviews are taken")
    return node.ledger.reviews.of_study(study)


@pytest.mark.slow
def test_reports_of_a_workstation_on_a_real_film_are_taken_and_counted(
    start_node: StartNode, hospital: Hospital, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    node = started(start_node, disk, "chest-radiograph")
    (path,) = hospital.samples("2-adult-pneumonia")
    film, study = pydicom.dcmread(path), str(pydicom.dcmread(path).StudyInstanceUID)
    assert storescu(node.port, [path]).exit_status == 0
    node.await_ended([study], 150)
    (ours,) = [one.dataset for one in folder_objects(disk) if one.kind == "sr"]
    uid, code = reader.words_of(ours)["Pneumonia"]

    report = reader.report(film, [Word(code, AGREES, uid), Word(code, PRESENT, "2.25.404")], [ours])
    assert validate(save(report, tmp_path)) == []
    assert storescu(node.port, [tmp_path / f"{report.SOPInstanceUID}.dcm"], calling="WORKSTATION").exit_status == 0
    (first,) = reviews(node, study, 1)
    assert (first.plugin, first.finding, first.judgement) == ("chest-radiograph", "pneumonia", "accepted")
    assert (first.origin, first.reader[:12]) == (report.SOPInstanceUID, "WORKSTATION ")
    assert node.trail(study)[-1].action == "not taken as a review", "nobody tracks 2.25.404 here"

    # a colleague changes his mind for him; the archive sends the verified report, then all of it once more
    colleague = reader.report(film, [Word(code, DISAGREES, uid)], [ours])
    verified = reader.verified(ours)
    again = [save(colleague, tmp_path), save(verified, tmp_path), tmp_path / f"{report.SOPInstanceUID}.dcm"]
    for one in again:
        assert storescu(node.port, [one], calling="PACS").exit_status == 0
        until(lambda: not node.ledger.reviews.unread(), "it is read")
    words = [(one.judgement, one.reader[:5]) for one in reviews(node, study, 3) if one.finding == "pneumonia"]
    assert words == [("accepted", "WORKS"), ("rejected", "PACS "), ("accepted", "PACS ")]

    row = node.study(study)
    assert row is not None
    assert (row.state, row.revision) == (StudyState.CLOSED, 1), "what a reader makes of a study is no late image"
    assert {one.kind for one in folder_objects(disk)} == {"sc", "sr"}
    assert len(folder_objects(disk)) == 2, "and nothing is sent for it"
    tally = next(one for one in node.json("reviews", "tally") if one["finding"] == "pneumonia")
    assert (tally["sender"], tally["reviewed"], tally["ppv"]["hits"] + tally["npv"]["hits"]) == ("MODALITY", 1, 1)
    seen = node.log() + node.run_cli("trail", study).stdout + node.run_cli("reviews").stdout
    assert "Canary" not in seen


def test_reviews_are_posted_by_who_has_a_token_also_after_the_process_was_killed(
    start_node: StartNode, hospital: Hospital, tmp_path: Path
) -> None:
    port = free_port()
    node = started(start_node, tmp_path / "disk", "brightness", web={"enabled": True, "port": port})
    study = hospital.study_uid()
    assert storescu(node.port, [hospital.film()]).exit_status == 0
    node.await_ended([study])
    token = node.run_cli("tokens", "add", "pacs").stdout.strip()
    url, headers = f"http://127.0.0.1:{port}/studies/{study}/reviews", {"Authorization": f"Bearer {token}"}

    def post(**item: str) -> requests.Response:
        body = {"reader": "reader-7", "reviews": [{"finding": "bright", **item}]}
        return requests.post(url, json=body, headers=headers, timeout=10)

    until(lambda: _answers(port), "it answers")
    assert requests.post(url, json={}, timeout=10).status_code == 401
    done = post(judgement="rejected")
    assert done.status_code == 200, done.text
    node.kill("web")
    until(lambda: _answers(port), "another process answers")
    assert post(judgement="rejected").json() == {"taken": [], "unchanged": 1}
    assert post(judgement="nonsense").status_code == 422
    (one,) = reviews(node, study, 1)
    assert (one.judgement, one.reader, one.origin) == ("rejected", "pacs: reader-7", "posted by pacs")
    assert node.json("studies", "show", study)["reviews"][0]["finding"] == "bright"
    assert node.run_cli("tokens", "remove", "pacs").returncode == 0
    assert post(judgement="accepted").status_code == 401
    assert node.stop() == 0
    assert node.pids("web") == []


def test_a_signed_report_that_comes_first_is_counted_once_its_study_is_answered_also_after_a_kill(
    start_node: StartNode, hospital: Hospital, brightness: Path, tmp_path: Path
) -> None:
    (brightness / "brightness_plugin" / "words.toml").write_text('bright = ["opacit*"]\n', encoding="utf-8")
    node = started(start_node, tmp_path / "disk", "brightness")
    film = pydicom.dcmread(hospital.film())
    study, text, name = str(film.StudyInstanceUID), Dataset(), Dataset()
    strange = reader.report(film, [Word(("233604007", "SCT", "Pneumonia"), ABSENT, "2.25.404")])
    report = reader.verified(strange)
    report.PreliminaryFlag = "FINAL"  # what is verified as preliminary is no signed report
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = "121071", "DCM", "Finding"
    text.RelationshipType, text.ValueType, text.TextValue = "CONTAINS", "TEXT", "No opacity."
    text.ConceptNameCodeSequence = [name]
    report.ContentSequence.append(text)
    assert storescu(node.port, [save(one, tmp_path) for one in (strange, report)]).exit_status == 0
    until(lambda: node.ledger.reviews.signed(study) and not node.ledger.reviews.unread(), "both are looked at")
    assert node.ledger.reviews.of_study(study) == []
    node.kill("group")
    node.restart()
    assert storescu(node.port, [hospital.film()]).exit_status == 0
    node.await_ended([study])
    (said,) = reviews(node, study, 1)
    assert (said.finding, said.stated, said.origin) == ("bright", "absent", f"report text {report.SOPInstanceUID}")
    until(lambda: not node.ledger.reviews.unread(), "it is read")
    (tally,) = node.json("reviews", "tally", "--report-text")
    assert (tally["reviewed"], tally["source"]) == (1, "SR")
    assert "read, bright is absent" in node.run_cli("why", study).stdout


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=2).ok
    except requests.ConnectionError:
        return False
