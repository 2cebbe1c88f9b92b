"""The whole node and archives that do not take every kind of object: the next simpler kind arrives instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from node.states import AnalysisState
from tests.deliver.peers import EvilPacs
from tests.peers import Hospital, RealOrthanc, RealStorescp, RunningNode, StoredObject, storescu, until, validate

pytestmark = pytest.mark.integration

StartNode = Callable[..., RunningNode]
SC = "1.2.840.10008.5.1.4.1.1.7"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"


def answered(start_node: StartNode, hospital: Hospital, *destinations: dict[str, Any], **settings: Any) -> RunningNode:
    """A node that has answered a film to all of these."""
    names = [str(one["name"]) for one in destinations]
    route = {"name": "everything", "plugin": "brightness", "destinations": names}
    node = start_node(destinations=destinations, routes=[route], **settings)
    film = hospital.film()
    assert storescu(node.port, [film]).taken == [film]
    node.await_ended([hospital.study_uid()])
    return node


def classes(objects: Sequence[StoredObject]) -> list[str]:
    return sorted(str(one.dataset.SOPClassUID) for one in objects)


def states(node: RunningNode, study: str, destination: str) -> dict[str, str]:
    shown = node.json("studies", "show", study)["deliveries"]
    return {one["kind"]: one["state"] for one in shown if one["destination"] == destination}


def refusals(node: RunningNode, study: str) -> int:
    return sum(event.action == "delivery refused" for event in node.trail(study))


def nothing_to_do(node: RunningNode, study: str) -> bool:
    (analysis,) = node.ledger.analyses.of_study(study)
    return analysis.state is AnalysisState.DELIVERED and node.json("queue") == {"analyses": [], "refused": []}


def test_an_archive_without_3d_reports_gets_a_valid_comprehensive_sr_and_another_one_the_full_report(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital, tmp_path: Path
) -> None:
    study = hospital.study_uid()
    with RealStorescp(tmp_path / "old", "OLD", takes=[SC, COMPREHENSIVE_SR]) as old:
        node = answered(start_node, hospital, old.destination("old"), storescp.destination())
        found = old.objects()
    assert classes(found) == [SC, COMPREHENSIVE_SR]
    assert [line for one in found for line in validate(one.path)] == []
    assert classes(storescp.objects()) == [SC, COMPREHENSIVE_3D_SR]
    assert states(node, study, "old") == {"sc": "DONE", "sr": "REPLACED", "comprehensive-sr": "DONE"}
    assert states(node, study, "storescp") == {"sc": "DONE", "sr": "DONE"}
    assert nothing_to_do(node, study)


@pytest.mark.slow
def test_the_operator_reads_in_the_trail_what_went_where_and_why(
    start_node: StartNode, hospital: Hospital, tmp_path: Path
) -> None:
    with RealStorescp(tmp_path / "old", "OLD", takes=[SC, COMPREHENSIVE_SR]) as old:
        node = answered(start_node, hospital, old.destination("old"))
    told = node.run_cli("trail", hospital.study_uid()).stdout
    (line,) = [line for line in told.splitlines() if "delivery refused" in line]
    assert "kind=sr; destination=old; " in line
    assert f"reason=the destination does not take SOP class {COMPREHENSIVE_3D_SR}; " in line
    assert line.endswith("instead=comprehensive-sr")
    shown = node.run_cli("studies", "show", hospital.study_uid()).stdout
    assert "replaced by comprehensive-sr: the destination does not take" in shown


@pytest.mark.slow
def test_an_archive_of_images_only_gets_the_heatmaps_instead_of_the_report(
    start_node: StartNode, hospital: Hospital, tmp_path: Path
) -> None:
    with RealStorescp(tmp_path / "images", "IMAGES", takes=[SC]) as images:
        node = answered(start_node, hospital, images.destination("images", profile="sr"))
        assert classes(images.objects()) == [SC]
    study = hospital.study_uid()
    assert states(node, study, "images") == {"sr": "REPLACED", "comprehensive-sr": "REPLACED", "sc": "DONE"}
    assert nothing_to_do(node, study)


@pytest.mark.parametrize("status", [0xC000, *(pytest.param(one, marks=pytest.mark.slow) for one in (0xA900, 0x0122))])
def test_an_archive_that_answers_reports_with_a_failure_gets_the_stand_in(
    start_node: StartNode, hospital: Hospital, status: int
) -> None:
    with EvilPacs(always={COMPREHENSIVE_3D_SR: status}) as pacs:
        destination = {"name": "pacs", "kind": "dicom", "ae_title": "EVIL", "port": pacs.port, "timeout_seconds": 10}
        retry = {"first_seconds": 0.1, "longest_seconds": 0.2}
        node = answered(start_node, hospital, destination, retry=retry)
    study = hospital.study_uid()
    assert states(node, study, "pacs") == {"sc": "DONE", "sr": "REPLACED", "comprehensive-sr": "DONE"}
    assert len(pacs.stored) == len(set(pacs.stored)) == 2
    assert nothing_to_do(node, study)


@pytest.mark.slow
def test_an_orthanc_that_filters_3d_reports_out_gets_the_stand_in(
    start_node: StartNode, hospital: Hospital, tmp_path: Path
) -> None:
    script = tmp_path / "filter.lua"
    script.write_text(f'function ReceivedInstanceFilter(ds) return ds["SOPClassUID"] ~= "{COMPREHENSIVE_3D_SR}" end')
    study = hospital.study_uid()
    with RealOrthanc(tmp_path / "filtering", lua=[script]) as orthanc:
        node = answered(start_node, hospital, orthanc.destination("orthanc"))
        found = {one["Tags"]["SOPClassUID"] for one in orthanc.results(study)}
    assert found == {SC, COMPREHENSIVE_SR}
    assert nothing_to_do(node, study)


@pytest.mark.slow
def test_a_node_that_is_killed_while_it_falls_back_sends_each_object_and_writes_each_row_once(
    start_node: StartNode, hospital: Hospital, tmp_path: Path
) -> None:
    film, study = hospital.film(), hospital.study_uid()
    with RealStorescp(tmp_path / "images", "IMAGES", takes=[SC]) as images:
        route = {"name": "everything", "plugin": "brightness", "destinations": ["images"]}
        node = start_node(destinations=[images.destination("images", profile="sr")], routes=[route])
        node.await_worker()
        storescu(node.port, [film])
        for count in (1, 2):
            until(lambda count=count: refusals(node, study) >= count, f"{count} kinds were refused", 60)
            node.kill("group")
            node.restart()
        node.await_ended([study])
        assert len({one.uid for one in images.objects()}) == 1
    rows = node.ledger.deliveries.of_study(study)
    assert [(row.kind, row.state) for row in rows] == [
        ("sr", "REPLACED"),
        ("comprehensive-sr", "REPLACED"),
        ("sc", "DONE"),
    ]
    assert refusals(node, study) == 2
    assert nothing_to_do(node, study)
