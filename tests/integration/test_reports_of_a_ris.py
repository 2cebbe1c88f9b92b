"""A RIS sends its signed reports over MLLP: before a study, after it, corrected, and while processes are killed."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from node.states import AnalysisState
from tests.peers import Hospital, RunningNode, storescu, until
from tests.peers.hospital import CANARY
from tests.peers.ports import free_port
from tests.peers.ris import Report, Ris, code

pytestmark = pytest.mark.integration


def listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def test_signed_reports_measure_a_plugin_wherever_they_come_in_its_work(
    start_node: Callable[..., RunningNode], brightness: Path, hospital: Hospital, tmp_path: Path
) -> None:
    (brightness / "brightness_plugin" / "words.toml").write_text('bright = ["opacit*"]\n', encoding="utf-8")
    port, disk = free_port(), tmp_path / "disk"
    node = start_node(
        hl7={"enabled": True, "port": port},
        destinations=[{"name": "disk", "kind": "folder", "path": disk}],
        routes=[{"name": "films", "plugin": "brightness", "accept_missing": True, "destinations": ["disk"]}],
    )
    until(lambda: listens(port), "it listens for reports")
    films = [hospital.film(number) for number in (1, 2)]
    studies = [str(pydicom.dcmread(path).StudyInstanceUID) for path in films]
    mine = {"patient": f"{CANARY}1", "accession": "A1-1"}

    first = Report(text="No opacity.", control_id="first", **mine).message()
    with Ris(port) as ris:
        assert code(ris.send(first)) == "AA", "it comes before its study"
    node.kill("intake")
    assert storescu(node.port, films).exit_status == 0
    node.await_ended(studies)
    until(lambda: bool(node.ledger.reviews.of_study(studies[0])), "the report is read once the study is answered")
    (said,) = node.ledger.reviews.of_study(studies[0])
    assert (said.finding, said.stated, said.source) == ("bright", "absent", "HL7 RIS HOSPITAL")

    until(lambda: listens(port), "another process listens")
    corrected = Report(text="Opacity in the left base.", status="C", **mine).message()
    by_uid = Report(text="Opacity.", study=studies[1], patient=f"{CANARY}2", accession="RIS-7").message()
    with Ris(port) as ris:
        assert [code(ris.send(one)) for one in (first, corrected, by_uid)] == ["AA"] * 3
    until(lambda: len(tally(node)) == 1 and tally(node)[0][0] == 2, "both are counted")
    assert tally(node) == [(2, [2, 2], "HL7 RIS HOSPITAL")], "what was corrected counts no more"
    assert all(one.state is AnalysisState.DELIVERED for one in node.ledger.analyses.of_study(studies[0]))

    told = node.run_cli("why", studies[0]).stdout
    assert "another one has replaced it" in told
    assert "read, bright is present (brightness answered present)" in told
    assert [one["status"] for one in node.json("reviews", "reports")] == ["FINAL", "CORRECTED", "FINAL"]
    assert CANARY not in node.log()
    assert node.json("db", "check")["messages"] == []
    assert node.stop() == 0


def tally(node: RunningNode) -> list[tuple[int, list[int], str]]:
    found = node.json("reviews", "tally", "--report-text")
    return [(one["reviewed"], [one["ppv"]["hits"], one["ppv"]["total"]], one["source"]) for one in found]
