"""Strangers' files and the plugins made of them, once for all tests: DenseNet-121 is large."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from radnode_kit.foreign.classifier import ForeignClassifier
from radnode_kit.foreign.install import import_model
from radnode_kit.foreign.model import Wish
from tests.plugins.foreign.strangers import chexnet_file


@pytest.fixture(scope="session")
def chexnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package folder made of a CheXNet checkpoint with random weights; nobody may write into it."""
    folder = tmp_path_factory.mktemp("chexnet")
    import_model("chexnet", chexnet_file(folder), Wish("my-chexnet"), folder / "package")
    return folder / "package"


@pytest.fixture(scope="session")
def classifier(chexnet: Path) -> ForeignClassifier:
    """Its classifier, loaded on the CPU."""
    found = ForeignClassifier(chexnet / "radnode_my_chexnet")
    found.load("cpu")
    return found


@pytest.fixture
def clean_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an import adds to the search path does not outlive the test."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
