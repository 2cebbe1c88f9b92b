"""The classifier of an imported model: what it answers, what it refuses, and what it never does."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from node.errors import PluginError
from node.plugin import ImageSet, Prediction
from radnode_kit.bundle import METADATA, SAFETENSORS
from radnode_kit.foreign.classifier import ForeignClassifier
from radnode_kit.foreign.export import write_onnx
from radnode_kit.foreign.install import import_model
from radnode_kit.foreign.model import Input, Wish
from tests.plugins.builders import image_set, pattern
from tests.plugins.foreign.strangers import Deep, Pooled

ENTRY = Input(32, 3, (0.0,) * 3, (1.0,) * 3)
SHAPES = {
    "film": pattern(200, 180),
    "tiny": pattern(7, 5),
    "wide": pattern(20, 900),
    "tall": pattern(900, 20),
    "colour": np.stack([pattern(64, 48, seed) for seed in range(3)], axis=2),
}


def made(folder: Path, network: Pooled, **wish: object) -> Path:
    """A plugin's folder of a small network for two labels."""
    path = folder / "model.onnx"
    write_onnx(network, ENTRY, path, ("logits",))
    said = Wish("theirs", labels=("pneumonia", "effusion"), modality=("DX",), activation="sigmoid")
    import_model("onnx", path, replace(said, **wish), folder / "package")  # type: ignore[arg-type]  # of a test
    return folder / "package" / "radnode_theirs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("small"), Pooled())


@pytest.fixture
def small(folder: Path) -> ForeignClassifier:
    classifier = ForeignClassifier(folder)
    classifier.load("cpu")
    return classifier


def answered(classifier: ForeignClassifier, images: ImageSet) -> Prediction:
    return classifier.classify([images])[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_answered_with_maps_over_the_whole_image(small: ForeignClassifier, shape: str) -> None:
    pixels = SHAPES[shape]
    answer = answered(small, image_set(pixels))
    assert [finding.name for finding in answer.findings] == ["pneumonia", "effusion"]
    for evidence in answer.maps:
        assert evidence.extent == (0.0, 0.0, float(pixels.shape[0]), float(pixels.shape[1]))
        assert abs(evidence.residual) < 1e-4


def test_a_letterboxed_model_has_maps_that_reach_beyond_the_image(tmp_path: Path) -> None:
    classifier = ForeignClassifier(made(tmp_path, Pooled(), fit="letterbox"))
    classifier.load("cpu")
    top, left, bottom, right = answered(classifier, image_set(pattern(100, 50))).maps[0].extent
    assert (top, bottom) == (0.0, 100.0)
    assert left < 0.0 < 50.0 < right


def test_each_finding_is_told_where_it_is_highest(small: ForeignClassifier) -> None:
    films = [pattern(64, 64, seed) for seed in range(4)]
    together = answered(small, image_set(*films))
    alone = [answered(small, image_set(film)) for film in films]
    for column, finding in enumerate(together.findings):
        best = max(range(4), key=lambda index: alone[index].findings[column].probability)
        assert finding.key_sop_instance_uid == f"1.2.3.{best + 1}"
        assert finding.probability == pytest.approx(alone[best].findings[column].probability, abs=1e-5)
    assert len(together.maps) == 8


def test_an_answer_does_not_depend_on_what_else_is_in_the_batch(small: ForeignClassifier) -> None:
    sets = [image_set(*(pattern(64, 64, seed) for seed in range(count))) for count in (1, 3)]
    for alone, together in zip((answered(small, each) for each in sets), small.classify(sets), strict=True):
        assert [f.probability for f in alone.findings] == pytest.approx([f.probability for f in together.findings])


def test_the_embedding_is_that_of_the_images(small: ForeignClassifier) -> None:
    first, second = (answered(small, image_set(pattern(64, 64, seed))).embedding for seed in (1, 2))
    both = answered(small, image_set(pattern(64, 64, 1), pattern(64, 64, 2))).embedding
    assert first is not None
    assert second is not None
    assert both == pytest.approx((first + second) / 2, abs=1e-5)


def test_images_without_structure_are_refused_and_others_beside_them_are_not(small: ForeignClassifier) -> None:
    blank = np.full((64, 64), 0.5, dtype=np.float32)
    assert "no structure" in answered(small, image_set(blank)).abstained
    mixed = answered(small, image_set(blank, pattern(64, 64)))
    assert {evidence.sop_instance_uid for evidence in mixed.maps} == {"1.2.3.2"}


def test_no_images_are_no_error(small: ForeignClassifier) -> None:
    empty = ImageSet((), "1.2.3", "DX")
    assert small.classify([]) == []
    assert "no image" in answered(small, empty).abstained
    one, two = small.classify([empty, image_set(pattern(64, 64))])
    assert one.abstained
    assert two.findings


def test_pixels_that_are_no_numbers_get_an_answer(small: ForeignClassifier) -> None:
    broken = pattern(64, 64).copy()
    broken[:8], broken[8:16] = np.nan, np.inf
    assert all(np.isfinite(finding.probability) for finding in answered(small, image_set(broken)).findings)


def test_a_model_without_maps_gives_none(tmp_path: Path) -> None:
    classifier = ForeignClassifier(made(tmp_path, Deep()))
    classifier.load("cpu")
    assert answered(classifier, image_set(pattern(64, 64))).maps == ()


def test_a_graph_alone_runs_on_the_cpu_where_others_have_a_gpu(folder: Path) -> None:
    classifier = ForeignClassifier(folder)
    assert not (folder / SAFETENSORS).exists()
    classifier.load("cuda:0")
    assert answered(classifier, image_set(pattern(64, 64))).findings


def test_changed_files_are_refused(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = copy / METADATA
    path.write_text(path.read_text() + " ")
    with pytest.raises(PluginError, match="not the one that the manifest names"):
        ForeignClassifier(copy).load("cpu")


def test_a_finding_that_the_network_does_not_have_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    path = copy / "manifest.toml"
    path.write_text(path.read_text().replace('name = "effusion"', 'name = "gout"'))
    with pytest.raises(PluginError, match="no label 'gout'"):
        ForeignClassifier(copy)


def test_classify_before_load_and_devices_that_are_not_there_are_refused(folder: Path) -> None:
    classifier = ForeignClassifier(folder)
    with pytest.raises(PluginError, match="not loaded"):
        classifier.classify([image_set(pattern(64, 64))])
    with pytest.raises(PluginError, match="no device"):
        classifier.load("abacus")
