"""Real peers: DCMTK's tools and Orthanc."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.receive.part10 import preface
from tests.peers.programs import system_program as program
from tests.receive.conftest import Running
from tests.receive.material import BIG_ENDIAN, DEFLATED, DX, EXPLICIT, IMPLICIT, JPEG, film, fragments

pytestmark = pytest.mark.integration


def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [program(name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def write(folder: Path, count: int = 1, syntax: str = EXPLICIT) -> dict[str, bytes]:
    """Films in a folder; their datasets by UID."""
    datasets = {}
    folder.mkdir()
    for number in range(count):
        uid = f"1.2.3.4.{number}"
        dataset = film(instance=uid, syntax=syntax) if syntax != JPEG else _compressed(uid)
        (folder / f"{number}.dcm").write_bytes(preface(DX.encode(), uid.encode(), syntax, "X") + dataset)
        datasets[uid] = dataset
    return datasets


def _compressed(uid: str) -> bytes:
    return film({0x7FE00010: None}, instance=uid) + fragments(b"\xff\xd8\xff\xd9")


def received(node: Running) -> dict[str, bytes]:
    """What lies in the spool, by the UID in the ledger."""
    [series] = node.series()
    return {each.sop_instance_uid: node.spool.path(each.path).read_bytes() for each in series.instances}


def test_echoscu(node: Running) -> None:
    assert run("echoscu", "-aec", "RADNODE", "127.0.0.1", node.port).returncode == 0


def test_echoscu_to_another_title_is_rejected(node: Running) -> None:
    done = run("echoscu", "-aec", "OTHER", "127.0.0.1", node.port)
    assert done.returncode != 0
    assert "Called AE Title Not Recognized" in done.stdout + done.stderr


def test_storescu_proposing_everything(node: Running, tmp_path: Path) -> None:
    sent = write(tmp_path / "films", 10)
    done = run("storescu", "-aec", "RADNODE", "+sd", "127.0.0.1", node.port, tmp_path / "films")
    assert done.returncode == 0, done.stderr
    found = received(node)
    assert found.keys() == sent.keys()
    assert all(found[uid].endswith(sent[uid]) for uid in sent)


@pytest.mark.parametrize(
    ("syntax", "option"), [(IMPLICIT, "-xi"), (BIG_ENDIAN, "-xb"), (DEFLATED, "-xd"), (JPEG, "-xy")]
)
def test_storescu_in_other_transfer_syntaxes(node: Running, tmp_path: Path, syntax: str, option: str) -> None:
    write(tmp_path / "films", 1, syntax)
    done = run("storescu", "-R", option, "-aec", "RADNODE", "+sd", "127.0.0.1", node.port, tmp_path / "films")
    assert done.returncode == 0, done.stderr
    [series] = node.series()
    assert [each.transfer_syntax_uid for each in series.instances] == [syntax]


def test_storescu_four_at_a_time(node: Running, tmp_path: Path) -> None:
    for number in range(4):
        folder = tmp_path / f"films{number}"
        folder.mkdir()
        for image in range(10):
            uid = f"1.2.3.4.{number}.{image}"
            body = preface(DX.encode(), uid.encode(), EXPLICIT, "X") + film(instance=uid)
            (folder / f"{image}.dcm").write_bytes(body)
    command = [program("storescu"), "-aec", "RADNODE", "+sd", "127.0.0.1", str(node.port)]
    senders = [subprocess.Popen([*command, str(tmp_path / f"films{number}")]) for number in range(4)]
    assert [sender.wait(60) for sender in senders] == [0, 0, 0, 0]
    assert len(received(node)) == 40


@pytest.fixture
def orthanc(node: Running, tmp_path: Path) -> Iterator[str]:
    """The address of an Orthanc that knows our node."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        http, dicom = one.getsockname()[1], two.getsockname()[1]
    config = {
        "StorageDirectory": str(tmp_path / "orthanc"),
        "IndexDirectory": str(tmp_path / "orthanc"),
        "HttpPort": http,
        "DicomPort": dicom,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [],
        "DicomModalities": {"node": ["RADNODE", "127.0.0.1", node.port]},
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(config))
    with (tmp_path / "orthanc.log").open("w") as log:
        process = subprocess.Popen([program("Orthanc"), str(tmp_path / "orthanc.json")], stdout=log, stderr=log)
    address = f"http://127.0.0.1:{http}"
    _wait_until_up(address)
    yield address
    process.kill()  # it takes seconds to end in order
    process.wait(10)


def _wait_until_up(address: str) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{address}/system", timeout=1).close()  # noqa: S310  our own
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("Orthanc does not start")


def post(url: str, body: bytes) -> object:
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=30) as reply:  # noqa: S310  our own
        return json.loads(reply.read())


def test_orthanc_echoes_and_sends(node: Running, orthanc: str, tmp_path: Path) -> None:
    write(tmp_path / "films", 5)
    for path in (tmp_path / "films").iterdir():
        post(f"{orthanc}/instances", path.read_bytes())
    with urllib.request.urlopen(f"{orthanc}/instances", timeout=10) as reply:  # noqa: S310  our own
        instances = json.loads(reply.read())
    post(f"{orthanc}/modalities/node/echo", b"{}")
    answer = post(f"{orthanc}/modalities/node/store", json.dumps(instances).encode())
    assert isinstance(answer, dict)
    assert (answer["InstancesCount"], answer["FailedInstancesCount"]) == (5, 0)
    assert len(received(node)) == 5
