"""The code of a bundle runs once, where it reaches nothing; what comes back is numbers and weight files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.errors import PluginError
from node.worker import stranger
from radnode_kit.bundle import ONNX
from radnode_kit.foreign import monai_bundle
from radnode_kit.foreign.model import Input, Wish
from tests.plugins.foreign.test_monai_bundle import DENSENET, RESNET, bundle

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of readers that monai tries and that are not installed

WISH = Wish("theirs", trust_code=True)
SAID: dict[str, Any] = {
    "input": {"size": 32, "channels": 3, "mean": [0, 0, 0], "deviation": [1, 1, 1], "fit": "squash"},
    "outputs": 2,
    "softmax": True,
    "exact": True,
    "own": None,
}


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("definition", [RESNET, DENSENET], ids=["by its graph", "our own"])
def test_what_comes_back_is_what_the_code_builds_here(
    tmp_path: Path, scratch: Path, definition: dict[str, Any]
) -> None:
    folder = bundle(tmp_path / "bundle", definition)
    here, there = monai_bundle.built(folder, WISH), stranger.built(scratch, folder, WISH)
    assert there[0] == here[0]
    facts = [(one.outputs, one.softmax, one.exact, one.own, one.definition, one.notes) for _, one in (here, there)]
    assert facts[0] == facts[1]
    there[1].save(tmp_path / "saved")
    assert (tmp_path / "saved" / ONNX).is_file()


@pytest.mark.parametrize(
    "code",
    [
        "open('{marker}', 'w')",
        "__import__('os').system('touch {marker}') or __import__('pathlib').Path('{marker}').read_text()",
        "__import__('socket').create_connection(('127.0.0.1', 9))",
        "open('{secret}').read()",
    ],
)
def test_code_that_reaches_beyond_its_bundle_is_refused_and_has_reached_nothing(
    tmp_path: Path, scratch: Path, code: str
) -> None:
    marker, secret = tmp_path / "marker", tmp_path / "secret"
    secret.write_text("x")
    folder = bundle(tmp_path / "bundle")
    configuration = folder / "configs" / "inference.json"
    text = code.format(marker=marker, secret=secret)
    configuration.write_text(f'{{"network_def": "${text}"}}', encoding="utf-8")
    with pytest.raises(PluginError, match=r"cannot be built|not a torch network") as caught:
        stranger.built(scratch, folder, WISH)
    assert str(secret) not in str(caught.value)
    assert not marker.exists()


def test_code_that_ends_the_process_is_told(tmp_path: Path, scratch: Path) -> None:
    folder = bundle(tmp_path / "bundle")
    (folder / "configs" / "inference.json").write_text('{"network_def": "$__import__(\'os\')._exit(3)"}')
    with pytest.raises(PluginError, match="did not build its network: the worker process ended"):
        stranger.built(scratch, folder, WISH)


def test_numbers_are_taken_and_nothing_else(tmp_path: Path) -> None:
    entry, network = stranger._network(SAID | {"own": ["2", 3], "more": "x"}, tmp_path)
    assert entry == Input(32, 3, (0.0,) * 3, (1.0,) * 3)
    assert network.own == (2, 3)
    for wrong in ({"outputs": "many"}, {"own": [1]}, {"own": 7}, {"input": {}}, {"input": SAID["input"] | {"mean": 7}}):
        with pytest.raises((KeyError, TypeError, ValueError, IndexError)):
            stranger._network(SAID | wrong, tmp_path)


@pytest.mark.parametrize("at", [ONNX, "bundle/models", "bundle"])
def test_a_link_in_place_of_weights_is_not_followed(tmp_path: Path, at: str) -> None:
    secret, package = tmp_path / "secret", tmp_path / "package"
    (secret / "models").mkdir(parents=True)
    (secret / "models" / "model.onnx").write_text("x")
    (secret / "model.onnx").write_text("x")
    (package / at).parent.mkdir(parents=True)
    target = secret / "model.onnx" if at == ONNX else secret / "models" if at == "bundle/models" else secret
    (package / at).symlink_to(target)
    with pytest.raises(PluginError, match="left a link"):
        stranger._copy(package, tmp_path / "target")
    assert not (tmp_path / "target").exists()
