"""`radnode serve --edge`: one receiver, one worker, one plugin, no torch: for a small machine beside a scanner."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.edge import FILM, edge_node, first_result, megabytes
from tests.peers import RunningNode

pytestmark = pytest.mark.acceptance

#: What a node for the edge may have in RAM, all of its processes together, MB.
LIMIT = 700


@pytest.fixture
def served(tmp_path: Path) -> RunningNode:
    return edge_node(tmp_path / "edge")


def test_an_edge_node_answers_a_real_film_in_little_memory_and_without_torch(served: RunningNode) -> None:
    with served as node:
        first_result(node, next(FILM.glob("*.dcm")))
        assert {kind: len(node.pids(kind)) for kind in ("main", "receiver", "worker", "intake", "web")} == {
            "main": 1,
            "receiver": 1,
            "worker": 1,
            "intake": 0,
            "web": 0,
        }
        assert megabytes(node, "Pss") < LIMIT
        for pid, line in node.processes().items():
            assert "torch" not in Path(f"/proc/{pid}/maps").read_text(), line
        assert not node.ledger.facts.troubles()


def test_several_plugins_are_not_for_the_edge(tmp_path: Path) -> None:
    config = tmp_path / "radnode.toml"
    config.write_text('[worker]\nplugins = ["chest-radiograph", "skin-lesion"]\n')
    command = [sys.executable, "-m", "node", "serve", "--edge", "-c", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 78
    assert "an edge node runs one plugin, this configuration names chest-radiograph, skin-lesion" in done.stderr
