"""Both ways between a real Orthanc and the node, by the scripts that come with it: nothing goes round in circles."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers import Hospital, RealOrthanc, RunningNode, until

pytestmark = pytest.mark.integration

SCRIPTS = Path(__file__).parents[2] / "deploy" / "orthanc"
StartNode = Callable[..., RunningNode]
#: Script -> kind of the destination by which results go back: one tells Orthanc who sent it, the other does not.
WAYS = {"radnode.lua": "dicom", "radnode.py": "orthanc"}


@pytest.fixture(params=["radnode.py", pytest.param("radnode.lua", marks=pytest.mark.slow)])
def sender(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[RealOrthanc, str]]:
    script = SCRIPTS / request.param
    options: dict[str, Any] = {"python": script} if script.suffix == ".py" else {"lua": [script]}
    with RealOrthanc(tmp_path / "orthanc", **options) as orthanc:
        yield orthanc, WAYS[request.param]


def sent(orthanc: RealOrthanc) -> list[Any]:
    """The jobs by which Orthanc sent something to the node."""
    jobs = orthanc.get("jobs?expand")
    return [job for job in jobs if job["Type"] == "DicomModalityStore"]


def test_each_series_goes_out_once_and_results_stay(
    start_node: StartNode, sender: tuple[RealOrthanc, str], hospital: Hospital
) -> None:
    orthanc, kind = sender
    route = {"name": "all", "plugin": "brightness", "destinations": ["orthanc"]}
    node = start_node(destinations=[orthanc.destination(kind)], routes=[route])
    orthanc.put("modalities/radnode", {"AET": node.ae_title, "Host": "127.0.0.1", "Port": node.port})
    for path in hospital.slices(3):
        orthanc.upload(path)
    node.await_ended([hospital.study_uid()])
    assert {one["Tags"]["Modality"] for one in orthanc.results(hospital.study_uid())} == {"OT", "SR"}
    series = orthanc.find("Series", StudyInstanceUID=hospital.study_uid())
    until(lambda: all(orthanc.get(f"series/{one['ID']}")["IsStable"] for one in series), "every series is stable")
    time.sleep(1)  # for what Orthanc would do about that
    (job,) = sent(orthanc)
    assert job["State"] == "Success"
    assert job["Content"]["InstancesCount"] == 3
    assert "own result came back" not in {one.action for one in node.trail(hospital.study_uid())}
