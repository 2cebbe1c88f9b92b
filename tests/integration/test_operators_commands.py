"""Every command of `radnode` beside a running node: JSON that can be read, and no patient in sight."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers import Hospital, RealStorescp, RunningNode, install_plugin, storescu, until
from tests.peers.hospital import CANARY

pytestmark = pytest.mark.integration


class Ward:
    """A node that has seen a good film, one that fails, and CT that no route takes."""

    def __init__(self, node: RunningNode, hospital: Hospital, archive: RealStorescp) -> None:
        self.node, self.hospital, self.archive = node, hospital, archive
        self.films = [hospital.film(1), hospital.film(2, BodyPartExamined="RAISES"), *hospital.slices(2, patient=3)]
        self.good, self.failed, self.ignored = (hospital.study_uid(patient) for patient in (1, 2, 3))


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    folder = tmp_path_factory.mktemp("ward")
    with RealStorescp(folder / "archive") as archive:
        node = RunningNode(
            folder / "node",
            python_path=[install_plugin(folder / "plugins")],
            destinations=[archive.destination("archive"), {"name": "disk", "kind": "folder", "path": folder / "disk"}],
            routes=[{"name": "films", "plugin": "brightness", "modality": ["DX"], "destinations": ["archive", "disk"]}],
        )
        with node:
            found = Ward(node, Hospital(folder / "hospital"), archive)
            storescu(node.port, found.films)
            node.await_ended([found.good, found.failed, found.ignored])
            yield found


def test_status_counts_what_is_there_and_names_what_is_wrong(ward: Ward) -> None:
    done = ward.node.run_cli("status", "--json")
    status = json.loads(done.stdout)
    assert done.returncode == 1
    assert status["status"] == "degraded"
    assert status["studies"] == {"CLOSED": 2, "IGNORED": 1}
    assert status["analyses"] == {"DELIVERED": 1, "FAILED": 1}
    assert status["serving_pid"] in ward.node.pids("main")


def test_studies_and_trail_tell_what_became_of_each(ward: Ward) -> None:
    states = {study["study_instance_uid"]: study["state"] for study in ward.node.json("studies")}
    assert states == {ward.good: "CLOSED", ward.failed: "CLOSED", ward.ignored: "IGNORED"}
    shown = ward.node.json("studies", "show", ward.good)
    assert {one["state"] for one in shown["deliveries"]} == {"DONE"}
    assert sorted(one["kind"] for one in shown["results"]) == ["comprehensive-sr", "sc", "sr"]
    assert {one["kind"] for one in shown["deliveries"]} == {"sc", "sr"}, "the stand-in is made, and sent to nobody"
    actions = [event["action"] for event in ward.node.json("trail", ward.good)]
    assert actions[0] == "received"
    assert actions[-1] == "study analyses ended"
    assert actions.count("delivered") == 4
    assert "DX" in json.dumps(ward.node.json("trail", ward.ignored))


def test_queue_shows_what_failed_and_takes_orders(ward: Ward) -> None:
    waiting = ward.node.json("queue")["analyses"]
    assert [(one["study_instance_uid"], one["state"]) for one in waiting] == [(ward.failed, "FAILED")]
    assert "RuntimeError" in waiting[0]["error"]
    assert ward.node.run_cli("queue", "hold", str(waiting[0]["id"])).returncode == 65
    assert ward.node.run_cli("queue", "retry", str(waiting[0]["id"])).returncode == 0
    until(lambda: [one["state"] for one in ward.node.json("queue")["analyses"]] == ["FAILED"], "it has failed again")


def test_route_explain_gives_the_reason_of_every_route(ward: Ward) -> None:
    films = [str(path) for path in ward.films]
    answer = ward.node.json("route", "explain", *films)
    assert answer["refused"] == []
    assert sorted(decision["taken"] for decision in answer["decisions"]) == [False, True, True]
    assert all(decision["reason"] for decision in answer["decisions"])


def test_run_writes_results_and_pictures_without_a_node(ward: Ward, tmp_path: Path) -> None:
    arguments = ["run", str(ward.films[0]), "--plugin", "brightness", "--out", str(tmp_path / "out"), "--png"]
    answer = ward.node.json(*arguments, config=False)
    assert [study["error"] for study in answer["studies"]] == [""]
    assert all(Path(picture).read_bytes().startswith(b"\x89PNG") for picture in answer["png"])
    assert len(answer["png"]) == 1
    assert sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".dcm", ".dcm", ".png"]


def test_send_and_echo_reach_peers(ward: Ward) -> None:
    peer = f"127.0.0.1:{ward.node.port}/RADNODE"
    assert ward.node.run_cli("echo", peer).returncode == 0
    assert ward.node.run_cli("echo", "archive").returncode == 0
    assert ward.node.run_cli("echo", "127.0.0.1:1/NOBODY").returncode == 69
    film = ward.hospital.film(9)
    sent = ward.node.json("send", str(film), "--to", "archive")
    assert [(one["path"], one["reason"]) for one in sent] == [(str(film), "")]
    assert ward.hospital.study_uid(9) in {one.study for one in ward.archive.objects()}


def test_plugins_configuration_and_doctor_answer(ward: Ward) -> None:
    listed = {one["name"]: one["usable"] for one in ward.node.json("plugins", config=False)}
    assert listed["brightness"]
    assert ward.node.json("plugins", "show", "brightness", config=False)["name"] == "brightness"
    assert {"name": "brightness", "weights": "as declared", "pinned": False} in ward.node.json(
        "plugins", "verify", config=False
    )
    assert ward.node.json("config", "check")["ok"]
    assert ward.node.json("config", "show")["node"]["port"] == ward.node.port
    checks = {one["check"]: one["ok"] for one in ward.node.json("doctor")}
    assert checks["destination archive"]
    assert checks[f"port 127.0.0.1:{ward.node.port}"]


@pytest.mark.parametrize(
    "command",
    [("status",), ("studies",), ("studies", "show", "GOOD"), ("trail", "GOOD"), ("trail", "FAILED"), ("queue",)],
    ids=" ".join,
)
def test_patients_are_shown_only_when_asked_for(ward: Ward, command: tuple[str, ...]) -> None:
    words = {"GOOD": ward.good, "FAILED": ward.failed}
    arguments = [words.get(word, word) for word in command]
    for done in (ward.node.run_cli(*arguments), ward.node.run_cli(*arguments, "--json")):
        assert done.stdout
        assert CANARY not in done.stdout + done.stderr
        assert "19601230" not in done.stdout + done.stderr
    if command[0] == "studies":
        assert CANARY in ward.node.run_cli(*arguments, "--phi").stdout


def test_log_names_no_patient(ward: Ward) -> None:
    ward.node.run_cli("route", "explain", *map(str, ward.films))
    log = ward.node.log()
    assert "association accepted" in log
    assert CANARY not in log
    assert "19601230" not in log


def test_ledger_holds_no_patient(ward: Ward) -> None:
    for path in ward.node.data.glob("ledger.db*"):
        assert CANARY.encode() not in path.read_bytes()


def test_second_node_on_the_same_folder_is_refused(ward: Ward) -> None:
    done = ward.node.run_cli("serve")
    assert done.returncode == 78
    assert "another radnode serves this data folder" in done.stderr
