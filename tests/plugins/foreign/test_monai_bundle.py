"""MONAI bundles: code that runs only when it is allowed, probabilities before any decision, and exact maps if any."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from node.errors import PluginError
from radnode_kit.bundle import SAFETENSORS, read_bundle
from radnode_kit.foreign import monai_bundle as reader
from radnode_kit.foreign.classifier import ForeignClassifier
from radnode_kit.foreign.install import import_model
from radnode_kit.foreign.model import Wish
from tests.plugins.builders import image_set, pattern

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of readers that monai tries and that are not installed

UNIT = {"b_min": 0, "b_max": 1}
WISH = Wish("theirs", trust_code=True)
RESNET = {
    "_target_": "ResNet",
    "block": "basic",
    "layers": [1, 1, 1, 1],
    "block_inplanes": [8, 8, 16, 16],
    "spatial_dims": 2,
    "n_input_channels": 3,
    "num_classes": 2,
}
DENSENET = {"_target_": "DenseNet121", "spatial_dims": 2, "in_channels": 3, "out_channels": 2}

OWN = """\
from torch import nn

class Own(nn.Conv2d):
    def __init__(self):
        super().__init__(3, 2, 32)

    def forward(self, x):
        return super().forward(x).flatten(1)
"""


@pytest.fixture(autouse=True)
def clean_imports(clean_path: None) -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "scripts"]:
        del sys.modules[name]


def build(definition: dict[str, Any]) -> nn.Module:
    from monai.bundle import ConfigParser

    torch.manual_seed(4)
    network: nn.Module = ConfigParser(definition).get_parsed_content("")
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
    return network.eval()


def bundle(folder: Path, definition: dict[str, Any] = RESNET, network: nn.Module | None = None) -> Path:
    """A bundle as MONAI's model zoo has them, with a step for files, and a decision at its end."""
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    network = network or build(definition)
    torch.save(network.state_dict(), folder / "models" / "model.pt")
    inference = {
        "imports": ["$import glob"],
        "bundle_root": "/nowhere",
        "image_key": "image",
        "side": [32, 32],
        "datalist": "$list(glob.glob('/data/*.jpg'))",
        "network_def": definition,
        "network": "$@network_def.to('cpu')",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "@image_key", "reader": "$@no_such_reader"},
                {"_target_": "EnsureChannelFirstd", "keys": "@image_key"},
                {"_target_": "ScaleIntensityRanged", "keys": "@image_key", "a_min": 0, "a_max": "$250 + 5", **UNIT},
                {"_target_": "Resized", "keys": "@image_key", "spatial_size": "@side"},
            ],
        },
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "Activationsd", "keys": "pred", "softmax": True},
                {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
                {"_target_": "SaveClassificationd", "keys": "pred", "saver": "$@no_such_saver"},
            ],
        },
    }
    metadata = {
        "name": "In body or not",
        "version": "0.4.1",
        "description": "tells pictures inside the body from others",
        "network_data_format": {
            "inputs": {
                "image": {"num_channels": 3, "spatial_shape": [32, 32], "value_range": [0, 1], "modality": "ES"}
            },
            "outputs": {"pred": {"format": "classes", "num_channels": 2, "channel_def": {"0": "normal", "1": "polyp"}}},
        },
    }
    (folder / "configs" / "inference.json").write_text(json.dumps(inference))
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata))
    return folder


