"""The generator: a small denoising diffusion model with classes and classifier-free guidance, from MONAI's parts.

Sources: Ho et al., *Denoising diffusion probabilistic models* (arXiv:2006.11239); the cosine schedule of Nichol and
Dhariwal (arXiv:2102.09672); velocity as target, Salimans and Ho (arXiv:2202.00512); Ho and Salimans, *Classifier-free
diffusion guidance* (arXiv:2207.12598). Four neighbouring pixels are folded into channels, so that the network works at
half the size and a quarter of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any  # monai is untyped

import numpy as np
import torch
from monai.inferers import DiffusionInferer
from monai.networks.nets import DiffusionModelUNet
from monai.networks.schedulers import DDIMScheduler, DDPMScheduler
from torch import Tensor, nn
from torch.nn import functional

from radnode_kit.engines.machine import this_machine
from radnode_kit.synthetic.images import CLASSES, Pixels

#: Stands for no class at all; also the value that MONAI's inferer puts there for guidance.
NO_CLASS = -1
NOISE_STEPS = 1000
_FOLD = 2


@dataclass(frozen=True)
class Plan:
    """How the generator is made and used; the defaults gave the figures of ``plugins/SYNTHETIC.md``.

    Attributes:
        size: side of the images in pixels; a multiple of 8.
        channels: of the network at 1/2, 1/4 and 1/8 of the size.
        steps: of training.
        batch: images in one step.
        rate: highest learning rate.
        drop: share of training images whose class is withheld, for guidance.
        samples: made-up images of each class.
        sampler_steps: of DDIM (Song et al., arXiv:2010.02502).
        guidance: how far the class pulls: 1 is the conditional model itself.
        repeats: seeds of the classifiers that are compared.
        seed: of everything random.
    """

    size: int = 64
    channels: tuple[int, ...] = (32, 64, 96)
    steps: int = 2000
    batch: int = 32
    rate: float = 8e-4
    drop: float = 0.1
    samples: tuple[int, ...] = (300, 100, 100)
    sampler_steps: int = 40
    guidance: float = 1.5
    repeats: int = 8
    seed: int = 20260101


class Denoiser(nn.Module):
    """Predicts the velocity of noisy images of a class.

    Args:
        channels: of the network at 1/2, 1/4 and 1/8 of the size; multiples of 16.
    """

    def __init__(self, channels: tuple[int, ...]):
        super().__init__()
        planes = 3 * _FOLD**2
        self.unet: nn.Module = DiffusionModelUNet(
            spatial_dims=2,
            in_channels=planes,
            out_channels=planes,
            channels=channels,
            attention_levels=(*(False for _ in channels[1:]), True),
            num_res_blocks=1,
            norm_num_groups=8,
            num_head_channels=16,
            num_class_embeds=len(CLASSES) + 1,
        )

    def forward(self, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        """Noisy images (n, 3, s, s), steps (n,) or (1,), classes (n,) with -1 for none -> velocity (n, 3, s, s)."""
        classes = torch.where(context < 0, len(CLASSES), context).long()
        folded = functional.pixel_unshuffle(x, _FOLD)
        return functional.pixel_shuffle(self.unet(folded, timesteps=timesteps, class_labels=classes), _FOLD)


def mixed() -> torch.autocast:
    """Convolutions in bfloat16 where the processor multiplies it natively; else as they are."""
    return torch.autocast("cpu", torch.bfloat16, enabled=this_machine().has_bfloat16)


def noising() -> Any:
    """MONAI's scheduler of the forward process: how noisy an image is at each of 1000 steps."""
    return DDPMScheduler(NOISE_STEPS, schedule="cosine", prediction_type="v_prediction")


def denoising(steps: int) -> Any:
    """MONAI's DDIM scheduler for so many steps, evenly spaced from the last noisy step down.

    MONAI spaces the steps by 999 / (steps - 1) and yet walks them in strides of 1000 // steps; here both are the same.
    """
    scheduler = DDIMScheduler(NOISE_STEPS, schedule="cosine", prediction_type="v_prediction")
    scheduler.set_timesteps(steps)
    stride = NOISE_STEPS // steps
    scheduler.timesteps = torch.arange(NOISE_STEPS - 1, -1, -stride)[:steps]
    return scheduler


def losses(denoiser: Denoiser, images: Tensor, classes: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """(n,), mean squared error of the velocity for images (n, 3, s, s) in -1..1 with this noise at these steps."""
    scheduler = noising()
    predicted = DiffusionInferer(scheduler)(images, denoiser, noise, timesteps, condition=classes)
    velocity = scheduler.get_velocity(images, noise, timesteps)
    return torch.as_tensor((predicted.float() - velocity).square().mean((1, 2, 3)))


def scaled(pixels: Pixels) -> Tensor:
    """0..255 -> float32 -1..1."""
    return torch.from_numpy(pixels.astype(np.float32)) / 127.5 - 1.0


def unscaled(images: Tensor) -> Pixels:
    """-1..1 -> 0..255."""
    return np.asarray(((images.float() + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy())
