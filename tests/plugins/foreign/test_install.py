"""The package folder: whole or not there, installable without a network, and served through the node's own doors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from node.claims import Interval
from node.errors import PluginError
from node.manifest import read_manifest
from radnode_kit.foreign import build_backend
from radnode_kit.foreign.install import check, import_model
from radnode_kit.foreign.model import Wish
from tests.plugins.foreign.strangers import OLD, chexnet_file, densenet_state

FILES = {
    "pyproject.toml",
    "build_backend.py",
    "radnode_my_chexnet/__init__.py",
    "radnode_my_chexnet/manifest.toml",
    "radnode_my_chexnet/MODEL_CARD.md",
    "radnode_my_chexnet/bundle/source.json",
    "radnode_my_chexnet/bundle/configs/metadata.json",
    "radnode_my_chexnet/bundle/configs/inference.json",
    "radnode_my_chexnet/bundle/models/model.onnx",
    "radnode_my_chexnet/bundle/models/model.safetensors",
}
_SERVE = """\
import sys
import numpy as np
from node.classify.catalogue import Catalogue
from node.classify.runner import Runner
from node.plugin import Image, ImageSet

pixels = np.kron(np.random.default_rng(1).random((6, 6)), np.ones((40, 30))).astype(np.float32)
images = ImageSet((Image(pixels, None, "1.2.3"),), "1.2", "DX")
(answer,) = Runner(Catalogue(["my-chexnet"]), "cpu").classify("my-chexnet", [images])
if isinstance(answer, Exception):
    sys.exit(str(answer))
print(*(finding.name for finding in answer.findings), len(answer.maps))
loaded = {"torch", "monai", "onnx"} & set(sys.modules)
sys.exit(f"loaded: {loaded}" if loaded else 0)
"""


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_is_complete(chexnet: Path) -> None:
    assert {name for name in written(chexnet) if "__pycache__" not in name} == FILES


def test_the_package_announces_its_plugin(chexnet: Path) -> None:
    project = tomllib.loads((chexnet / "pyproject.toml").read_text())
    assert project["project"]["name"] == "radnode-my-chexnet"
    assert project["project"]["entry-points"]["radnode.plugins"] == {"my-chexnet": "radnode_my_chexnet:plugin"}
    assert project["build-system"]["requires"] == []


def test_every_file_that_decides_is_sealed(chexnet: Path) -> None:
    manifest = read_manifest(chexnet / "radnode_my_chexnet" / "manifest.toml")
    for name, digest in manifest.weights.items():
        assert sha256((manifest.folder / name).read_bytes()).hexdigest() == digest
    assert len(manifest.weights) == 5


def test_the_source_is_pinned_in_manifest_and_card(chexnet: Path) -> None:
    folder = chexnet / "radnode_my_chexnet"
    digest = sha256((chexnet.parent / "model.pth.tar").read_bytes()).hexdigest()
    assert read_manifest(folder / "manifest.toml").parameters["Source sha256"] == digest
    assert json.loads((folder / "bundle/source.json").read_text())["sha256"] == {"model.pth.tar": digest}
    assert digest in (folder / "MODEL_CARD.md").read_text()


def test_nothing_is_claimed_that_nobody_measured(chexnet: Path) -> None:
    manifest = read_manifest(chexnet / "radnode_my_chexnet" / "manifest.toml")
    assert manifest.research_only
    for spec in manifest.findings:
        point = spec.operating_point
        assert point.sensitivity == point.specificity == Interval(0.0, 0.0, 1.0)
        assert point.source.startswith("not measured: run `radnode evaluate`")


@pytest.mark.parametrize("words", ["not measured", "No gate refuses", "licence", "private code (99RAD", "ten crops"])
def test_the_card_says_what_is_not_known(chexnet: Path, words: str) -> None:
    assert words in (chexnet / "radnode_my_chexnet" / "MODEL_CARD.md").read_text()


def test_series_numbers_are_those_of_results_and_can_be_chosen(chexnet: Path) -> None:
    number = read_manifest(chexnet / "radnode_my_chexnet" / "manifest.toml").series_number
    assert 9100 <= number <= 9990
    assert number % 10 == 0


def test_the_wheel_has_a_record_of_every_file(chexnet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(chexnet)
    name = build_backend.build_wheel(str(tmp_path))
    assert name == "radnode_my_chexnet-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(tmp_path / name) as wheel:
        record = wheel.read("radnode_my_chexnet-0.1.0.dist-info/RECORD").decode().splitlines()
        assert sorted(line.split(",")[0] for line in record) == sorted(wheel.namelist())
        points = wheel.read("radnode_my_chexnet-0.1.0.dist-info/entry_points.txt").decode()
        assert points == "[radnode.plugins]\nmy-chexnet = radnode_my_chexnet:plugin\n"
        assert not any("__pycache__" in each for each in wheel.namelist())


@pytest.mark.timeout(170)
def test_pip_installs_it_without_a_network_and_the_runner_serves_it_without_torch(
    chexnet: Path, tmp_path: Path
) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", str(tmp_path)]
    done = subprocess.run([*pip, str(chexnet)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", _SERVE]
    served = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert served.returncode == 0, served.stderr
    names = served.stdout.split()
    assert names[:2] == ["atelectasis", "cardiomegaly"]
    assert names[-1] == "14"


def test_a_refused_model_leaves_nothing_behind(tmp_path: Path) -> None:
    state = densenet_state("module.densenet121.", "classifier.0", OLD, classes=3)
    path = chexnet_file(tmp_path, state=state)
    with pytest.raises(PluginError, match="3 outputs, there are 14 labels"):
        import_model("chexnet", path, Wish("x"), tmp_path / "package")
    assert [each.name for each in tmp_path.iterdir()] == ["model.pth.tar"]


def test_labels_that_are_all_nothing_are_refused(tmp_path: Path) -> None:
    state = densenet_state("module.densenet121.", "classifier.0", OLD, classes=2)
    path = chexnet_file(tmp_path, state=state)
    with pytest.raises(PluginError, match="assesses none"):
        import_model("chexnet", path, Wish("x", labels=("normal", "no finding")), tmp_path / "package")


@pytest.mark.parametrize("name", ["", "My-Model", "a_b", "-a", "a--b", "x" * 33, "../x", "7up"])
def test_names_that_no_plugin_can_have_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PluginError, match="cannot be the name"):
        check("onnx", tmp_path / "x", Wish(name), tmp_path / "out")


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with pytest.raises(PluginError, match="not empty"):
        check("onnx", tmp_path / "x", Wish("x"), tmp_path)


@pytest.mark.parametrize(("kind", "match"), [("onnx", "no file"), ("monai", "no folder"), ("keras", "no kind")])
def test_a_source_that_is_not_there_is_refused(tmp_path: Path, kind: str, match: str) -> None:
    with pytest.raises(PluginError, match=match):
        check(kind, tmp_path / "nothing", Wish("x"), tmp_path / "out")
