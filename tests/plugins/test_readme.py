"""The worked example in plugins/README.md runs as it stands there."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import fields
from pathlib import Path

import pytest

from node.plugin import Accepts, Classifier, FindingSpec, Manifest
from radnode_kit.commands import folder_of
from tests.plugins.builders import image_set, pattern

README = (folder_of("chest-radiograph").parent / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", README, flags=re.M | re.S)
    assert found
    return found[1]


@pytest.fixture
def example(tmp_path: Path) -> Classifier:
    (tmp_path / "manifest.toml").write_text(block("toml"), encoding="utf-8")
    path = tmp_path / "__init__.py"
    path.write_text(block("python"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("radnode_brightness", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    classifier: Classifier = module.plugin()
    return classifier


def test_the_example_answers(example: Classifier) -> None:
    example.load("cpu")
    (answer,) = example.classify([image_set(pattern())])
    assert [finding.name for finding in answer.findings] == ["bright"]
    assert abs(answer.maps[0].residual) < 1e-3


def test_the_example_is_announced_by_its_name(example: Classifier) -> None:
    assert f'{example.manifest.name} = "radnode_brightness:plugin"' in README


@pytest.mark.parametrize("kind", [Manifest, Accepts, FindingSpec])
def test_every_key_of_the_manifest_is_explained(kind: type) -> None:
    table = README.split("## Manifest keys")[1].split("## A plugin from a network")[0]
    keys = {field.name for field in fields(kind)} - {"folder", "operating_point"}
    missing = {key for key in keys if f"`{key}`" not in table and f"[{key}]" not in table and f"[[{key}]]" not in table}
    assert not missing


def test_every_command_of_the_kit_is_explained() -> None:
    from node.cli import training

    for command in ("train", "calibrate"):
        assert callable(getattr(training, command))
        assert f"radnode {command} " in README
    for command in ("measure", "explain", "compare", "synthesise", "seal"):
        assert callable(getattr(training, command))
        assert f"radnode models {command} " in README
