"""What happens where the viewer is not installed: a test that did not run must not look like one that passed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.viewer.ohif import VARIABLE, home


def test_a_missing_viewer_skips_here_but_fails_in_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="make viewer"):
        home()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="make viewer"):
        home()


def test_an_installed_viewer_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (tmp_path / "installed").touch()
    assert home() == tmp_path
