"""Real and damaged objects of every sort: each is processed or accounted for, and the node goes on.

RADNODE_CORPUS names a folder of DICOM files to send as well.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.filereader import read_file_meta_info

from node.states import AnalysisState
from tests.peers import Hospital, RunningNode, storescu, until
from tests.peers.dcmtk import answers
from tests.peers.running_node import ENDED

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(1200)]

DATA = Path(__file__).parents[1] / "data" / "assemble"


def corpus() -> list[Path]:
    folders = [DATA, *([Path(os.environ["RADNODE_CORPUS"])] if os.environ.get("RADNODE_CORPUS") else [])]
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]


def names(path: Path) -> set[str]:
    """The SOP Instance UIDs under which a file may have been sent; a damaged one may have none that can be read."""
    found = set()
    with suppress(Exception):  # whatever is wrong with a damaged file
        found.add(str(read_file_meta_info(path).MediaStorageSOPInstanceUID))
    with suppress(Exception), warnings.catch_warnings(action="ignore"):
        found.add(str(pydicom.dcmread(path, stop_before_pixels=True, force=True).SOPInstanceUID))
    return found


def accounted(node: RunningNode) -> dict[str, str]:
    """SOP Instance UID -> the study it is in, or why it was set aside."""
    found = {str(row["sop_instance_uid"]): str(row["reason"]) for row in node.ledger.studies.set_aside(count=100000)}
    for study in node.ledger.studies.latest(100000):
        for series in node.ledger.studies.series(study.study_instance_uid):
            found |= {instance.sop_instance_uid: study.study_instance_uid for instance in series.instances}
    return found


def test_every_file_is_processed_or_accounted_for(
    start_node: Callable[..., RunningNode], hospital: Hospital, tmp_path: Path
) -> None:
    files = corpus()
    node = start_node(
        destinations=[{"name": "disk", "kind": "folder", "path": tmp_path / "results"}],
        routes=[{"name": "everything", "plugin": "brightness", "destinations": ["disk"], "include_excluded": True}],
        worker={"decode_seconds": 20},
    )
    sent: list[Any] = node.json("send", *map(str, files), "--to", f"127.0.0.1:{node.port}/RADNODE")
    assert len(sent) == len(files)
    taken = [Path(one["path"]) for one in sent if one["verdict"] == "delivered"]
    assert all(one["reason"] for one in sent if one["verdict"] != "delivered")
    assert len(taken) > len(files) / 2

    until(
        lambda: all(study.state in ENDED for study in node.ledger.studies.latest(100000)), "every study has ended", 900
    )
    known = accounted(node)
    assert [path for path in taken if not names(path) & known.keys()] == []
    assert all(known.values())
    for study in node.ledger.studies.latest(100000):
        for analysis in node.ledger.analyses.of_study(study.study_instance_uid):
            assert analysis.state is AnalysisState.DELIVERED or (
                analysis.state is AnalysisState.FAILED and analysis.error
            )
        assert study.reason

    assert answers(node.port, "RADNODE")
    film = hospital.film()
    assert storescu(node.port, [film]).taken == [film]
    node.await_ended([hospital.study_uid()])
    assert node.ledger.analyses.of_study(hospital.study_uid())[0].state is AnalysisState.DELIVERED
    assert node.stop() == 0
