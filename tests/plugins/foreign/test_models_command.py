"""`radnode models import` as an operator meets it: what it prints, what it refuses, with which status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from node.cli.app import app
from node.errors import ConfigError, PluginError
from node.manifest import read_manifest
from radnode_kit.foreign.checkpoint import digest
from radnode_kit.foreign.export import write_onnx
from radnode_kit.foreign.model import Input
from tests.plugins.foreign.strangers import Pooled

ENTRY = Input(32, 3, (0.0,) * 3, (1.0,) * 3)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_onnx(Pooled(), ENTRY, tmp_path / "model.onnx", ("logits",))
    return tmp_path / "model.onnx"


def radnode(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def import_(source: Path, *more: object, kind: str = "onnx") -> Result:
    out = source.parent / "package"
    return radnode("models", "import", source, "--as", kind, "--name", "theirs", "--out", out, *more)


SAID = ("--labels", "pneumonia,no finding", "--modality", "DX", "--modality", "CR", "--activation", "softmax")


def test_it_says_what_it_made_and_how_to_install_it(source: Path) -> None:
    done = import_(source, *SAID)
    assert done.exit_code == 0, done.output
    assert digest(source) in done.output
    assert f"pip install {source.parent / 'package'}" in done.output
    assert "radnode plugins show theirs" in done.output
    assert "findings        pneumonia\n" in done.output
    assert "evidence maps   exact" in done.output
    assert "not assessed    no_finding" in done.output
    assert "sensitivity and specificity are not known" in done.output


def test_options_arrive_in_the_manifest(source: Path) -> None:
    done = import_(source, *SAID, "--series-number", 9700, "--fit", "letterbox", "--mean", "0.5,0.4,0.3")
    assert done.exit_code == 0, done.output
    manifest = read_manifest(source.parent / "package" / "radnode_theirs" / "manifest.toml")
    assert manifest.accepts.modality == ("DX", "CR")
    assert manifest.series_number == 9700
    assert manifest.mutually_exclusive
    assert "letterboxed" in manifest.parameters["Input"]


def test_the_demanded_digest_decides(source: Path) -> None:
    refused = import_(source, *SAID, "--sha256", "0" * 64)
    assert isinstance(refused.exception, PluginError)
    assert digest(source) in str(refused.exception)
    assert not (source.parent / "package").exists()
    assert import_(source, *SAID, "--sha256", digest(source)).exit_code == 0


@pytest.mark.parametrize("option", ["--mean", "--deviation"])
def test_what_is_no_list_of_numbers_names_its_option(source: Path, option: str) -> None:
    done = import_(source, *SAID, option, "0.5;0.4")
    assert isinstance(done.exception, ConfigError)
    assert done.exception.about == option


@pytest.mark.parametrize("more", [("--fit", "crop"), ("--activation", "relu"), ("--size", "-1")])
def test_a_choice_that_is_none_is_a_wrong_command_line(source: Path, more: tuple[str, str]) -> None:
    assert import_(source, *SAID, *more).exit_code == 2


def test_a_kind_that_is_none_is_a_wrong_command_line(source: Path) -> None:
    assert import_(source, *SAID, kind="keras").exit_code == 2


def test_a_bundle_is_not_run_without_trust_and_the_message_says_how_to_allow_it(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "inference.json").write_text("{}")
    formats = {"inputs": {"image": {"num_channels": 1}}, "outputs": {"pred": {"format": "labels"}}}
    (folder / "configs" / "metadata.json").write_text(json.dumps({"network_data_format": formats}))
    done = radnode("models", "import", folder, "--as", "monai", "--name", "x", "--out", tmp_path / "out")
    assert isinstance(done.exception, PluginError)
    assert "a MONAI bundle is code" in str(done.exception)
    assert "--trust-code --sha256" in done.exception.hint


def test_without_the_libraries_it_says_what_to_install(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "radnode_kit.foreign.install", None)
    done = import_(source, *SAID)
    assert isinstance(done.exception, PluginError)
    assert "radnode[train]" in done.exception.hint


def test_the_help_promises_that_nothing_is_unpickled() -> None:
    done = radnode("models", "import", "--help")
    assert done.exit_code == 0
    assert "never" in done.output
    assert "unpickled" in done.output
    assert "--trust-code" in done.output


def test_a_refusal_is_one_message_and_a_status_for_scripts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "node", "models", "import", str(tmp_path / "nothing.tar"), "--as", "chexnet"]
    command += ["--name", "x", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == os.EX_DATAERR
    assert done.stderr.startswith("radnode: there is no file [")
    assert "Traceback" not in done.stderr


def test_the_commands_module_loads_nothing_heavy() -> None:
    code = "import sys, node.cli.models; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "onnx", "monai", "numpy", "onnxruntime"} & set(done.stdout.split())
