from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("einops")

from radnode_kit.synthetic.diffusion import noising
from radnode_kit.synthetic.images import all_views, view
from radnode_kit.synthetic.memorisation import (
    copying,
    cosine_distances,
    crowd_distance,
    image_losses,
    membership,
    pixel_distances,
    rank_z,
    repeated,
)
from tests.plugins.synthetic.material import images


def to_train(queries: np.ndarray, train: np.ndarray) -> np.ndarray:
    return pixel_distances(queries, all_views(train))


def test_a_turned_and_mirrored_copy_is_found_at_distance_zero() -> None:
    train = images(6).pixels
    distances = to_train(view(train, 6), train)
    assert distances.argmin(axis=1).tolist() == list(range(6))
    assert distances.min(axis=1).max() < 1e-3
    assert distances[0, 3] > 0.1


def test_pixel_distance_is_the_root_of_the_mean_square() -> None:
    black, grey = np.zeros((1, 3, 4, 4), np.uint8), np.full((1, 3, 4, 4), 51, np.uint8)
    assert to_train(black, grey)[0, 0] == pytest.approx(0.2)


def test_the_nearest_view_counts_in_embeddings_too() -> None:
    views = np.array([[[1.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [-1.0, -1.0]]], np.float32)
    distances = cosine_distances(np.array([[0.0, 5.0]], np.float32), views)
    assert distances[0] == pytest.approx([0.0, 1.0], abs=1e-6)


def test_planted_copies_are_seen() -> None:
    train, new = images(60, seed=0).pixels, images(60, seed=1).pixels
    noisy = np.clip(train.astype(int) + np.random.default_rng(0).integers(-3, 4, train.shape), 0, 255).astype(np.uint8)
    found = copying(to_train(noisy, train), to_train(new, train))
    assert found.ratio < 0.2
    assert found.z < -5
    assert found.close.value == found.crowd_close.value == 1.0


def test_new_images_of_the_same_kind_are_no_copies() -> None:
    train, new, other = (images(60, seed=seed).pixels for seed in range(3))
    found = copying(to_train(other, train), to_train(new, train))
    assert found.ratio == pytest.approx(1, abs=0.05)
    assert abs(found.z) < 3
    assert found.close.value < 0.1


def test_blurred_images_are_near_to_all_and_to_none_above_others() -> None:
    train, new, other = (images(180, seed=seed).of(1).pixels for seed in range(3))
    flat = np.broadcast_to(other.mean(axis=(2, 3), keepdims=True), other.shape).astype(np.uint8)
    found = copying(to_train(flat, train), to_train(new, train))
    assert found.close.value == 1.0  # by distance alone they would be called copies
    assert found.crowd_close.value < 0.2


def test_the_crowd_gives_the_scale() -> None:
    copy, crowd = [0.001, *[1.0] * 60], [1.0] * 61
    assert crowd_distance(np.array([copy, crowd])) == pytest.approx([0.001, 1.0], rel=0.05)


def test_the_rank_test_has_the_sign_of_the_first_and_is_zero_for_equals() -> None:
    low, high = np.arange(30.0), np.arange(30.0) + 100
    assert rank_z(low, high) < -5
    assert rank_z(high, low) > 5
    assert rank_z(low, low) == pytest.approx(0)


def test_twins_among_the_images_are_counted_and_nobody_is_his_own() -> None:
    pixels = images(6).pixels.copy()
    pixels[4] = view(pixels[1], 3)
    share = repeated(to_train(pixels, pixels), 0.01)
    assert share.value == pytest.approx(2 / 6)


def test_membership_shows_when_the_loss_does_and_only_then() -> None:
    rng = np.random.default_rng(0)
    strangers = rng.normal(1.0, 0.1, 200)
    leaking = membership(rng.normal(0.5, 0.1, 300), strangers)
    tight = membership(rng.normal(1.0, 0.1, 300), strangers)
    assert leaking.auroc.low > 0.95
    assert leaking.hits > 0.9
    assert tight.auroc.low < 0.5 < tight.auroc.high
    assert tight.hits < 0.06


def test_an_image_that_the_generator_knows_has_the_smaller_loss() -> None:
    known = images(3, seed=0)

    class Knows(torch.nn.Module):
        def forward(self, x: torch.Tensor, timesteps: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
            image = torch.from_numpy(known.pixels.astype(np.float32))[: len(x)] / 127.5 - 1.0
            alpha = noising().alphas_cumprod[timesteps][:, None, None, None]
            return (alpha.sqrt() * x - image) / (1 - alpha).sqrt()

    mine = image_losses(Knows(), known, seed=1)  # type: ignore[arg-type]  # a fake
    others = image_losses(Knows(), images(3, seed=1), seed=1)  # type: ignore[arg-type]  # a fake
    assert mine.max() < 1e-3
    assert others.min() > 0.01
