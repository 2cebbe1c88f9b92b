"""`radnode bench` as a process: what it measures, and that it leaves everything as it was."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from node.capacity.samples import write_studies
from node.ledger import Ledger
from node.plugin import Accepts
from tests.peers import install_plugin, processes, until

_TOML = """\
[node]
data_dir = "data"

[worker]
plugins = ["brightness"]

[[destinations]]
name = "pacs"
kind = "dicom"
ae_title = "PACS"
port = 1
profile = "all"

[[routes]]
name = "all"
plugin = "brightness"
destinations = ["pacs", "@sender"]
"""


def _started(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "node", "bench", "-c", str(folder / "radnode.toml"), *options]
    path = os.pathsep.join([str(folder / "plugins"), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return processes.start(command, env={**os.environ, "PYTHONPATH": path}, **pipes)


def _bench(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    with _started(folder, *options) as running:
        output, errors = running.communicate(timeout=120)
    return subprocess.CompletedProcess([], running.returncode, output.decode(), errors.decode())


def _state(folder: Path) -> dict[Path, str]:
    """Every file with its digest."""
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a node that has run."""
    (tmp_path / "radnode.toml").write_text(_TOML)
    install_plugin(tmp_path / "plugins")
    (tmp_path / "data" / "spool").mkdir(parents=True)
    Ledger(tmp_path / "data" / "ledger.db").close()
    return tmp_path


@pytest.mark.integration
@pytest.mark.slow
def test_it_measures_and_leaves_everything_as_it_was(folder: Path) -> None:
    before = _state(folder / "data")
    done = _bench(folder, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (one,) = found["carried"]
    assert one["plugin"] == "brightness"
    assert one["study"] == "a film of 8 MB"
    assert one["objects"] > 3, "what the profile of the destination takes"
    assert min(one["receive"], one["decode"], one["results"], one["worker_cpu"], one["studies_per_hour"]) > 0
    assert one["studies_per_hour"] == min(limit["per_hour"] for limit in one["limits"])
    assert found["failed"] == {}
    assert found["disk"]["file"] > 0
    assert "studies an hour" in found["sentences"][0]
    assert _state(folder / "data") == before
    assert {path.name for path in (folder / "data").iterdir()} == {"spool", "ledger.db"}


@pytest.mark.integration
@pytest.mark.slow
def test_one_that_is_ended_leaves_nothing(folder: Path) -> None:
    before = _state(folder / "data")
    (folder / "data" / ".capacity-999999999-killed").mkdir()
    with _started(folder) as running:
        until(lambda: list((folder / "data").glob(f".capacity-{running.pid}-*/spool/instances/*/*.dcm")), "it works")
        running.terminate()
        assert running.wait(60) == 128 + signal.SIGTERM
    assert _state(folder / "data") == before
    assert {path.name for path in (folder / "data").iterdir()} == {"spool", "ledger.db"}


def test_a_disk_without_room_is_left_alone(folder: Path) -> None:
    with (folder / "radnode.toml").open("a") as stream:
        stream.write("[storage]\nmin_free_mb = 1000000000\n")
    done = _bench(folder)
    assert done.returncode == os.EX_DATAERR
    assert "too little space is free" in done.stderr
    assert {path.name for path in (folder / "data").iterdir()} == {"spool", "ledger.db"}


def test_an_earlier_run_that_is_none_is_refused(folder: Path) -> None:
    (folder / "earlier.json").write_text("{}")
    done = _bench(folder, "--against", str(folder / "earlier.json"))
    assert done.returncode == os.EX_DATAERR
    assert "there is no earlier run in it" in done.stderr


@pytest.mark.parametrize("modality", ["DX", "CT", "XC"])
def test_samples_are_dressed_for_the_plugin(modality: str, tmp_path: Path) -> None:
    accepts = Accepts(modality=(modality,), body_part=("KNEE",), view=("PA",))
    first, second = write_studies(tmp_path / "sent", accepts, 2)
    assert len(first) == len(second) == (13 if modality == "CT" else 1)
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in (*first, *second)]
    assert {(ds.Modality, ds.BodyPartExamined, ds.ViewPosition) for ds in headers} == {(modality, "KNEE", "PA")}
    assert len({ds.SOPInstanceUID for ds in headers}) == len(headers)
    assert len({ds.StudyInstanceUID for ds in headers}) == 2
