from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

pytest.importorskip("einops")

from radnode_kit.synthetic.diffusion import Denoiser
from radnode_kit.synthetic.sampling import sample, sample_all, write_sheet
from tests.plugins.synthetic.material import SIZE, TINY, images


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    torch.manual_seed(0)
    network = Denoiser(TINY.channels).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


class Guided(torch.nn.Module):
    """Answers the velocity of a white image for class 0 and of a grey one without a class."""

    def forward(self, x: torch.Tensor, timesteps: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        from radnode_kit.synthetic.diffusion import noising

        alpha = noising().alphas_cumprod[timesteps.long()]
        image = torch.where(context < 0, 0.0, 0.4)[:, None, None, None]
        return (alpha.sqrt() * x - image) / (1 - alpha).sqrt()


def test_the_same_plan_draws_the_same_images(denoiser: Denoiser) -> None:
    first, again = (sample(denoiser, 0, 3, TINY) for _ in range(2))
    assert first.shape == (3, 3, SIZE, SIZE)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)


def test_another_seed_and_another_class_draw_other_images(denoiser: Denoiser) -> None:
    first = sample(denoiser, 0, 2, TINY)
    assert not np.array_equal(first, sample(denoiser, 1, 2, TINY))
    assert not np.array_equal(first, sample(denoiser, 0, 2, replace(TINY, seed=2)))


@pytest.mark.parametrize(("guidance", "grey"), [(0.0, 0.0), (1.0, 0.4), (2.0, 0.8)])
def test_guidance_goes_from_no_class_through_the_class_and_beyond(guidance: float, grey: float) -> None:
    plan = replace(TINY, guidance=guidance, sampler_steps=10)
    drawn = sample(Guided(), 0, 1, plan)  # type: ignore[arg-type]  # a fake
    assert drawn.mean() == pytest.approx((grey + 1) * 127.5, abs=4)


def test_all_classes_are_drawn_once_and_kept(denoiser: Denoiser, tmp_path: Path) -> None:
    first = sample_all(denoiser, TINY, tmp_path)
    assert np.bincount(first.images.classes).tolist() == [12, 6, 6]
    assert set(first.images.parts) == {"synthetic"}
    again = sample_all(Guided(), TINY, tmp_path)  # type: ignore[arg-type]  # a fake that must not be asked
    assert np.array_equal(first.images.pixels, again.images.pixels)
    assert again.seconds == first.seconds


def test_a_sheet_shows_every_image_in_its_place(tmp_path: Path) -> None:
    pixels = images(5).pixels
    write_sheet(pixels, 3, tmp_path / "sheet.png", zoom=1)
    with Pillow.open(tmp_path / "sheet.png") as picture:
        sheet = np.asarray(picture)
    assert sheet.shape == (2 * SIZE, 3 * SIZE, 3)
    assert np.array_equal(sheet[SIZE:, SIZE : 2 * SIZE], pixels[4].transpose(1, 2, 0))
    assert sheet[SIZE:, 2 * SIZE :].max() == 0
