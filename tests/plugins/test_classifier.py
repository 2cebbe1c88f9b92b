"""The shared classifier over a network that answers what the test wrote on the images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from node.plugin import Array, Prediction
from radnode_kit.classifier import MAX_MAPPED_SLICES, BundleClassifier
from radnode_kit.commands import folder_of
from radnode_kit.engine import Outputs
from radnode_kit.gate import Gate, Gates
from radnode_kit.prototypes import Prototypes
from tests.plugins.builders import image_set, pattern

STRANGE = 0.9


class BrightnessEngine:
    """Says tumour where the first pixel is bright, and has a strange embedding where the last one is."""

    def __init__(self, classes: int):
        self.bias: Array = np.zeros(classes, dtype=np.float32)

    def __call__(self, images: Array) -> Outputs:
        maps = np.zeros((len(images), len(self.bias), 2, 2), dtype=np.float32)
        maps[:, 0, 0, 0] = images[:, 0, 0, 0] * 10.0
        embedding = np.stack([images[:, 0, -1, -1], np.zeros(len(images))], axis=1).astype(np.float32)
        return Outputs(maps.sum(axis=(2, 3)), maps, embedding, embedding)


def slice_of(tumour: float, strange: float = 0.0) -> Array:
    """An image whose first quarter says tumour and whose last quarter says strange, each in 0..1."""
    pixels = pattern(64, 64).copy()
    pixels[:16, :16], pixels[-16:, -16:] = tumour, strange
    return pixels


@pytest.fixture(params=["chest-radiograph", "brain-tumour-mr"])
def classifier(request: pytest.FixtureRequest) -> BundleClassifier:
    return fake(request.param)


def fake(name: str) -> BundleClassifier:
    made = BundleClassifier(folder_of(name))
    made._engine = BrightnessEngine(len(made.bundle.labels))
    centre, direction = np.zeros((1, 2), np.float32), np.array([[1.0, 0.0]], np.float32)
    made._gates = Gates({"embedding": Gate(centre, direction, direction, rest=1.0)})
    made.bundle = replace(made.bundle, mean=(0.0,), deviation=(STRANGE,), smooth=0.0)
    made._prototypes = None
    return made


def ask(classifier: BundleClassifier, *slices: Array) -> Prediction:
    return classifier.classify([image_set(*slices)])[0]


def test_the_brightest_image_is_the_key_image(classifier: BundleClassifier) -> None:
    answer = ask(classifier, slice_of(0.1), slice_of(0.8), slice_of(0.2))
    assert answer.findings[0].key_sop_instance_uid == "1.2.3.2"


def test_images_that_look_strange_take_no_part(classifier: BundleClassifier) -> None:
    answer = ask(classifier, slice_of(0.1), slice_of(0.2), slice_of(1.0, strange=1.0))
    assert answer.findings[0].key_sop_instance_uid == "1.2.3.2"
    assert "1.2.3.3" not in {evidence.sop_instance_uid for evidence in answer.maps}


def test_nothing_but_strange_images_is_refused_in_plain_words(classifier: BundleClassifier) -> None:
    answer = ask(classifier, slice_of(1.0, strange=1.0), slice_of(1.0, strange=1.0))
    assert answer.findings == ()
    assert "2 of 2 images are refused" in answer.abstained
    assert "looks unlike" in answer.abstained
    assert answer.embedding is not None


def test_images_without_structure_are_refused(classifier: BundleClassifier) -> None:
    assert "no structure" in ask(classifier, np.zeros((64, 64), np.float32)).abstained


def test_empty_slices_at_the_ends_do_not_count(classifier: BundleClassifier) -> None:
    empty = np.zeros((64, 64), np.float32)
    answer = ask(classifier, empty, empty, empty, slice_of(0.3), empty)
    assert answer.findings[0].key_sop_instance_uid == "1.2.3.4"


def test_a_series_of_mostly_strange_slices_is_refused() -> None:
    answer = ask(fake("brain-tumour-mr"), slice_of(0.5), slice_of(0.5, 1.0), slice_of(0.5, 1.0))
    assert "2 of 3 images are refused" in answer.abstained


def test_one_known_film_is_enough_for_an_answer() -> None:
    answer = ask(fake("chest-radiograph"), slice_of(0.5), slice_of(0.5, 1.0), slice_of(0.5, 1.0))
    assert answer.findings


def test_a_label_that_is_not_claimed_is_neither_answered_nor_mapped() -> None:
    classifier = fake("chest-radiograph")
    assert "infiltration" in classifier.bundle.labels
    answer = ask(classifier, slice_of(0.9))
    assert [finding.name for finding in answer.findings] == ["pneumonia"]
    assert [evidence.finding for evidence in answer.maps] == ["pneumonia"]


def test_a_lesion_in_neighbouring_slices_raises_the_series() -> None:
    classifier = fake("brain-tumour-mr")
    healthy = ask(classifier, *[slice_of(0.0)] * 30).findings[0].probability
    lesion = [slice_of(1.0 if 10 <= n < 14 else 0.0) for n in range(30)]
    assert ask(classifier, *lesion).findings[0].probability > healthy + 0.3


def test_maps_of_a_long_series_are_limited_and_hold_the_key_slices() -> None:
    answer = ask(fake("brain-tumour-mr"), *[slice_of(n / 60) for n in range(60)])
    mapped = {evidence.sop_instance_uid for evidence in answer.maps}
    assert len(mapped) == MAX_MAPPED_SLICES
    assert {finding.key_sop_instance_uid for finding in answer.findings} <= mapped


def test_slices_that_agree_are_counted() -> None:
    lesion = [slice_of(1.0 if 10 <= n < 14 else 0.0) for n in range(30)]
    assert ask(fake("brain-tumour-mr"), *lesion).findings[0].agreement == (4, 30)


def test_a_single_image_agrees_with_nothing() -> None:
    assert ask(fake("brain-tumour-mr"), slice_of(1.0)).findings[0].agreement is None


def test_the_nearest_training_cases_of_the_key_image_are_named() -> None:
    classifier = fake("brain-tumour-mr")
    labels = [(frozenset({name}), frozenset({"glioma", "meningioma", "pituitary"})) for name in ("glioma", "pituitary")]
    space = np.eye(2, dtype=np.float32)
    classifier._prototypes = Prototypes(np.array([0.5, 0.0], np.float32), space, -space, ["a/1", "a/2"], labels)
    named = [n for n in ask(classifier, slice_of(0.9)).neighbours if n.finding == "glioma"]
    assert [(n.case, n.present) for n in named] == [("a/1", True), ("a/2", False)]
    assert named[0].similarity == pytest.approx(1.0)


def test_only_claimed_findings_are_answered() -> None:
    answer = ask(fake("brain-tumour-mr"), slice_of(0.5))
    assert [finding.name for finding in answer.findings] == ["glioma", "meningioma", "pituitary"]
    assert "notumor" not in {evidence.finding for evidence in answer.maps}


def test_answers_go_to_the_series_they_belong_to(classifier: BundleClassifier) -> None:
    low, high = image_set(slice_of(0.1), slice_of(0.2)), image_set(slice_of(0.9))
    first, second = classifier.classify([low, high])
    assert first.findings[0].probability < second.findings[0].probability
