from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from node.errors import PluginError
from node.plugin import Array, ImageSet
from radnode_kit.commands import folder_of
from radnode_kit.gate import Gates
from radnode_kit.sequence.classifier import (
    MAX_MAPPED_SLICES,
    MAX_SLICES,
    SequenceClassifier,
    read_calibration,
    spread,
    weights_of,
)
from radnode_kit.sequence.engines import SliceOutputs
from tests.plugins.builders import image_set, pattern
from tests.plugins.phantoms import chest_series

BIAS = -1.0


class FakeEngine:
    """Two readers alike: a slice's logit is told by the HU of its heart; the first slice of a chunk scores nothing."""

    score = 0.0

    def __call__(self, hounsfield: Array) -> SliceOutputs:
        count = len(hounsfield)
        maps = np.zeros((count, 2, 32, 32), np.float32)
        maps[:, :, 12, 16] = np.median(hounsfield[:, 0, 108:118, 125:135], axis=(1, 2))[:, None] / 50.0
        logits = maps.sum(axis=(2, 3)) + np.float32(BIAS)
        scores = np.full((count, 2), self.score, np.float32)
        scores[0] = 0.0
        return SliceOutputs(logits, maps, scores, np.ones((count, 2, 3), np.float32), np.zeros((count, 4), np.float32))


class FakeGates:
    """Distances as the test wants them."""

    def __init__(self, *distances: float):
        self._distances = distances

    def distances(self, outputs: dict[str, Array]) -> Array:
        return np.array(self._distances, dtype=np.float32)


def fake(monkeypatch: pytest.MonkeyPatch, score: float = 0.0) -> SequenceClassifier:
    classifier = SequenceClassifier(folder_of("ct-contrast-phase"))
    engine = FakeEngine()
    engine.score = score
    monkeypatch.setattr(classifier, "_engine", engine)
    monkeypatch.setattr(classifier, "_gates", Gates({}))
    monkeypatch.setattr(classifier, "_bias", BIAS)
    monkeypatch.setattr(classifier, "calibration", replace(classifier.calibration, slope=[8.0], intercept=[0.0]))
    point = replace(
        classifier.manifest.findings[0].operating_point, threshold=0.5, undetermined=(0.3, 0.7), error_rate=0.1
    )
    monkeypatch.setattr(classifier, "_spec", replace(classifier.manifest.findings[0], operating_point=point))
    return classifier


@pytest.fixture(scope="module")
def shipped() -> SequenceClassifier:
    classifier = SequenceClassifier(folder_of("ct-contrast-phase"))
    classifier.load("cpu")
    return classifier


