"""What is installed is known by its manifests; no plugin's code runs for that."""

from __future__ import annotations

import shutil
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from node.classify.catalogue import Catalogue, verify_weights
from node.errors import PluginError
from tests.classify.material import announce, importable, write_plugin

_NO_IMPORT = "raise SystemExit('imported')"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    importable(tmp_path, monkeypatch)
    return tmp_path


def test_a_plugin_is_found_without_running_its_code(folder: Path) -> None:
    write_plugin(folder, code=_NO_IMPORT)
    assert Catalogue().get("mean").manifest is not None
    assert "radnode_test_mean" not in sys.modules


def test_a_plugin_inside_another_package_is_found_without_running_either(folder: Path) -> None:
    package = write_plugin(folder, "outer", code=_NO_IMPORT)
    inner = package / "inner"
    inner.mkdir()
    (inner / "__init__.py").write_text(_NO_IMPORT)
    text = (package / "manifest.toml").read_text().replace('"outer"', '"inner"')
    (inner / "manifest.toml").write_text(text)
    announce(folder, "inner", "radnode_test_outer.inner:plugin")
    found = Catalogue(["inner"]).get("inner")
    assert found.error == ""
    assert found.manifest is not None
    assert found.manifest.folder == inner
    assert "radnode_test_outer" not in sys.modules


def test_the_shipped_plugins_are_usable() -> None:
    manifests = Catalogue().manifests
    assert {"chest-radiograph", "brain-tumour-mr"} <= set(manifests)


def test_only_the_named_plugins_are_looked_at(folder: Path) -> None:
    write_plugin(folder, "a")
    write_plugin(folder, "b")
    assert list(Catalogue(["b"]).manifests) == ["b"]


def test_a_plugin_that_is_not_there_is_refused_with_those_that_are(folder: Path) -> None:
    write_plugin(folder, "a")
    with pytest.raises(PluginError, match=r"no such plugin \[b\] - installed are: a"):
        Catalogue(["a", "b"]).get("b")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name = 3 = 4", "cannot be read"),
        ('name = "mean"', "lacks 'findings'"),
        ("", "lacks 'findings'"),
        ('findings = []\naccepts = "x"', "is wrong"),
    ],
)
def test_a_wrong_manifest_makes_the_plugin_unusable_and_says_why(folder: Path, text: str, reason: str) -> None:
    (write_plugin(folder) / "manifest.toml").write_text(text)
    found = Catalogue(["mean"]).get("mean")
    assert found.manifest is None
    assert reason in found.error
    assert "manifest.toml" in found.error


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('level = "image"', 'level = "study"', "level is 'study', allowed are 'image' and 'series'"),
        ("threshold = 0.5", "threshold = 50", "threshold of 'bright' is 50"),
        ("seconds_limit = 5", 'seconds_limit = "long"', "is wrong"),
        ("seconds_limit = 5", "seconds_limit = 0", "seconds_limit"),
        ('"weights.bin" =', '"../weights.bin" =', "'../weights.bin' lies outside the plugin"),
        ('licence = "Apache-2.0"\n', "", "is wrong"),
        ('title = "mean"', 'title = "mean"\nunknown = 1', "unknown"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(folder: Path, old: str, new: str, reason: str) -> None:
    path = write_plugin(folder) / "manifest.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert reason in Catalogue(["mean"]).get("mean").error


def test_a_manifest_of_another_name_is_refused(folder: Path) -> None:
    write_plugin(folder, "a")
    announce(folder, "other", "radnode_test_a:plugin")
    assert "calls it 'a'" in Catalogue(["other"]).get("other").error


def test_a_package_that_is_gone_is_unusable(folder: Path) -> None:
    announce(folder, "ghost", "radnode_test_ghost:plugin")
    assert "not importable" in Catalogue(["ghost"]).get("ghost").error


def test_two_packages_that_offer_one_name_are_both_refused(folder: Path) -> None:
    write_plugin(folder, "a")
    announce(folder, "a", "radnode_test_a:plugin", "intruder")
    catalogue = Catalogue(["a"])
    assert catalogue.manifests == {}
    assert "two packages" in catalogue.get("a").error


def test_weights_as_declared_have_no_problem(folder: Path) -> None:
    write_plugin(folder)
    assert verify_weights(Catalogue().manifests["mean"]) == []


def test_changed_weights_are_named_with_both_digests(folder: Path) -> None:
    package = write_plugin(folder)
    (package / "weights.bin").write_bytes(b"poison")
    (problem,) = verify_weights(Catalogue().manifests["mean"])
    assert problem.startswith("weights.bin has sha256 ")
    assert "the manifest says" in problem


def test_missing_weights_are_named(folder: Path) -> None:
    (write_plugin(folder) / "weights.bin").unlink()
    (problem,) = verify_weights(Catalogue().manifests["mean"])
    assert problem == "weights.bin cannot be read: No such file or directory"


def test_a_file_that_a_graph_could_take_weights_from_must_be_declared(folder: Path) -> None:
    package = write_plugin(folder)
    models = package / "models"
    (models / "more").mkdir(parents=True)
    manifest = package / "manifest.toml"
    declared = f'"models/model.onnx" = "{sha256(b"graph").hexdigest()}"'
    (models / "model.onnx").write_bytes(b"graph")
    manifest.write_text(manifest.read_text().replace("[weights]", f"[weights]\n{declared}"))
    assert verify_weights(Catalogue().manifests["mean"]) == []
    (models / "more" / "model.data").write_bytes(b"anything")
    (problem,) = verify_weights(Catalogue().manifests["mean"])
    assert problem == "model.data lies beside a graph, and the manifest has no sha256 of it"


def test_a_further_version_goes_by_name_and_version(folder: Path) -> None:
    write_plugin(folder)
    package = write_plugin(folder, "newer")
    shutil.rmtree(folder / "newer-1.0.dist-info")
    text = (package / "manifest.toml").read_text().replace('"newer"', '"mean"').replace('"1.0"', '"1.1"')
    (package / "manifest.toml").write_text(text)
    announce(folder, "mean@1.1", "radnode_test_newer:plugin", "mean_next")
    manifests = Catalogue(["mean"]).manifests
    assert [(name, one.name, one.version) for name, one in manifests.items()] == [
        ("mean", "mean", "1.0"),
        ("mean@1.1", "mean", "1.1"),
    ]
    assert list(Catalogue(["mean@1.1"]).manifests) == ["mean@1.1"]


@pytest.mark.parametrize("name", ["mean@1.2", "other@1.0", "@1.0"])
def test_a_further_version_is_what_its_manifest_says(folder: Path, name: str) -> None:
    write_plugin(folder)
    shutil.rmtree(folder / "mean-1.0.dist-info")
    announce(folder, name, "radnode_test_mean:plugin", "mean")
    assert "the manifest calls it 'mean', 1.0" in Catalogue([name]).get(name).error
