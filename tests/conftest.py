"""Fixtures for the tests that start the node and its peers."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

from tests.peers import Hospital, Pki, RealOrthanc, RealStorescp, RunningNode, install_plugin
from tests.peers.reactor import close_the_race

# How long an example takes says nothing on a machine that does other things, too; in CI the examples stay fixed.
settings.register_profile("radnode", settings(), deadline=None)
settings.load_profile("radnode")

close_the_race()


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    """Makes studies whose UIDs no other test has."""
    return Hospital(tmp_path / "hospital")


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Certificates for TLS; a test that changes files copies them first."""
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def brightness(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH that brings the plugin `brightness`."""
    return install_plugin(tmp_path / "plugins")


@pytest.fixture
def storescp(tmp_path: Path) -> Iterator[RealStorescp]:
    """DCMTK's archive."""
    with RealStorescp(tmp_path / "storescp") as running:
        yield running


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """Commands that run in the process of a test set up their log for it."""
    before, hooks = structlog.get_config(), (sys.excepthook, threading.excepthook)
    yield
    structlog.configure(**before)
    sys.excepthook, threading.excepthook = hooks


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealOrthanc]:
    """An Orthanc for all tests of a file: each looks for its own studies only."""
    with RealOrthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def start_node(tmp_path: Path, brightness: Path) -> Iterator[Callable[..., RunningNode]]:
    """Starts a node as :class:`RunningNode`; it and all its processes are gone after the test."""
    started: list[RunningNode] = []

    def start(**settings: Any) -> RunningNode:
        node = RunningNode(tmp_path / f"node-{len(started)}", python_path=[brightness], **settings)
        started.append(node)
        node.start()
        return node

    yield start
    for node in started:
        node.clean_up()