def change(folder: Path, name: str, *keys: str, value: Any) -> None:
    """Set one value of a configuration; a value of None takes the key out."""
    path = folder / "configs" / f"{name}.json"
    whole = table = json.loads(path.read_text())
    for key in keys[:-1]:
        table = table[key]
    if value is None:
        del table[keys[-1]]
    else:
        table[keys[-1]] = value
    path.write_text(json.dumps(whole))


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle and the plugin made of it, beside each other."""
    folder = tmp_path_factory.mktemp("resnet")
    import_model("monai", bundle(folder / "bundle"), WISH, folder / "package")
    return folder


@pytest.fixture(scope="module")
def classifier(resnet: Path) -> ForeignClassifier:
    found = ForeignClassifier(resnet / "package" / "radnode_theirs")
    found.load("cpu")
    return found


def test_the_class_that_says_nothing_was_found_is_not_reported(classifier: ForeignClassifier) -> None:
    assert [spec.name for spec in classifier.manifest.findings] == ["polyp"]
    assert classifier.bundle.labels == ("normal", "polyp")
    assert classifier.manifest.mutually_exclusive


def test_probabilities_are_those_before_the_decision(classifier: ForeignClassifier) -> None:
    pixels = pattern(32, 32)
    with torch.inference_mode():
        logits = build(RESNET)(torch.from_numpy(pixels).expand(1, 3, 32, 32))[0]
    (answer,) = classifier.classify([image_set(pixels)])
    assert answer.findings[0].probability == pytest.approx(float(torch.softmax(logits, 0)[1]), abs=1e-5)
    assert 0.0 < answer.findings[0].probability < 1.0


def test_a_network_that_pools_and_ends_linear_has_exact_maps(classifier: ForeignClassifier) -> None:
    (answer,) = classifier.classify([image_set(pattern(40, 60))])
    (evidence,) = answer.maps
    assert evidence.grid.size > 1
    assert abs(evidence.residual) < 1e-4


def test_the_plugin_needs_none_of_the_bundles_code(resnet: Path) -> None:
    folder = resnet / "package" / "radnode_theirs"
    texts = [path.read_text() for path in folder.rglob("*") if path.suffix in (".py", ".json", ".toml")]
    assert not any("monai.networks" in text or "ResNet" in text for text in texts)
    assert not (folder / SAFETENSORS).exists()


def test_every_file_of_the_bundle_is_pinned(resnet: Path) -> None:
    source = json.loads((resnet / "package" / "radnode_theirs" / "bundle" / "source.json").read_text())
    files = {path.relative_to(resnet / "bundle").as_posix(): path for path in (resnet / "bundle").rglob("*.*")}
    assert set(source["sha256"]) == set(files)
    assert all(sha256(files[name].read_bytes()).hexdigest() == digest for name, digest in source["sha256"].items())


def test_a_densenet_of_monai_becomes_our_own(tmp_path: Path) -> None:
    import_model("monai", bundle(tmp_path / "bundle", DENSENET), WISH, tmp_path / "package")
    folder = tmp_path / "package" / "radnode_theirs"
    assert read_bundle(folder).network["_target_"] == "radnode_kit.foreign.densenet.DenseNet121"
    assert (folder / SAFETENSORS).is_file()
    classifier = ForeignClassifier(folder)
    classifier.load("cpu")
    pixels = pattern(32, 32)
    with torch.inference_mode():
        logits = build(DENSENET)(torch.from_numpy(pixels).expand(1, 3, 32, 32))[0]
    (answer,) = classifier.classify([image_set(pixels)])
    assert answer.findings[0].logit == pytest.approx(float(logits[1]), abs=1e-4)


@pytest.mark.slow
def test_the_same_names_with_another_activation_are_not_mistaken_for_it(tmp_path: Path) -> None:
    changed = DENSENET | {"act": ["ELU", {"inplace": True}]}
    model = reader.read(bundle(tmp_path / "bundle", changed), replace(WISH, size=64))
    assert model.network["_target_"] == "onnxruntime.InferenceSession"
    assert model.exact


def test_a_map_of_a_single_place_is_no_map(tmp_path: Path) -> None:
    assert not reader.read(bundle(tmp_path / "bundle", RESNET | {"conv1_t_stride": 2}), WISH).exact


def test_without_permission_nothing_of_it_runs(tmp_path: Path) -> None:
    folder, proof = bundle(tmp_path / "bundle"), tmp_path / "proof"
    change(folder, "inference", "network_def", value=f"$open({str(proof)!r}, 'w')")
    with pytest.raises(PluginError, match="a MONAI bundle is code") as caught:
        reader.read(folder, replace(WISH, trust_code=False))
    assert not proof.exists()
    assert reader.origin_of(folder).digest in caught.value.hint
    with pytest.raises(PluginError, match="not a torch network"):
        reader.read(folder, WISH)
    assert proof.exists()


def test_permission_is_for_the_files_that_were_read_before(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle")
    pinned = reader.origin_of(folder).digest
    reader.read(folder, WISH, pinned)
    (folder / "scripts").mkdir()
    (folder / "scripts" / "__init__.py").write_text("")
    with pytest.raises(PluginError, match=f"demanded was {pinned}"):
        reader.read(folder, WISH, pinned)


def test_scripts_of_the_bundle_can_be_used_and_leave_no_trace(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle", {"_target_": "scripts.own.Own"}, nn.Conv2d(3, 2, 32))
    (folder / "scripts").mkdir()
    (folder / "scripts" / "__init__.py").write_text("")
    (folder / "scripts" / "own.py").write_text(OWN)
    before, path = reader.origin_of(folder), list(sys.path)
    model = reader.read(folder, WISH)
    assert reader.origin_of(folder) == before
    assert sys.path == path
    assert not model.exact
    assert any("no evidence map" in note for note in model.notes)


def test_weights_as_safetensors_are_taken_first(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle")
    save_file({k: v.contiguous() for k, v in build(RESNET).state_dict().items()}, folder / "models/model.safetensors")
    (folder / "models" / "model.pt").write_bytes(b"not even looked at")
    assert reader.read(folder, WISH).exact


@pytest.mark.parametrize(
    ("name", "keys", "value", "match"),
    [
        ("metadata", ("network_data_format", "outputs", "pred", "format"), "segmentation", "answers 'segmentation'"),
        ("metadata", ("network_data_format", "inputs", "image", "num_channels"), 4, "no plane image"),
        ("metadata", ("network_data_format", "inputs", "image", "spatial_shape"), [8, 8, 8], "no plane image"),
        ("metadata", ("network_data_format", "outputs"), None, "lacks 'outputs'"),
        ("metadata", ("network_data_format", "outputs", "pred", "channel_def"), {"1": "a"}, "not name its outputs"),
        ("metadata", ("network_data_format", "inputs", "image", "modality"), "Endoscopy", "--modality"),
        ("inference", ("postprocessing", "transforms"), [], "--activation"),
        ("inference", ("network_def", "num_classes"), 3, "weights do not fit"),
        ("inference", ("network_def",), {"_target_": "NoSuchNetwork"}, "cannot be built"),
        ("inference", ("side",), "$1 / 0", "preprocessing#transforms#3 cannot be resolved"),
    ],
)
def test_what_is_wrong_with_a_bundle_is_named(
    tmp_path: Path, name: str, keys: tuple[str, ...], value: Any, match: str
) -> None:
    folder = bundle(tmp_path / "bundle")
    change(folder, name, *keys, value=value)
    with pytest.raises(PluginError) as caught:
        reader.read(folder, WISH)
    assert match in str(caught.value)


def test_a_decision_before_any_activation_leaves_no_probability(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle")
    steps = [{"_target_": "AsDiscreted", "keys": "pred", "argmax": True}, {"_target_": "Activationsd", "softmax": True}]
    change(folder, "inference", "postprocessing", "transforms", value=steps)
    with pytest.raises(PluginError, match="names no activation"):
        reader.read(folder, WISH)
    assert not reader.read(folder, replace(WISH, activation="sigmoid")).exclusive


@pytest.mark.parametrize("name", ["configs/metadata.json", "configs/inference.json", "models/model.pt"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = bundle(tmp_path / "bundle")
    (folder / name).unlink()
    with pytest.raises(PluginError, match=r"cannot be read|no inference configuration|no weights"):
        reader.read(folder, WISH)


def test_an_empty_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="no bundle"):
        reader.read(tmp_path, WISH)


def test_yaml_without_a_reader_for_it_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bundle(tmp_path / "bundle")
    (folder / "configs" / "inference.json").rename(folder / "configs" / "inference.yaml")
    monkeypatch.setattr(reader, "find_spec", lambda name: None)
    with pytest.raises(PluginError, match="YAML") as caught:
        reader.read(folder, WISH)
    assert "PyYAML" in caught.value.hint
