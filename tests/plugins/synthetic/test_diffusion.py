from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

pytest.importorskip("einops")

from radnode_kit.synthetic.diffusion import (
    NO_CLASS,
    NOISE_STEPS,
    Denoiser,
    denoising,
    losses,
    noising,
    scaled,
    unscaled,
)
from tests.plugins.synthetic.material import SIZE, TINY, images


@pytest.fixture
def denoiser() -> Denoiser:
    """Its last layer begins with zeros; here it answers something."""
    torch.manual_seed(0)
    network = Denoiser(TINY.channels).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def noise(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn((count, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(seed))


def test_the_velocity_has_the_shape_of_the_images(denoiser: Denoiser) -> None:
    assert denoiser(noise(2), torch.tensor([1, 900]), torch.tensor([0.0, 2.0])).shape == (2, 3, SIZE, SIZE)


def test_the_class_matters_and_no_class_is_one_more(denoiser: Denoiser) -> None:
    same = noise(1).expand(4, -1, -1, -1)
    answers = denoiser(same, torch.tensor([500]), torch.tensor([0.0, 1.0, 2.0, float(NO_CLASS)]))
    flat = {tuple(each.flatten()[:20].tolist()) for each in answers.detach()}
    assert len(flat) == 4


def test_the_noise_step_matters(denoiser: Denoiser) -> None:
    same = noise(1).expand(2, -1, -1, -1)
    first, second = denoiser(same, torch.tensor([10, 900]), torch.zeros(2)).detach()
    assert not torch.allclose(first, second)


def test_the_first_step_is_almost_the_image_and_the_last_is_noise() -> None:
    scheduler = noising()
    image, dirt = torch.ones(1, 3, 4, 4), torch.full((1, 3, 4, 4), -3.0)
    assert scheduler.add_noise(image, dirt, torch.tensor([0])).mean() == pytest.approx(1.0, abs=0.1)
    assert scheduler.add_noise(image, dirt, torch.tensor([NOISE_STEPS - 1])).mean() == pytest.approx(-3.0, abs=0.05)


@pytest.mark.parametrize("steps", [4, 25, 30, 40])
def test_ddim_walks_from_the_last_noisy_step_to_the_image_in_even_strides(steps: int) -> None:
    scheduler = denoising(steps)
    walked = scheduler.timesteps.tolist()
    assert len(walked) == steps
    assert walked[0] == NOISE_STEPS - 1
    assert {a - b for a, b in pairwise(walked)} == {NOISE_STEPS // steps}


def test_ddim_finds_the_image_when_the_velocity_is_right() -> None:
    image, dirt = noise(1, 1).clamp(-1, 1), noise(1, 2)
    scheduler = denoising(25)
    current = dirt
    for step in scheduler.timesteps:
        alpha = scheduler.alphas_cumprod[step]
        velocity = (alpha.sqrt() * current - image) / (1 - alpha).sqrt()
        current, _ = scheduler.step(velocity, step, current)
    assert torch.allclose(current, image, atol=0.02)


def test_the_loss_is_zero_for_the_true_velocity_alone() -> None:
    image, dirt, steps = noise(2, 3).clamp(-1, 1), noise(2, 4), torch.tensor([100, 800])
    truth = noising().get_velocity(image, dirt, steps)

    class Right(torch.nn.Module):
        def forward(self, x: torch.Tensor, timesteps: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
            return truth

    assert losses(Right(), image, torch.zeros(2), dirt, steps).tolist() == [0.0, 0.0]  # type: ignore[arg-type]  # a fake
    assert (losses(Right(), image, torch.zeros(2), noise(2, 5), steps) > 0.1).all()  # type: ignore[arg-type]  # a fake


def test_pixels_survive_the_scale_of_the_network() -> None:
    pixels = images(3).pixels
    inside = scaled(pixels)
    assert float(inside.min()) >= -1
    assert float(inside.max()) <= 1
    assert np.array_equal(unscaled(inside), pixels)
    assert unscaled(torch.tensor([-5.0, 5.0])).tolist() == [0, 255]
