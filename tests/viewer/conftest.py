"""One ward and one visit to the viewer for all tests of this folder: both take their time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.viewer.ohif import Seen, home, look
from tests.viewer.views import views
from tests.viewer.ward import Ward, open_ward

#: Folder for the screenshots, which a person wants to keep; otherwise they lie with the tests' other files.
SCREENSHOTS = "RADNODE_SCREENSHOTS"
_FOLDER = pytest.StashKey[Path]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say where the screenshots are, also when every test has passed: a person may want to look."""
    folder = config.stash.get(_FOLDER, None)
    if folder is not None:
        terminalreporter.write_line(f"screenshots: {folder}")


@pytest.fixture(scope="session")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """Studies, their results, and an archive that has both."""
    with open_ward(tmp_path_factory.mktemp("ward")) as opened:
        yield opened


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """Where the screenshots go."""
    kept = os.environ.get(SCREENSHOTS)
    folder = Path(kept).resolve() if kept else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    pytestconfig.stash[_FOLDER] = folder
    return folder


@pytest.fixture(scope="session")
def installed() -> Path:
    """Where the viewer is: asked for first, since without it nothing else need be started."""
    return home()


@pytest.fixture(scope="session")
def seen(installed: Path, ward: Ward, screenshots: Path) -> dict[str, Seen]:
    """What was seen of each view, by its name."""
    return look(ward.url, views(ward), screenshots)
