"""Random changes that a scanner, a protocol, a camera or an archive might make, on batches of canvases."""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms import (
    Compose,
    RandGaussianNoise,
    RandGaussianSmooth,
    RandomizableTransform,
    RandSimulateLowResolution,
)
from PIL import Image as Pillow
from torch import Tensor
from torch.nn import functional

from radnode_kit.recipe import Recipe

#: Share of images that are not resampled.
_IN_PLACE = 0.2


class RandCompress(RandomizableTransform):  # type: ignore[misc]  # monai is untyped
    """JPEG at a random quality of 30 to 90, as a lossy archive would."""

    def __init__(self, prob: float):
        RandomizableTransform.__init__(self, prob)
        self._quality = 90

    def randomize(self, data: object = None) -> None:
        """Decide whether, and how hard."""
        super().randomize(data)
        self._quality = int(self.R.randint(30, 91))

    def __call__(self, image: Tensor) -> Tensor:
        """(1, s, s) or (3, s, s) in 0..1 -> the same shape."""
        self.randomize()
        if not self._do_transform:
            return image
        bytes_ = np.clip(np.asarray(image) * 255.0, 0, 255).astype(np.uint8)
        stream = BytesIO()
        Pillow.fromarray(bytes_[0] if len(bytes_) == 1 else bytes_.transpose(1, 2, 0)).save(
            stream, "JPEG", quality=self._quality
        )
        stored = np.array(Pillow.open(stream), dtype=np.float32) / 255.0
        return torch.from_numpy(stored.reshape(*bytes_.shape[1:], -1).transpose(2, 0, 1).copy())


class Augmentation:
    """The changes of one data set; the same seed gives the same sequence of batches.

    Args:
        recipe: which changes are allowed.
        seed: of everything random.
        invert: whether images may be shown inverted, at the recipe's share.
    """

    def __init__(self, recipe: Recipe, *, seed: int, invert: bool = True):
        self._recipe, self._random = recipe, torch.Generator().manual_seed(seed)
        self._inverted = recipe.invert if invert else 0.0
        self._quality = Compose(
            [
                RandSimulateLowResolution(prob=0.15, zoom_range=(0.4, 0.9), upsample_mode="bilinear"),
                RandGaussianSmooth(prob=0.1, sigma_x=(0.3, 1.2), sigma_y=(0.3, 1.2)),
                RandGaussianNoise(prob=0.2, std=0.03),
                RandCompress(prob=0.15),
                # what a nearly lossless form adds: up to two grey levels, so that a score does not hang on them
                RandGaussianNoise(prob=0.5, std=0.008),
            ]
        )
        self._quality.set_random_state(seed=seed)

    def __call__(self, canvases: npt.NDArray[np.uint8]) -> Tensor:
        """uint8 (n, c, s, s) -> float32 (n, c, s, s) in 0..1."""
        images = torch.from_numpy(canvases.astype(np.float32) / 255.0)
        images = self._invert(self._shine(self._tint(self._place(images))))
        images = torch.stack(
            [torch.as_tensor(np.asarray(self._quality(image)), dtype=torch.float32) for image in images]
        )
        for image in images:
            self._hide_patch(image)
            self._hide_border(image)
        return images.clamp(0.0, 1.0)

    def _uniform(self, *shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
        return torch.rand(*shape, generator=self._random) * (high - low) + low

    def _chance(self, probability: float) -> bool:
        return bool(torch.rand(1, generator=self._random) < probability)

    def _whole(self, low: int, high: int) -> int:
        return int(torch.randint(low, high, (1,), generator=self._random))

    def _place(self, images: Tensor) -> Tensor:
        """Turn by up to 11 degrees (or any angle), scale by 15 %, stretch by 7 %, shift by 5 %, and flip.

        Every fifth image keeps its place: resampling smooths, and what comes later is as sharp as it was sent.
        """
        count = len(images)
        angle, scale = (math.pi if self._recipe.turn else 0.2) * self._uniform(count), 1 + 0.15 * self._uniform(count)
        across = scale * (1 + 0.07 * self._uniform(count))
        side = torch.where(self._uniform(count) < 0, -1.0, 1.0) if self._recipe.flip else torch.ones(count)
        matrix = torch.zeros(count, 2, 3)
        matrix[:, 0, 0], matrix[:, 0, 1] = torch.cos(angle) * across * side, -torch.sin(angle) * scale
        matrix[:, 1, 0], matrix[:, 1, 1] = torch.sin(angle) * scale * side, torch.cos(angle) * scale
        matrix[:, :, 2] = 0.1 * self._uniform(count, 2)
        kept = self._uniform(count, low=0.0) < _IN_PLACE
        matrix[kept] = torch.eye(2, 3) * torch.stack([side, torch.ones(count)], dim=1)[kept][:, :, None]
        grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
        # a turned photograph has no black corners: the skin goes on
        padding = "reflection" if self._recipe.turn else "zeros"
        return functional.grid_sample(images, grid, padding_mode=padding, align_corners=False)

    def _tint(self, images: Tensor) -> Tensor:
        """Another white balance and saturation, for colour."""
        count, channels = images.shape[:2]
        if channels == 1:
            return images
        grey = images.mean(dim=1, keepdim=True)
        images = grey + (images - grey) * (1 + 0.25 * self._uniform(count, 1, 1, 1))
        return images * (1 + 0.08 * self._uniform(count, channels, 1, 1))

    def _invert(self, images: Tensor) -> Tensor:
        """Show some images inverted, as where MONOCHROME1 was forgotten."""
        some = self._uniform(len(images), 1, 1, 1, low=0.0) < self._inverted
        return torch.where(some, 1.0 - images, images)

    def _shine(self, images: Tensor) -> Tensor:
        """Another window: gamma, contrast and brightness."""
        shape = (len(images), 1, 1, 1)
        images = images.clamp(1e-4, 1.0) ** torch.exp(0.45 * self._uniform(*shape))
        return (images - 0.5) * (1 + 0.3 * self._uniform(*shape)) + 0.5 + 0.1 * self._uniform(*shape)

    def _hide_patch(self, image: Tensor) -> None:
        """Cover a square, in place, so that no single place is enough."""
        if self._chance(0.3):
            side = self._whole(image.shape[-1] // 20, image.shape[-1] // 4)
            top, left = (self._whole(0, image.shape[-1] - side) for _ in range(2))
            image[:, top : top + side, left : left + side] = float(self._uniform(1, low=0.0))

    def _hide_border(self, image: Tensor) -> None:
        """Cover the border, in place: letters, frames and collimators lie there, and must not tell the label."""
        if self._chance(0.5):
            width = self._whole(4, max(5, round(0.12 * image.shape[-1])))
            grey = float(self._uniform(1, low=0.0, high=0.3))
            image[:, :width], image[:, -width:] = grey, grey
            image[:, :, :width], image[:, :, -width:] = grey, grey
