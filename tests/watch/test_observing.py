from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.ledger import observation_from, observation_table
from node.manifest import read_manifest
from node.plugin import Finding, Image, ImageSet, Prediction
from node.study import Attributes
from node.watch.observing import DIMENSIONS, age_band, input_statistics, observed, projected

CHEST = Path(__file__).parents[2] / "plugins" / "radnode_chest_radiograph" / "manifest.toml"


def test_the_statistics_are_those_of_the_picture() -> None:
    half = np.zeros((64, 256), np.float32)
    half[:, 128:] = 1.0
    assert input_statistics(half) == {"mean": 0.5, "deviation": 0.5, "entropy": 1.0, "size": 128.0}
    assert input_statistics(np.full((8, 8), 0.5, np.float32))["entropy"] == 0.0


def test_a_large_film_has_the_statistics_of_the_small_one() -> None:
    small = np.random.default_rng(0).random((100, 100)).astype(np.float32)
    large = np.kron(small, np.ones((20, 20), np.float32))
    found, wanted = input_statistics(large), input_statistics(small)
    assert [found[name] for name in ("mean", "deviation", "entropy")] == pytest.approx(
        [wanted[name] for name in ("mean", "deviation", "entropy")], abs=0.02
    )
    assert found["size"] == 2000


def test_colour_is_looked_at_as_grey() -> None:
    assert input_statistics(np.full((4, 4, 3), 0.25, np.float32))["mean"] == 0.25


def test_a_projection_is_small_and_keeps_distances() -> None:
    generator = np.random.default_rng(1)
    pairs = [generator.normal(size=(2, 1280)) for _ in range(200)]
    near = [np.linalg.norm(np.subtract(*(projected(one).astype(float) for one in pair))) for pair in pairs]
    far = [np.linalg.norm(pair[0] - pair[1]) for pair in pairs]
    assert np.mean(near) == pytest.approx(np.mean(far), rel=0.05)
    assert len(projected(pairs[0][0]).tobytes()) == 2 * DIMENSIONS


def test_a_projection_is_the_same_for_ever() -> None:
    """What a site has kept for a year is compared with what comes today."""
    assert projected(np.arange(4)).tolist() == [0, -1.5, 0.5, -1.5, 0.5, -1, 0, 0, 0, 0.5, 1, -0.5, -0.5, -1.5, -1.5, 1]


def test_an_enormous_embedding_stays_finite() -> None:
    assert np.isfinite(projected(np.full(1280, 1e30))).all()


@pytest.mark.parametrize(("years", "words"), [(None, ""), (0.2, "0-17"), (18.0, "18-39"), (79.9, "60-79"), (95, "80+")])
def test_an_age_is_kept_as_a_band(years: float | None, words: str) -> None:
    assert age_band(years) == words


def test_an_answer_is_kept_without_the_patient() -> None:
    image = Image(np.eye(8, dtype=np.float32), None, "1.2.3")
    images = ImageSet((image,), "1.2", "DX", view="PA", age_years=44.0, sex="F")
    prediction = Prediction((Finding("pneumonia", 2.0, 0.9),), embedding=np.ones(1280, np.float32))
    attributes = Attributes(manufacturer="ACME", model_name="X1", calling_ae="CR1", age_years=44.0)
    kept = observed(images, prediction, read_manifest(CHEST), attributes, 0.25)
    assert kept.findings == {"pneumonia": (0.9, "present")}
    assert (kept.sender, kept.maker, kept.model, kept.view) == ("CR1", "ACME", "X1", "PA")
    assert (kept.sex, kept.age_band, kept.abstained, kept.seconds) == ("F", "40-59", False, 0.25)
    assert observation_from(observation_table(kept)) == kept
    assert "1.2" not in str(observation_table(kept))
