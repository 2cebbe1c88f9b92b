"""CheXNet's checkpoint: with a user's file in place, 14 findings come out by name and by code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from node.errors import PluginError
from node.manifest import read_manifest
from radnode_kit.bundle import SAFETENSORS, read_bundle
from radnode_kit.engine import open_engine
from radnode_kit.engines.torch import TorchEngine
from radnode_kit.foreign import chexnet as reader
from radnode_kit.foreign.classifier import ForeignClassifier
from radnode_kit.foreign.model import Wish
from tests.plugins.builders import image_set, pattern
from tests.plugins.foreign.strangers import OLD, chexnet_file, densenet_state

FINDINGS = {
    "atelectasis": "46621007",
    "cardiomegaly": "8186001",
    "effusion": "60046008",
    "infiltration": "112121",
    "mass": "4147007",
    "nodule": "27925004",
    "pneumonia": "233604007",
    "pneumothorax": "36118008",
    "consolidation": "95436008",
    "edema": "19242006",
    "emphysema": "87433001",
    "fibrosis": "51615001",
    "pleural_thickening": "PLEURALTHICKENED",
    "hernia": "84089009",
}


def test_fourteen_findings_come_out_by_name_and_code(chexnet: Path) -> None:
    manifest = read_manifest(chexnet / "radnode_my_chexnet" / "manifest.toml")
    assert {spec.name: spec.code.value for spec in manifest.findings} == FINDINGS
    assert all(spec.localises for spec in manifest.findings)


def test_every_film_gets_fourteen_answers_with_maps_that_add_up(classifier: ForeignClassifier) -> None:
    (answer,) = classifier.classify([image_set(pattern(300, 200), modality="DX")])
    assert [finding.name for finding in answer.findings] == list(FINDINGS)
    assert [evidence.finding for evidence in answer.maps] == list(FINDINGS)
    assert max(abs(evidence.residual) for evidence in answer.maps) < 1e-4


def test_the_film_goes_to_all_three_channels_as_imagenet_has_it(chexnet: Path) -> None:
    bundle = read_bundle(chexnet / "radnode_my_chexnet")
    assert (bundle.channels, bundle.size) == (3, 224)
    assert bundle.mean == (0.485, 0.456, 0.406)
    assert bundle.deviation == (0.229, 0.224, 0.225)


def test_the_classifier_computes_what_the_checkpoint_says(chexnet: Path, classifier: ForeignClassifier) -> None:
    """From the film to the probability, beside a plain computation with MONAI's network and numpy's resizing by two."""
    from monai.networks.nets import DenseNet121 as Theirs

    state = {
        name.removeprefix("module.densenet121.")
        .replace("norm.1", "layers.norm1")
        .replace("norm.2", "layers.norm2")
        .replace("conv.1", "layers.conv1")
        .replace("conv.2", "layers.conv2")
        .replace("classifier.0", "class_layers.out"): value
        for name, value in densenet_state("module.densenet121.", "classifier.0", OLD).items()
    }
    network = Theirs(spatial_dims=2, in_channels=3, out_channels=14)
    network.load_state_dict(state, strict=False)
    film = pattern(224, 224, seed=4)
    planes = [(film - mean) / deviation for mean, deviation in zip(reader.MEAN, reader.DEVIATION, strict=True)]
    with torch.inference_mode():
        expected = torch.sigmoid(network.eval()(torch.from_numpy(np.stack(planes))[None].float()))[0].numpy()
    (answer,) = classifier.classify([image_set(film)])
    assert [finding.probability for finding in answer.findings] == pytest.approx(expected.tolist(), abs=1e-4)


def test_torch_and_onnx_agree(chexnet: Path) -> None:
    folder = chexnet / "radnode_my_chexnet"
    images = np.random.default_rng(1).normal(size=(1, 3, 224, 224)).astype(np.float32)
    graph = open_engine(folder, "cpu", 14)
    weights = TorchEngine(folder / SAFETENSORS, read_bundle(folder).network)
    ours, theirs = graph(images), weights(images)
    assert ours.logits == pytest.approx(theirs.logits, abs=1e-3)
    assert ours.maps == pytest.approx(theirs.maps, abs=1e-3)
    assert graph.bias == pytest.approx(weights.bias, abs=1e-4)


def test_other_labels_may_be_given_and_must_be_as_many(tmp_path: Path) -> None:
    path = chexnet_file(tmp_path)
    wish = Wish("x", labels=tuple(f"label {number}" for number in range(14)))
    assert [label.finding.name for label in reader.read(path, wish).labels][:2] == ["label_0", "label_1"]
    with pytest.raises(PluginError, match="14 outputs, there are 2 labels"):
        reader.read(path, Wish("x", labels=("a", "b")))


def test_a_wrong_digest_is_told_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.pth.tar"
    path.write_bytes(b"neither a checkpoint nor the demanded file")
    with pytest.raises(PluginError, match="demanded was abc"):
        reader.read(path, Wish("x"), "abc")


def test_the_notes_say_that_no_operating_point_came_with_it(tmp_path: Path) -> None:
    model = reader.read(chexnet_file(tmp_path), Wish("x"))
    assert any("No operating point" in note for note in model.notes)
    assert all(label.threshold == 0.5 for label in model.labels)
