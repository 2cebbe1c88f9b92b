"""A destination that is gone, a plugin that goes wrong, a node that is told to stop: nothing else suffers."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from node.states import AnalysisState, StudyState
from tests.peers import Hospital, RealStorescp, RunningNode, install_plugin, processes, storescu, until
from tests.peers.dcmtk import acknowledged, start_storescu
from tests.peers.hospital import CANARY
from tests.peers.ports import free_port
from tests.peers.running_node import KINDS

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

StartNode = Callable[..., RunningNode]


def to(*destinations: str) -> dict[str, Any]:
    return {"name": "everything", "plugin": "brightness", "destinations": list(destinations)}


def test_destination_that_was_down_gets_everything_and_delays_no_other(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital, tmp_path: Path
) -> None:
    storescp.stop()
    node = start_node(
        destinations=[storescp.destination("down"), {"name": "up", "kind": "folder", "path": tmp_path / "up"}],
        routes=[to("down", "up")],
    )
    films = [hospital.film(patient) for patient in range(1, 6)]
    assert len(storescu(node.port, films).taken) == 5
    until(lambda: node.ledger.deliveries.count_by_state().get(("up", "DONE")) == 10, "the other one has everything")
    assert node.ledger.deliveries.count_by_state()["down", "WAITING"] == 10
    told = [event for event in node.ledger.events.latest(200) if event.action == "destination does not answer"]
    assert [event.detail["destination"] for event in told] == ["down"]  # once, not with every attempt

    storescp.start()
    node.await_ended([hospital.study_uid(patient) for patient in range(1, 6)])
    assert len({one.uid for one in storescp.objects()}) == 10
    assert {analysis.state for analysis in all_analyses(node)} == {AnalysisState.DELIVERED}


def all_analyses(node: RunningNode) -> list[Any]:
    studies = node.ledger.studies.latest(1000)
    return [one for study in studies for one in node.ledger.analyses.of_study(study.study_instance_uid)]


#: Body part that makes the plugin do it -> what the operator reads.
FAULTS = {
    "RAISES": "the plugin raised RuntimeError",
    "HANGS": "no answer within",
    "EXITS": "the worker process ended (exit status 3)",
    "SEGFAULTS": "the worker process ended (signal SIGSEGV)",
    "NAN": "a probability of nan",
    "SEVEN": "a probability of 7.3",
    "WRONGTYPE": "the plugin answered a str",
    "LEAKS": "MemoryError",
    "CONNECTS": "the plugin raised PermissionError",
    "STEALS": "the plugin raised PermissionError",
    "OVERWRITES": "the plugin raised PermissionError",
}


def test_plugin_that_goes_wrong_fails_its_own_analysis_only(
    tmp_path: Path, storescp: RealStorescp, hospital: Hospital
) -> None:
    plugin = install_plugin(tmp_path / "quick", seconds_limit=2)
    node = RunningNode(
        tmp_path / "node",
        python_path=[plugin],
        destinations=[storescp.destination()],
        routes=[to("storescp")],
        worker={"decode_seconds": 10, "memory_mb": 2048, "threads": 1, "pause_after_crashes": 0},
        retry={"max_attempts": 2},
    )
    with node:
        good = []
        for number, fault in enumerate(FAULTS, 1):
            bad_film = hospital.film(number, BodyPartExamined=fault)
            good.append(hospital.study_uid(100 + number))
            assert len(storescu(node.port, [bad_film, hospital.film(100 + number)]).taken) == 2
            node.await_ended([hospital.study_uid(number), good[-1]], 60)
        found = {
            fault: node.ledger.analyses.of_study(hospital.study_uid(number))[0]
            for number, fault in enumerate(FAULTS, 1)
        }
        assert {fault: row.error for fault, row in found.items() if row.state is not AnalysisState.FAILED} == {}
        assert {
            fault: row.error for fault, row in found.items() if FAULTS[fault] not in row.error or not row.error
        } == {}
        assert {one.study for one in storescp.objects()} == set(good)
        assert {node.ledger.analyses.of_study(uid)[0].state for uid in good} == {AnalysisState.DELIVERED}
        assert [line for line in processes.naming(str(plugin)).values() if "sleep" in line] == []
        assert CANARY not in node.log()
        assert CANARY not in "".join(row.error for row in found.values())
        status = node.json("status")
        assert status["status"] == "degraded"
        assert f"{len(FAULTS)} analyses failed" in " ".join(status["problems"])


def test_operator_retries_what_failed_after_the_cause_is_gone(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital, brightness: Path
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[to("storescp")])
    storescu(node.port, [hospital.film(BodyPartExamined="RAISES")])
    uid = hospital.study_uid()
    node.await_ended([uid])
    analysis = node.ledger.analyses.of_study(uid)[0]
    code = brightness / "brightness_plugin" / "__init__.py"
    code.write_text(code.read_text(encoding="utf-8").replace('"RAISES"', '"REPAIRED"'), encoding="utf-8")
    assert node.stop() == 0
    node.start()
    assert node.run_cli("queue", "retry", str(analysis.id)).returncode == 0
    until(lambda: node.ledger.analyses.get(analysis.id).state is AnalysisState.DELIVERED, "it is delivered")
    until(lambda: node.ledger.studies.get(uid).state is StudyState.CLOSED, "the study is closed again")
    assert sorted(one.kind for one in storescp.objects()) == ["sc", "sr"]


def test_sigterm_finishes_what_is_in_hand_and_the_rest_comes_after_the_next_start(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[to("storescp")])
    node.await_worker()
    slow = [hospital.film(patient, BodyPartExamined="SLOW") for patient in (1, 2, 3)]
    storescu(node.port, slow)
    studies = [hospital.study_uid(patient) for patient in (1, 2, 3)]
    until(lambda: all_analyses(node), "work has begun")
    sender = start_storescu(node.port, hospital.slices(40, patient=4))
    until(lambda: node.study(hospital.study_uid(4)), "an association is open")
    assert node.stop() == 0
    assert node.processes() == {}
    output, _ = sender.communicate(timeout=60)
    taken = acknowledged(sender.returncode, output.decode()).taken
    received = [one for series in node.ledger.studies.series(hospital.study_uid(4)) for one in series.instances]
    assert {path.stem for path in taken} <= {one.sop_instance_uid for one in received}
    assert node.run_cli("status").returncode == 2  # nobody serves

    node.start()
    node.await_ended([*studies, hospital.study_uid(4)])
    assert {analysis.state for analysis in all_analyses(node)} == {AnalysisState.DELIVERED}
    assert node.stop() == 0


@pytest.mark.slow
def test_a_ledger_of_yesterday_is_put_back_and_what_came_since_is_answered_once(
    start_node: StartNode, storescp: RealStorescp, hospital: Hospital, tmp_path: Path
) -> None:
    node = start_node(destinations=[storescp.destination()], routes=[to("storescp")])
    first, second = hospital.study_uid(1), hospital.study_uid(2)
    assert len(storescu(node.port, [hospital.film(1)]).taken) == 1
    node.await_ended([first])
    copy = tmp_path / "yesterday.db"
    assert node.run_cli("db", "backup", str(copy)).returncode == 0
    assert len(storescu(node.port, [hospital.film(2)]).taken) == 1
    node.await_ended([second])
    before = {one.uid for one in storescp.objects()}

    refused = node.run_cli("db", "restore", str(copy))
    assert "another radnode serves" in refused.stderr
    assert node.stop() == 0
    assert node.run_cli("db", "restore", str(copy)).returncode == 0
    node.clean_up()
    node.start()
    until(lambda: node.study(second) is not None, "what the copy does not know is taken from the spool")
    node.await_ended([first, second])
    assert {one.uid for one in storescp.objects()} == before, "the same objects, whichever life made them"
    assert node.run_cli("db", "check").returncode == 0


@pytest.mark.slow
def test_a_file_that_the_disk_lost_is_shown_and_is_back_when_it_is_sent_again(
    start_node: StartNode, hospital: Hospital, tmp_path: Path
) -> None:
    node = start_node(destinations=[{"name": "disk", "kind": "folder", "path": tmp_path / "disk"}], routes=[to("disk")])
    film, study = hospital.film(), hospital.study_uid()
    assert len(storescu(node.port, [film]).taken) == 1
    node.await_ended([study])
    (path,) = (node.data / "spool").glob("instances/*/*.dcm")
    node.kill("group")
    path.write_bytes(path.read_bytes()[:-100])
    node.restart()
    until(lambda: "spool" in node.ledger.facts.troubles(), "it is seen after a start that follows no stop")
    assert "1 acknowledged objects have lost their files" in node.run_cli("status").stdout
    assert len(storescu(node.port, [film]).taken) == 1
    node.await_ended([study])
    assert node.run_cli("db", "check").returncode == 0


def test_a_plugin_that_crashes_again_and_again_is_paused_and_its_studies_wait(
    tmp_path: Path, hospital: Hospital, start_node: StartNode
) -> None:
    disk = {"name": "disk", "kind": "folder", "path": tmp_path / "disk"}
    worker = {"plugins": ["brightness"], "pause_after_crashes": 2}
    node = start_node(destinations=[disk], routes=[to("disk")], worker=worker, retry={"max_attempts": 1})
    for patient in (1, 2):
        assert len(storescu(node.port, [hospital.film(patient, BodyPartExamined="SEGFAULTS")]).taken) == 1
        node.await_ended([hospital.study_uid(patient)])
    until(node.ledger.pauses.paused, "it is paused")
    assert len(storescu(node.port, [hospital.film(3)]).taken) == 1
    until(lambda: node.ledger.pauses.waiting("brightness") == 1, "a sound study waits for it")
    shown = node.run_cli("status")
    assert shown.returncode == 1
    assert "2 analyses in a row failed with it, the last one: the worker process ended (signal SIGSEGV)" in shown.stdout
    assert node.run_cli("plugins", "resume", "brightness").returncode == 0
    node.await_ended([hospital.study_uid(3)])
    assert node.ledger.analyses.of_study(hospital.study_uid(3))[0].state is AnalysisState.DELIVERED


def test_nobody_else_may_read_what_the_node_keeps(start_node: StartNode, hospital: Hospital, tmp_path: Path) -> None:
    """Whatever the umask is, and also where the data folder was made by somebody else."""
    (tmp_path / "node-0" / "data").mkdir(parents=True, mode=0o755)
    before = os.umask(0)
    try:
        node = start_node(
            destinations=[{"name": "disk", "kind": "folder", "path": tmp_path / "disk"}], routes=[to("disk")]
        )
    finally:
        os.umask(before)
    assert len(storescu(node.port, [hospital.film()]).taken) == 1
    node.await_ended([hospital.study_uid()])
    assert node.run_cli("tokens", "add", "pacs").returncode == 0
    files = [path for path in node.data.rglob("*") if path.is_file() and path.name != "serve.lock"]
    assert {"ledger.db", "ledger.db-wal", "serving.json", "tokens"} <= {path.name for path in files}
    assert [path for path in files if path.stat().st_mode & 0o077] == []
    assert [path for path in node.data.iterdir() if path.is_dir() and path.stat().st_mode & 0o077] == []


def test_no_process_of_the_node_leaves_a_core_dump(start_node: StartNode, tmp_path: Path) -> None:
    """It would hold patients' images; where dumps go to a program (core_pattern) the filter counts, not the limit."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    node = start_node(web={"enabled": True, "port": free_port()}, inputs=[{"name": "EXPORT", "path": inbox}])
    node.await_worker()
    for kind in KINDS:
        for pid in until(partial(node.pids, kind), f"{kind} runs"):
            limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
            (core,) = [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")]
            assert core == ["0", "0"], kind
            assert int(Path(f"/proc/{pid}/coredump_filter").read_text(encoding="ascii"), 16) == 0, kind


@pytest.mark.slow
def test_who_is_signed_in_is_signed_out_in_the_trail_whatever_ends_the_node(start_node: StartNode) -> None:
    port = free_port()
    node = start_node(web={"enabled": True, "port": port})
    token = node.run_cli("tokens", "add", "ann", "--role", "read").stdout.split()[-1]

    def sign_in() -> None:
        requests.post(f"http://127.0.0.1:{port}/login", {"token": token}, timeout=10, allow_redirects=False)

    def signed_out() -> list[str]:
        events = [one for one in reversed(node.ledger.events.latest(200)) if "the dashboard" in one.action]
        assert [one.action.split()[1] for one in events[::2]] == ["in"] * len(events[::2])
        return [one.detail["reason"] for one in events[1::2]]

    until(lambda: answers_http(port), "HTTP is answered")
    sign_in()
    node.kill("group")
    node.start()
    assert signed_out() == ["the node was stopped"]
    until(lambda: answers_http(port), "HTTP is answered again")
    sign_in()
    assert node.stop() == 0
    assert signed_out() == ["the node was stopped"] * 2


def answers_http(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False
