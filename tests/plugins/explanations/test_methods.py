from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from node.plugin import Array
from radnode_kit.engines.outputs import Outputs
from radnode_kit.explanations.gradients import before_last_stride, grad_cam, grad_cam_plus_plus
from radnode_kit.explanations.methods import (
    FINE,
    GRAD_CAM,
    METHODS,
    PATCH,
    PLAIN,
    RANDOM,
    blended,
    blurred,
    centre,
    occlusion,
    on_patches,
    windows,
)
from radnode_kit.explanations.sanity import rank_correlations
from radnode_kit.explanations.subject import Subject
from radnode_kit.lite import STAGES
from tests.plugins.explanations.tiny import SIZE, Brightness, pictures, subject

IMAGES = pictures(3)
COLUMNS = np.array([0, 1, 0])


@pytest.fixture(scope="module")
def examined() -> Subject:
    return subject()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_answers_one_finite_map_per_image(examined: Subject, name: str) -> None:
    maps = METHODS[name](examined, IMAGES, COLUMNS)
    assert maps.shape[0] == len(IMAGES)
    assert maps.ndim == 3
    assert np.isfinite(maps).all()
    assert np.ptp(maps) > 0


@pytest.mark.parametrize(
    "name", [name for name in METHODS if name != RANDOM]
)  # the noise goes by the place in the batch
def test_an_explanation_is_the_same_in_another_batch(examined: Subject, name: str) -> None:
    together, alone = METHODS[name](examined, IMAGES, COLUMNS)[1], METHODS[name](examined, IMAGES[1:2], COLUMNS[1:2])[0]
    assert alone == pytest.approx(together, abs=1e-4 * float(np.abs(together).max()))


@pytest.mark.parametrize("name", [FINE, PLAIN, GRAD_CAM, "Grad-CAM++", "Grad-CAM, earlier layer", "occlusion"])
def test_an_explanation_is_that_of_its_own_label(examined: Subject, name: str) -> None:
    one, other = (METHODS[name](examined, IMAGES[:1], np.array([column])) for column in (0, 1))
    assert not np.allclose(one, other)


def test_grad_cam_of_the_last_layer_is_the_positive_part_of_the_exact_map(examined: Subject) -> None:
    exact = METHODS[FINE](examined, IMAGES, COLUMNS)
    assert METHODS[GRAD_CAM](examined, IMAGES, COLUMNS) == pytest.approx(np.maximum(exact, 0), abs=1e-6)
    assert (exact < 0).any()


def test_grad_cam_weighs_a_channel_by_its_mean_gradient() -> None:
    gradient = torch.tensor([[[[1.0, 3.0]], [[0.0, -2.0]]]])
    assert grad_cam(torch.ones_like(gradient), gradient).tolist() == [[2.0, -1.0]]


def test_grad_cam_plus_plus_follows_its_closed_form() -> None:
    feature, gradient = torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[[[0.5, -1.0]]]])
    alpha = 0.25 / (2 * 0.25 + 4.0 * 0.125)  # of the first place; the second has no positive gradient
    assert grad_cam_plus_plus(feature, gradient).item() == pytest.approx(alpha * 0.5)


def test_grad_cam_plus_plus_is_nothing_where_no_gradient_is() -> None:
    assert grad_cam_plus_plus(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)).tolist() == [[0.0]]


def test_the_earlier_layer_is_the_last_before_the_stride_that_dilation_replaces(examined: Subject) -> None:
    index = before_last_stride(examined.plain)
    assert index == sum(stage.repeats for stage in STAGES[:5]) - 1


def test_a_gradient_leaves_the_network_as_it_was(examined: Subject) -> None:
    before = examined.logits(IMAGES)
    METHODS[GRAD_CAM](examined, IMAGES, COLUMNS)
    assert all(parameter.grad is None for parameter in examined.network.parameters())
    assert np.array_equal(examined.logits(IMAGES), before)


def test_occlusion_finds_the_only_place_that_counts() -> None:
    image = np.zeros((1, 1, 112, 112), dtype=np.float32)
    image[:, :, 48:64, 64:80] = 5.0
    found = occlusion(replace(subject(1, 112), engine=Known(48, 64)), image, np.array([0]))[0]
    assert divmod(int(found.argmax()), found.shape[1]) == (3, 4)


class Known(Brightness):
    def __init__(self, top: int, left: int):
        super().__init__(top, left, 16)

    def __call__(self, images: Array) -> Outputs:  # type: ignore[override]  # an engine answers more than logits
        empty = np.zeros((len(images), 1), dtype=np.float32)
        return Outputs(super().__call__(images), empty[:, :, None, None], empty, empty)


@pytest.mark.parametrize("side", [4, 7, 14, 20, 28])
def test_windows_cover_every_patch(side: int) -> None:
    masks = windows(side, max(1, round(side * 2 / 7)), max(1, round(side / 7)))
    assert masks.sum(axis=0).min() >= 1
    assert len({float(mask.sum()) for mask in masks}) == 1


def test_a_blurred_image_keeps_its_mean_and_loses_its_detail() -> None:
    flat = np.full((3, SIZE, SIZE), 0.7, dtype=np.float32)
    assert blurred(flat) == pytest.approx(flat, abs=1e-5)
    checks = np.tile(np.array([[1, -1], [-1, 1]], dtype=np.float32), (1, SIZE // 2, SIZE // 2))
    assert np.abs(blurred(checks)[:, 8:-8, 8:-8]).max() < 0.01


def test_only_masked_patches_are_replaced() -> None:
    mask = np.zeros((1, 4, 4), dtype=np.float32)
    mask[0, 1, 2] = 1.0
    shown = blended(np.ones((1, SIZE, SIZE), np.float32), np.zeros((1, SIZE, SIZE), np.float32), mask)[0, 0]
    assert shown[PATCH : 2 * PATCH, 2 * PATCH : 3 * PATCH].max() == 0
    assert shown.sum() == SIZE * SIZE - PATCH * PATCH


def test_a_map_keeps_its_places_on_patches() -> None:
    plain = np.zeros((1, 2, 2), dtype=np.float32)
    plain[0, 0, 1] = 1.0
    patches = on_patches(plain, 4)[0]
    assert patches[:2, 2:].min() > patches[2:, :2].max()
    assert on_patches(patches[None], 4)[0] == pytest.approx(patches)


def test_the_centre_says_the_same_of_every_image() -> None:
    maps = centre(subject(), IMAGES, COLUMNS)
    assert np.array_equal(maps[0], maps[2])
    assert rank_correlations(maps[:1], maps[:1, ::-1, ::-1].copy())[0] == pytest.approx(1.0)
