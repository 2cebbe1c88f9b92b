"""A pin tells the package that was accepted from every other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from node import config
from node.classify.catalogue import Catalogue
from node.classify.runner import Runner
from node.errors import ConfigError, PluginError
from node.pins import FILE, package_digest, pins_text, read_pins
from tests.classify.material import importable, write_plugin

_CHANGES: dict[str, Callable[[Path], object]] = {
    "code": lambda package: (package / "__init__.py").write_text("raise SystemExit('changed')"),
    "a new file": lambda package: (package / "more.py").write_text(""),
    "a file less": lambda package: (package / "__init__.py").unlink(),
    "another name": lambda package: (package / "manifest.toml").rename(package / "manifest2.toml"),
    "one byte": lambda package: (package / "manifest.toml").write_text((package / "manifest.toml").read_text() + "\n"),
}


@pytest.mark.parametrize("change", _CHANGES)
def test_every_change_of_a_package_changes_its_digest(tmp_path: Path, change: str) -> None:
    package = write_plugin(tmp_path)
    before = package_digest(package)
    _CHANGES[change](package)
    assert package_digest(package) != before


def test_compiled_code_and_the_place_of_a_package_do_not_change_it(tmp_path: Path) -> None:
    one, other = write_plugin(tmp_path / "one"), write_plugin(tmp_path / "other")
    (one / "__pycache__").mkdir()
    (one / "__pycache__" / "x.pyc").write_bytes(b"of this machine")
    assert package_digest(one) == package_digest(other)


def test_a_plugin_in_the_folder_of_all_packages_cannot_be_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PluginError, match="shares its folder with others"):
        package_digest(tmp_path)


def test_a_changed_package_is_not_loaded_and_none_of_its_code_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    importable(tmp_path, monkeypatch)
    package = write_plugin(tmp_path)
    pins = {"mean": package_digest(package)}
    Runner(Catalogue(["mean"], pins), "cpu").classifier("mean")
    importable(tmp_path, monkeypatch)  # as in a new process
    _CHANGES["code"](package)
    with pytest.raises(PluginError, match=r"accepted was .*`radnode plugins add mean` accepts it") as caught:
        Runner(Catalogue(["mean"], pins), "cpu").classifier("mean")
    assert "changed" not in str(caught.value).split("accepted")[0]


def test_pins_are_read_with_the_configuration_they_lie_beside(tmp_path: Path) -> None:
    path = tmp_path / "radnode.toml"
    path.write_text(f'[worker.pins]\nb = "{"2" * 64}"\n')
    (tmp_path / FILE).write_text(pins_text({"a": "1" * 64, "b": "3" * 64}))
    settings = config.load(path)
    assert settings.worker.pins == {"a": "1" * 64, "b": "2" * 64}
    copy = tmp_path / "elsewhere" / "serving.json"
    copy.parent.mkdir()
    copy.write_bytes(config.frozen(settings))
    assert config.load(copy).worker.pins == settings.worker.pins  # what a node hands to its workers


@pytest.mark.parametrize(
    ("text", "message"), [("a = ", "cannot be read"), ('a = "12"', "the pin of a is no sha256"), ("a = 1", "no sha256")]
)
def test_pins_that_cannot_be_read_stop_the_start(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_pins(tmp_path)
