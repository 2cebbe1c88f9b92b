from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from node.errors import PluginError
from radnode_kit.bundle import INFERENCE, METADATA, read_bundle, write_calibration
from radnode_kit.calibration import Calibration
from radnode_kit.commands import folder_of
from radnode_kit.letterbox import canvas
from tests.plugins.builders import pattern

NAMES = ["chest-radiograph", "brain-tumour-mr"]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(folder_of("brain-tumour-mr") / "bundle" / "configs", tmp_path / "bundle" / "configs")
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_metadata_has_the_keys_that_monai_asks_for(name: str) -> None:
    metadata = json.loads((folder_of(name) / METADATA).read_text())
    needed = {"version", "changelog", "monai_version", "pytorch_version", "numpy_version", "task", "description"}
    assert needed | {"authors", "copyright", "network_data_format", "intended_use"} <= set(metadata)


@pytest.mark.parametrize("name", NAMES)
def test_the_resize_in_the_configuration_is_the_input_size(name: str) -> None:
    folder = folder_of(name)
    transforms = json.loads((folder / INFERENCE).read_text())["preprocessing"]["transforms"]
    sizes = {t["_target_"]: t["spatial_size"] for t in transforms if "spatial_size" in t}
    size = read_bundle(folder).size
    assert sizes == {"Resized": size, "SpatialPadd": [size, size]}


def test_labels_come_in_the_order_of_the_channels(copied: Path) -> None:
    assert read_bundle(copied).labels == ("glioma", "meningioma", "pituitary", "notumor")


def test_calibration_is_written_and_read_back(copied: Path) -> None:
    write_calibration(copied, Calibration("temperature", [0.7]))
    assert list(read_bundle(copied).calibration.slope) == [0.7]


def test_a_missing_key_is_named(copied: Path) -> None:
    (copied / INFERENCE).write_text('{"preprocessing": {"transforms": []}}')
    with pytest.raises(PluginError, match="NormalizeIntensityd"):
        read_bundle(copied)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_file_is_refused(copied: Path, text: str) -> None:
    (copied / METADATA).write_text(text)
    with pytest.raises(PluginError, match="cannot be read"):
        read_bundle(copied)


def test_an_unknown_plugin_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(PluginError, match="brain-tumour-mr"):
        folder_of("teeth")


@pytest.mark.slow  # imports most of monai
@pytest.mark.filterwarnings("ignore::UserWarning")  # of readers that monai tries and that are not installed
@pytest.mark.parametrize("name", NAMES)
def test_monai_reads_the_bundle_and_prepares_what_the_classifier_prepares(name: str, tmp_path: Path) -> None:
    from monai.bundle import ConfigParser

    folder, pixels = folder_of(name), pattern(240, 160)
    path = tmp_path / "image.png"
    Pillow.fromarray((pixels * 255).astype(np.uint8)).save(path)
    parser = ConfigParser()
    parser.read_config(folder / INFERENCE)
    parser["bundle_root"] = str(folder / "bundle")
    theirs = np.asarray(parser.get_parsed_content("preprocessing")({"image": str(path)})["image"])[0]
    bundle = read_bundle(folder)
    ours = bundle.normalised(canvas(pixels, bundle.size)[0])[0]
    assert theirs.shape == ours.shape
    assert np.abs(theirs - ours).mean() < 0.03
    network = parser.get_parsed_content("network_def")
    network.load_state_dict({key: value.float() for key, value in parser.get_parsed_content("weights").items()})


def test_the_network_sees_what_the_configuration_smooths(copied: Path) -> None:
    plain = read_bundle(copied)
    assert plain.smooth == 0.0
    inference = json.loads((copied / INFERENCE).read_text())
    step = {"_target_": "GaussianSmoothd", "keys": "image", "sigma": 1.5, "approx": "sampled"}
    inference["preprocessing"]["transforms"].insert(-1, step)
    (copied / INFERENCE).write_text(json.dumps(inference))
    smooth = read_bundle(copied)
    point = np.zeros((1, 33, 33), np.float32)
    point[0, 16, 16] = 1.0
    transforms = pytest.importorskip("monai.transforms")
    expected = transforms.GaussianSmooth(1.5, approx="sampled")(point)
    assert smooth.normalised(point) == pytest.approx(plain.normalised(np.asarray(expected)), abs=1e-4)
