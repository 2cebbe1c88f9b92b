"""Plugins that are there for one test."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.classify.catalogue import Catalogue
from node.plugin import Manifest
from tests.classify.material import importable
from tests.plugins.acceptance.site import NAME, write_colour_plugin


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for plugins that is on the path."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    importable(folder, monkeypatch)
    return folder


@pytest.fixture
def colour(plugins: Path) -> Manifest:
    """The plugin `colour`: two findings that exclude each other, and neither."""
    write_colour_plugin(plugins)
    return Catalogue([NAME]).manifests[NAME]
