"""Senders and an archive that share no code with DCMTK, pynetdicom or Orthanc: odil and dcmjs-dimse."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from node.states import AnalysisState
from tests.peers import Hospital, RealStorescp, RunningNode, processes, system_program
from tests.peers.ports import free_port
from tests.viewer.ohif import home

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

StartNode = Callable[..., RunningNode]
ROUTE = {"name": "everything", "plugin": "brightness", "destinations": ["archive"]}
_JAVASCRIPT = Path(__file__).parents[1] / "viewer" / "dimse.mjs"


def _odil(port: int, path: Path) -> list[str]:
    return [system_program("odil"), "store", "127.0.0.1", str(port), "ODIL", "RADNODE", str(path)]


def _dcmjs(port: int, path: Path) -> list[str]:
    return [system_program("node"), str(_JAVASCRIPT), str(home()), "send", str(port), "RADNODE", str(path)]


def _lines(output: str, verb: str) -> list[list[str]]:
    """What stands behind that word at the beginning of a line."""
    return [line.split()[1:] for line in output.splitlines() if line.startswith(f"{verb} ")]


@pytest.mark.parametrize("sender", [_odil, _dcmjs], ids=["odil", "dcmjs"])
def test_what_it_sends_is_answered(
    start_node: StartNode,
    storescp: RealStorescp,
    hospital: Hospital,
    sender: Callable[[int, Path], list[str]],
) -> None:
    node = start_node(destinations=[storescp.destination("archive")], routes=[ROUTE])
    done = subprocess.run(sender(node.port, hospital.film()), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    node.await_ended([hospital.study_uid()])
    (analysis,) = node.ledger.analyses.of_study(hospital.study_uid())
    assert analysis.state is AnalysisState.DELIVERED
    assert sorted(one.kind for one in storescp.objects()) == ["sc", "sr"]


def test_dcmjs_takes_the_results(start_node: StartNode, hospital: Hospital, tmp_path: Path) -> None:
    port, taken = free_port(), tmp_path / "taken"
    command = [system_program("node"), str(_JAVASCRIPT), str(home()), "take", str(port)]
    with taken.open("wb") as out:
        archive = processes.start(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        destination = {"name": "archive", "kind": "dicom", "host": "127.0.0.1", "port": port, "ae_title": "DCMJS"}
        node = start_node(destinations=[destination], routes=[ROUTE])
        sent = subprocess.run(
            _dcmjs(node.port, hospital.film()), capture_output=True, text=True, timeout=60, check=True
        )
        assert _lines(sent.stdout, "status") == [["0"]]
        node.await_ended([hospital.study_uid()])
        (analysis,) = node.ledger.analyses.of_study(hospital.study_uid())
        assert analysis.state is AnalysisState.DELIVERED, analysis.error
        made = {one.sop_instance_uid for one in node.ledger.analyses.results(analysis.id)}
        objects = _lines(taken.read_text(), "took")
        assert sorted(modality for modality, _ in objects) == ["OT", "SR"]
        assert {uid for _, uid in objects} <= made
    finally:
        processes.end(archive)
