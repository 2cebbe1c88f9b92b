"""The first command of the README: real samples go through a node, and everything comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from node.kinds import PROFILES
from node.ledger import Ledger

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


def test_the_demonstration_ends_well_and_every_study_is_answered_in_full(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    command = [sys.executable, "-m", "node", "demo", "--folder", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert len(answers) == 5
    assert all(answer["objects"] == answer["delivered"] >= 4 for answer in answers)
    assert all(Path(picture).stat().st_size > 10_000 for answer in answers for picture in answer["pictures"])
    ledger = Ledger(folder / "node" / "ledger.db")
    kinds = {
        row.kind for study in ledger.studies.latest(10) for row in ledger.deliveries.of_study(study.study_instance_uid)
    }
    assert kinds == set(PROFILES["all"]) - {"seg", "pm"}, "the volume among the samples is not assessed"
