"""Evidence over a volume: pixel by pixel, and where half of it lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.explain import explain, layers
from node.explain.explanation import MOST_PICTURES
from node.explain.regions import HELD
from node.explain.surface import PATCH
from node.plugin import EvidenceMap, Image
from node.study import Analysis, Layer
from tests.explain.material import Grid, analysis, evidence, image, manifest, spec, spot


def slices(count: int, rows: int = 40, columns: int = 32) -> tuple[Image, ...]:
    """Images at places five millimetres apart."""
    return tuple(image(rows, columns, number, position=5.0 * number) for number in range(1, count + 1))


def mapped(images: tuple[Image, ...], *grids: Grid, **changes: Any) -> Analysis:
    """An analysis of them with a map for the first images, as many as there are grids."""
    maps: tuple[EvidenceMap, ...] = tuple(evidence(one, grid) for one, grid in zip(images, grids, strict=False))
    return analysis(images, maps=maps, **changes)


def logits(layer: Layer, mask: np.ndarray | None = None) -> float:
    """Positive evidence of a layer, or of a part of it."""
    positive = np.clip(layer.density, 0.0, None).astype(np.float64) / PATCH / layer.density.size
    return float(positive.sum() if mask is None else positive[mask].sum())


def test_every_slice_with_a_map_is_a_layer_of_its_own_pixels() -> None:
    images = slices(3)
    found = layers(mapped(images, spot(), spot()))
    assert [(one.finding, one.sop_instance_uid, one.frame) for one in found] == [
        ("opacity", one.sop_instance_uid, 1) for one in images[:2]
    ]
    for one in found:
        assert (one.density.shape, one.density.dtype) == ((40, 32), np.float32)
        assert (one.inside.shape, one.inside.dtype) == ((40, 32), np.bool_)


def test_the_density_adds_up_to_the_map() -> None:
    (layer,) = layers(mapped(slices(1), spot(at=(5, 5))))
    assert layer.density.mean(dtype=np.float64) / PATCH == pytest.approx(spot(at=(5, 5)).sum(), rel=1e-3)


def test_the_inside_holds_half_of_the_series_evidence_not_of_each_slice() -> None:
    found = layers(mapped(slices(3), 3.0 * spot(), spot(at=(3, 3)), 0.05 * spot()))
    held = sum(logits(one, one.inside) for one in found) / sum(logits(one) for one in found)
    assert held == pytest.approx(HELD, abs=0.02)
    strong, weak, faint = (logits(one, one.inside) / logits(one) for one in found)
    assert strong > weak
    assert faint == 0.0


def test_no_place_outside_speaks_more_strongly_than_one_inside() -> None:
    found = layers(mapped(slices(2), spot(), 0.7 * spot(at=(3, 3), width=2.0)))
    lowest_inside = min(float(one.density[one.inside].min()) for one in found if one.inside.any())
    highest_outside = max(float(one.density[~one.inside].max()) for one in found)
    assert highest_outside <= lowest_inside


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e4))
def test_of_any_evidence_half_is_inside(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    grids = [(scale * rng.normal(0.0, 1.0, (6, 7))).astype(np.float32) for _ in range(3)]
    found = layers(mapped(slices(3), *grids))
    total = sum(logits(one) for one in found)
    held = sum(logits(one, one.inside) for one in found)
    assert HELD * total * (1 - 1e-3) <= held <= (HELD + 0.02) * total


def test_even_evidence_is_inside_everywhere() -> None:
    found = layers(mapped(slices(2), np.ones((4, 4), np.float32), np.ones((4, 4), np.float32)))
    assert all(one.inside.all() for one in found)


def test_a_place_without_evidence_is_never_inside() -> None:
    grid = np.full((10, 10), 1e-7, np.float32)
    grid[:5] = 0.0
    grid[9, 9] = 1e-5
    grid[0, 0] = -1.0
    (layer,) = layers(mapped(slices(1), grid))
    assert not layer.inside[layer.density <= 0.0].any()
    assert layer.inside.any()


@pytest.mark.parametrize("grid", [np.zeros((5, 5)), -np.ones((5, 5)), np.full((5, 5), np.nan)])
def test_where_nothing_speaks_for_the_finding_nothing_is_inside(grid: np.ndarray) -> None:
    (layer,) = layers(mapped(slices(1), grid.astype(np.float32)))
    assert not layer.inside.any()
    assert np.isfinite(layer.density).all()


@pytest.mark.parametrize("rows", [20, 40, 160])
def test_an_image_counts_by_its_area_whatever_its_pixels(rows: int) -> None:
    images = (*slices(1, rows, rows), image(40, 40, 2, position=10.0))
    found = layers(mapped(images, spot(), 3.0 * spot()))
    held = sum(logits(one, one.inside) for one in found) / sum(logits(one) for one in found)
    assert held == pytest.approx(HELD, abs=0.03)


@pytest.mark.parametrize(
    ("changes", "probability"),
    [({}, 0.2), ({"localises": False}, 0.9)],
    ids=["absent", "not to be localised"],
)
def test_evidence_for_what_is_not_marked_is_told_but_nothing_is_inside(
    changes: dict[str, Any], probability: float
) -> None:
    claims = manifest(spec(**changes))
    (layer,) = layers(mapped(slices(1), spot(), told=claims, probabilities=(probability,)))
    assert layer.density.max() > 0.0
    assert not layer.inside.any()


def test_each_finding_has_a_level_of_its_own() -> None:
    claims = manifest(spec("opacity"), spec("nodule"))
    images = slices(1)
    maps = (evidence(images[0], 10.0 * spot()), evidence(images[0], spot(at=(3, 3)), finding="nodule"))
    opacity, nodule = layers(analysis(images, claims, (0.9, 0.9), maps=maps))
    assert (opacity.finding, nodule.finding) == ("opacity", "nodule")
    assert opacity.inside.any()
    assert nodule.inside.any()


def test_a_projection_has_no_layer() -> None:
    assert layers(analysis((image(),))) == ()


def test_a_model_that_abstained_has_none() -> None:
    assert layers(mapped(slices(2), spot(), spot(), abstained="unlike what it knows")) == ()


def test_a_finding_without_a_map_has_none() -> None:
    assert layers(mapped(slices(2))) == ()


def test_a_long_series_has_layers_about_its_key_image_only() -> None:
    images = slices(MOST_PICTURES + 20, 4, 4)
    found = layers(mapped(images, *(spot() for _ in images)))
    assert len(found) == MOST_PICTURES
    assert images[len(images) // 2].sop_instance_uid in {one.sop_instance_uid for one in found}


def test_layers_are_made_only_where_they_are_asked_for() -> None:
    told = mapped(slices(1), spot())
    assert explain(told).layers == ()
    assert len(explain(told, volumes=True).layers) == 1
