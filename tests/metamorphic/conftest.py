"""One node for all that is sent here: starting one takes longer than its answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers import RunningNode

CHEST, BRAIN = "chest-radiograph", "brain-tumour-mr"


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the node delivers to."""
    return tmp_path_factory.mktemp("archive")


@pytest.fixture(scope="session")
def running_node(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """The node with the shipped plugins for films and heads; an announced image is waited for."""
    settings = {
        "destinations": [{"name": "disk", "kind": "folder", "path": archive, "profile": "sr"}],
        "routes": [
            {"name": plugin, "plugin": plugin, "destinations": ["disk"], "include_excluded": True}
            for plugin in (CHEST, BRAIN)
        ],
        "plugins": [CHEST, BRAIN],
        "study": {"missing_wait_seconds": 60},
        "worker": {"plugins": [CHEST, BRAIN], "engine": "onnxruntime", "decode_seconds": 300},
    }
    with RunningNode(tmp_path_factory.mktemp("metamorphic") / "node", **settings) as node:
        yield node
        assert node.stop() == 0