def test_the_maps_of_every_slice_add_up_to_the_logit_of_the_series(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = fake(monkeypatch, score=1.0).classify([chest_series(True, False, True)])[0]
    assert len(answer.maps) == 3
    for evidence in answer.maps:
        assert evidence.logit == answer.findings[0].logit
        assert abs(evidence.residual) < 1e-5


def test_the_bias_of_a_map_holds_what_the_other_slices_contributed(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = fake(monkeypatch).classify([chest_series(True, False)])[0]
    sums = [float(evidence.grid.sum()) for evidence in answer.maps]
    assert answer.findings[0].logit == pytest.approx(sum(sums) + BIAS, abs=1e-5)
    assert answer.maps[0].bias == pytest.approx(sums[1] + BIAS, abs=1e-5)


def test_the_key_slice_contributed_most_to_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    enhanced = fake(monkeypatch).classify([chest_series(False, True, False, True, True)])[0].findings[0]
    assert enhanced.probability > 0.5
    assert enhanced.key_sop_instance_uid in ("1.2.3.1", "1.2.3.3", "1.2.3.4")


def test_the_agreement_counts_slices_that_alone_reach_the_operating_point(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = fake(monkeypatch)
    assert classifier.classify([chest_series(True, False, True)])[0].findings[0].agreement == (2, 3)
    assert classifier.classify([chest_series(True)])[0].findings[0].agreement is None


def test_attention_weighs_the_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = chest_series(True, False), chest_series(False, True)
    for series in (first, second):
        alike = fake(monkeypatch).classify([series])[0].findings[0].logit
        drawn = fake(monkeypatch, score=5.0).classify([series])[0].findings[0].logit
        assert (drawn < alike) == (series is first)


def test_weights_sum_to_one_without_overflow() -> None:
    weights = weights_of(np.array([[900.0], [899.0], [-900.0]], np.float32))[:, 0]
    assert weights.sum() == pytest.approx(1.0)
    assert weights[0] / weights[1] == pytest.approx(np.e)


def test_a_long_series_is_read_at_evenly_spaced_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    images = list(chest_series(*[True] * 2).images) * 150
    chosen = spread(images)
    assert len(chosen) == MAX_SLICES
    assert (chosen[0], chosen[-1]) == (images[0], images[-1])
    long = [replace(image, sop_instance_uid=f"1.{n}") for n, image in enumerate(images)]
    answer = fake(monkeypatch).classify([ImageSet(tuple(long), "1", "CT")])[0]
    assert len(answer.maps) == MAX_MAPPED_SLICES
    assert answer.findings[0].agreement == (MAX_SLICES, MAX_SLICES)


@pytest.mark.parametrize(("enhanced", "agent", "words"), [(False, "ISOVUE", "(ISOVUE)"), (True, "", "empty")])
def test_header_and_pixels_that_disagree_are_remarked(
    enhanced: bool, agent: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (said,) = fake(monkeypatch).classify([chest_series(enhanced, agent=agent)])[0].remarks
    assert words in said


def test_the_header_changes_no_number(shipped: SequenceClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_gates", Gates({}))
    answers = [shipped.classify([chest_series(True, agent=agent)])[0] for agent in (None, "", "ISOVUE")]
    assert len({answer.findings[0] for answer in answers}) == 1


def test_images_without_hounsfield_values_are_not_assessed(shipped: SequenceClassifier) -> None:
    series = chest_series(True, True)
    without = ImageSet(tuple(replace(image, values=None) for image in series.images), "1", "CT")
    assert "no Hounsfield values" in shipped.classify([without])[0].abstained


def test_a_series_whose_slices_are_mostly_strange_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = fake(monkeypatch)
    monkeypatch.setattr(classifier, "_gates", FakeGates(0.5, 1.5, 3.0))
    answer = classifier.classify([chest_series(True, True, True)])[0]
    assert answer.abstained == (
        "2 of 3 slices: each looks unlike those the model was trained on (nearest distance 1.50, limit 1.00)"
    )
    assert not answer.findings


def test_a_strange_slice_among_others_takes_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = fake(monkeypatch)
    monkeypatch.setattr(classifier, "_gates", FakeGates(0.5, 0.5, 3.0))
    answer = classifier.classify([chest_series(True, True, False)])[0]
    assert {evidence.sop_instance_uid for evidence in answer.maps} == {"1.2.3.0", "1.2.3.1"}
    assert answer.findings[0].agreement == (2, 2)


def test_the_shipped_model_sees_the_difference_that_contrast_makes(
    shipped: SequenceClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "_gates", Gates({}))
    enhanced, plain = (
        answer.findings[0].logit for answer in shipped.classify([chest_series(True, True), chest_series(False, False)])
    )
    assert enhanced > plain + 0.5


@pytest.mark.parametrize("number", [0, 1])
def test_other_pictures_are_refused(number: int, shipped: SequenceClassifier) -> None:
    noise = np.random.default_rng(number).normal(0, 300, (256, 256)).astype(np.float32)
    stranger = (pattern(256, 256) * 2000 - 1000, noise)[number]
    series = chest_series(True)
    wrong = replace(series.images[0], values=stranger.astype(np.float32))
    assert "unlike" in shipped.classify([ImageSet((wrong,), "1", "CT")])[0].abstained


def test_the_whole_image_is_covered_at_unknown_spacing(
    shipped: SequenceClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "_gates", Gates({}))
    (evidence,) = shipped.classify([image_set(pattern(120, 60))])[0].maps
    top, left, bottom, right = evidence.extent
    assert (top, bottom) == (0.0, 120.0)
    assert left < 0.0 < 60.0 < right


def test_a_broken_calibration_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="calibration cannot be read"):
        read_calibration(tmp_path)
