"""A wheel is looked at before anything of it is installed: nothing of it may run or write beyond its own package."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from node.classify.wheel import kept, read_wheel
from node.errors import PluginError
from tests.classify.material import importable, write_plugin
from tests.classify.wheels import write_wheel


def test_a_wheel_says_what_it_offers(tmp_path: Path) -> None:
    path = write_wheel(tmp_path)
    wheel = read_wheel(path, sha256(path.read_bytes()).hexdigest().upper())
    assert (wheel.distribution, wheel.plugins) == ("mean", ("mean",))
    assert wheel.sha256 == sha256(path.read_bytes()).hexdigest()


def test_a_wheel_of_another_digest_is_refused_with_both(tmp_path: Path) -> None:
    path = write_wheel(tmp_path)
    with pytest.raises(
        PluginError, match=f"has sha256 {sha256(path.read_bytes()).hexdigest()}, demanded was {'0' * 64}"
    ):
        read_wheel(path, "0" * 64)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("start.pth", "reaches beyond its own package"),
        ("radnode_test_mean/deep.pth", "reaches beyond its own package"),
        ("sitecustomize.py", "reaches beyond its own package"),
        ("usercustomize/__init__.py", "reaches beyond its own package"),
        ("mean-1.0.data/data/etc/cron.d/job", "reaches beyond its own package"),
        ("pydicom/dataset.py", "which belongs to pydicom"),
        ("typing_extensions.py", "which belongs to typing-extensions"),
        ("node/config/load.py", "would write node, which belongs to "),
        ("json/__init__.py", "which belongs to another package"),
        ("radnode_test_mean/__pycache__/__init__.cpython-311.pyc", "compiled code, which no pin covers"),
        ("../outside.py", "would write ../outside.py"),
        ("/etc/passwd", "would write /etc/passwd"),
    ],
)
def test_what_reaches_beyond_its_own_package_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        read_wheel(write_wheel(tmp_path, more={name: "raise SystemExit"}))


def test_a_package_without_a_plugin_is_refused(tmp_path: Path) -> None:
    path = write_wheel(tmp_path, points="[other.group]\nmean = mean:main\n")
    with pytest.raises(PluginError, match="offers no plugin"):
        read_wheel(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no wheel", b"\x80\x04pickle"])
def test_a_file_that_is_no_wheel_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mean-1.0-py3-none-any.whl"
    path.write_bytes(content)
    with pytest.raises(PluginError, match="the file is no wheel"):
        read_wheel(path)


def test_a_wheel_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="cannot be read: No such file"), kept(tmp_path / "mean.whl"):
        pytest.fail("it is not there")


def test_what_was_looked_at_is_what_is_installed(tmp_path: Path) -> None:
    path = write_wheel(tmp_path)
    whole = path.read_bytes()
    with kept(path) as copy:
        path.write_bytes(b"another one")
        assert copy.read_bytes() == whole
        assert copy.name == path.name


@pytest.mark.parametrize("name", ["pydicom", "radnode"])
def test_a_wheel_that_goes_by_the_name_of_what_is_no_plugin_of_others_does_not_replace_it(
    tmp_path: Path, name: str
) -> None:
    package = {"pydicom": "pydicom", "radnode": "node"}[name]
    path = write_wheel(tmp_path, more={f"{package}/__init__.py": ""}).rename(tmp_path / f"{name}-99-py3-none-any.whl")
    with pytest.raises(PluginError, match=f"would write {package}, which belongs to "):
        read_wheel(path)


def test_a_plugin_of_others_can_be_replaced_by_its_next_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    importable(tmp_path / "installed", monkeypatch)
    write_plugin(tmp_path / "installed")
    (tmp_path / "installed" / "mean-1.0.dist-info" / "top_level.txt").write_text("radnode_test_mean\n")
    assert read_wheel(write_wheel(tmp_path)).plugins == ("mean",)


@pytest.mark.parametrize("section", ["console_scripts", "gui_scripts"])
def test_a_wheel_that_installs_programs_is_refused(tmp_path: Path, section: str) -> None:
    points = f"[radnode.plugins]\nmean = radnode_test_mean:plugin\n[{section}]\nradnode = radnode_test_mean:main\n"
    with pytest.raises(PluginError, match="would install programs: radnode"):
        read_wheel(write_wheel(tmp_path, points=points))
