"""`radnode plugins add`: what is accepted is pinned, and what differs afterwards is seen."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from node.errors import ConfigError, PluginError, SpoolError
from node.pins import FILE, read_pins
from tests.classify.material import importable, write_plugin
from tests.classify.wheels import write_wheel
from tests.cli.conftest import Site


def _pins(site: Site) -> dict[str, str]:
    return read_pins(site.config.parent)


def test_an_installed_plugin_is_pinned_and_the_trail_says_so(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    importable(tmp_path / "packages", monkeypatch)
    package = write_plugin(tmp_path / "packages")
    assert "pinned mean: sha256 " in site.text("plugins", "add", "mean")
    pinned = _pins(site)["mean"]
    said = [event.detail for event in site.ledger.events.latest(5) if event.detail.get("command") == "plugins add"]
    assert [(detail["plugin"], detail["sha256"]) for detail in said] == [("mean", pinned)]
    assert site.run("plugins", "verify").exit_code == 0
    (package / "__init__.py").write_text("changed = True")
    changed = site.run("plugins", "verify")
    assert changed.exit_code == os.EX_DATAERR
    assert f"accepted was {pinned[:12]}" in changed.output
    assert f", was {pinned[:12]}..." in site.text("plugins", "add", "mean")
    assert site.run("plugins", "verify").exit_code == 0


def test_a_plugin_whose_weights_are_not_the_declared_ones_is_not_pinned(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    importable(tmp_path / "packages", monkeypatch)
    (write_plugin(tmp_path / "packages") / "weights.bin").write_bytes(b"poison")
    assert "weights.bin has sha256" in site.refusal("plugins", "add", "mean").what
    assert not (site.config.parent / FILE).exists()


def test_a_plugin_that_is_not_there_is_refused(site: Site) -> None:
    assert isinstance(site.refusal("plugins", "add", "nothing"), PluginError)


def test_without_a_configuration_there_is_no_place_for_pins(site: Site) -> None:
    site.config.unlink()
    assert isinstance(site.refusal("plugins", "add", "chest-radiograph"), ConfigError)


def test_a_digest_is_that_of_a_wheel(site: Site) -> None:
    assert site.run("plugins", "add", "chest-radiograph", "--sha256", "0" * 64).exit_code == 2


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip installs to in this test."""
    folder = tmp_path / "packages"
    folder.mkdir()
    importable(folder, monkeypatch)
    monkeypatch.setenv("PIP_TARGET", str(folder))
    monkeypatch.setenv("PIP_UPGRADE", "1")  # with a target, pip keeps what is there otherwise
    return folder


def test_a_wheel_is_installed_pinned_and_what_it_lacks_is_said(site: Site, tmp_path: Path, packages: Path) -> None:
    wheel = write_wheel(tmp_path)
    text = site.text("plugins", "add", str(wheel))
    assert f"installed {wheel.name}, sha256 " in text
    assert "no-such-library" in text
    assert f"pinned mean: sha256 {_pins(site)['mean']}" in text
    assert (packages / "radnode_test_mean" / "manifest.toml").is_file()
    assert "radnode_test_mean" not in sys.modules  # nothing of it has run


def test_without_a_configuration_nothing_is_installed(site: Site, tmp_path: Path, packages: Path) -> None:
    site.config.unlink()
    assert "no such configuration" in site.refusal("plugins", "add", str(write_wheel(tmp_path))).what
    assert list(packages.iterdir()) == []


def test_pins_that_cannot_be_written_are_said_to_be_the_reason(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise SpoolError("the spool cannot be written: Permission denied")

    monkeypatch.setattr("node.spool.write_once", refuse)
    assert "the pins cannot be written" in site.refusal("plugins", "add", "chest-radiograph").what
    assert not (site.config.parent / FILE).exists()


def test_a_wheel_of_another_digest_is_not_installed(site: Site, tmp_path: Path, packages: Path) -> None:
    wheel = write_wheel(tmp_path)
    assert "demanded was" in site.refusal("plugins", "add", str(wheel), "--sha256", "0" * 64).what
    assert list(packages.iterdir()) == []
    assert not (site.config.parent / FILE).exists()
