"""TorchXRayVision: 18 labels, their operating thresholds, and a film in -1024..1024."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from node.errors import PluginError
from node.manifest import read_manifest
from radnode_kit.bundle import read_bundle
from radnode_kit.chest_codes import XRV_LABELS
from radnode_kit.foreign import xrayvision as reader
from radnode_kit.foreign.install import import_model
from radnode_kit.foreign.model import Wish
from tests.plugins.foreign.strangers import chexnet_file, densenet_state, xrv_file

THRESHOLDS = torch.linspace(0.01, 0.35, 18)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a model that was never trained for Emphysema (no threshold) and Fracture (no label)."""
    folder = tmp_path_factory.mktemp("xrv")
    thresholds = THRESHOLDS.clone()
    thresholds[XRV_LABELS.index("Emphysema")] = math.nan
    labels = [label if label != "Fracture" else "" for label in XRV_LABELS]
    path = xrv_file(folder, thresholds, labels)
    import_model("torchxrayvision", path, Wish("xrv-all"), folder / "package")
    return folder / "package" / "radnode_xrv_all"


def test_outputs_that_were_never_trained_are_not_assessed(package: Path) -> None:
    names = [spec.name for spec in read_manifest(package / "manifest.toml").findings]
    assert len(names) == 16
    assert not {"emphysema", "fracture"} & set(names)
    assert len(read_bundle(package).labels) == 18


def test_the_published_thresholds_are_the_operating_points(package: Path) -> None:
    manifest = read_manifest(package / "manifest.toml")
    for label in ("Consolidation", "Enlarged Cardiomediastinum"):
        name = label.lower().replace(" ", "_")
        point = manifest.finding(name).operating_point
        assert point.threshold == pytest.approx(float(THRESHOLDS[XRV_LABELS.index(label)]))
        assert (point.sensitivity.low, point.sensitivity.high) == (0.0, 1.0)
        assert "not measured" in point.source
        assert "operating threshold in the file" in point.source


def test_a_film_is_given_in_the_range_of_the_library(package: Path) -> None:
    shades = np.array([0.0, 0.5, 1.0], dtype=np.float32).reshape(1, 1, 3)
    assert read_bundle(package).normalised(shades).flatten().tolist() == pytest.approx([-1024, 0, 1024])


def test_the_card_tells_how_the_file_was_made_and_what_is_left_out(package: Path) -> None:
    card = (package / "MODEL_CARD.md").read_text()
    assert "xrv.models.DenseNet" in card
    assert "op_norm" in card
    assert "| 6 | Emphysema | 87433001 SCT | not assessed |" in card


@pytest.mark.parametrize("threshold", [0.01, 0.2, 0.7])
def test_above_the_threshold_is_above_one_half_of_the_librarys_score(threshold: float) -> None:
    """The published mapping, p / 2t below t and 1 - (1 - p) / 2(1 - t) above, crosses one half where p crosses t."""
    for p in np.linspace(0.0, 1.0, 101):
        score = p / (2 * threshold) if p < threshold else 1 - (1 - p) / (2 * (1 - threshold))
        assert (score >= 0.5) == (p >= threshold)


def test_without_thresholds_every_trained_label_is_present_from_one_half(tmp_path: Path) -> None:
    model = reader.read(xrv_file(tmp_path), Wish("x"))
    assert [label.threshold for label in model.labels] == [0.5] * 18
    assert [label.finding.name for label in model.labels][:2] == ["atelectasis", "consolidation"]


def test_a_label_without_words_is_not_assessed_without_thresholds_either(tmp_path: Path) -> None:
    model = reader.read(xrv_file(tmp_path, labels=["", *XRV_LABELS[1:]]), Wish("x"))
    assert len(model.claims) == 17


@pytest.mark.parametrize("text", ["{", '{"a": 1}', "[1, 2]"])
def test_labels_that_are_no_list_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "xrv.safetensors"
    save_file(densenet_state(classes=18, channels=1), path, metadata={"labels": text})
    with pytest.raises(PluginError, match="labels in the file's metadata"):
        reader.read(path, Wish("x"))


def test_too_few_thresholds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="17 thresholds for 18 outputs"):
        reader.read(xrv_file(tmp_path, THRESHOLDS[:17].clone()), Wish("x"))


def test_the_librarys_own_pickles_are_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="pickles of a whole program") as caught:
        reader.read(chexnet_file(tmp_path), Wish("x"))
    assert "convert" in caught.value.hint


def test_the_snippet_writes_what_is_read_here() -> None:
    compile(reader.HOW_TO_CONVERT, "snippet", "exec")
    assert reader.THRESHOLDS in reader.HOW_TO_CONVERT
    assert 'metadata={"labels": json.dumps(' in reader.HOW_TO_CONVERT
