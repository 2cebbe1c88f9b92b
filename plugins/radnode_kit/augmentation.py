"""Random changes that a scanner, a protocol or an archive might make: MONAI transforms on one grey canvas."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import numpy.typing as npt
import torch
from monai.transforms import (
    Compose,
    RandAdjustContrast,
    RandAffine,
    RandCoarseDropout,
    RandFlip,
    RandGaussianNoise,
    RandGaussianSmooth,
    RandomizableTransform,
    RandScaleIntensity,
    RandShiftIntensity,
    RandSimulateLowResolution,
)
from PIL import Image as Pillow
from torch import Tensor


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
        """(1, s, s) in 0..1 -> the same shape."""
        self.randomize()
        if not self._do_transform:
            return image
        grey = np.clip(np.asarray(image[0]) * 255.0, 0, 255).astype(np.uint8)
        stream = BytesIO()
        Pillow.fromarray(grey).save(stream, "JPEG", quality=self._quality)
        return torch.from_numpy(np.array(Pillow.open(stream), dtype=np.float32) / 255.0)[None]


class Augmentation:
    """The chain for one data set; the same seed gives the same sequence of images.

    Args:
        flip: left and right may be exchanged.
        seed: of all the transforms.
    """

    def __init__(self, *, flip: bool, seed: int):
        place = RandAffine(
            prob=0.9, rotate_range=0.2, scale_range=(0.15, 0.15), translate_range=(20, 20), padding_mode="zeros"
        )
        light = [
            RandAdjustContrast(prob=0.6, gamma=(0.6, 1.6)),
            RandScaleIntensity(prob=0.4, factors=0.25),
            RandShiftIntensity(prob=0.3, offsets=0.08),
        ]
        quality = [
            RandSimulateLowResolution(prob=0.15, zoom_range=(0.4, 0.9), upsample_mode="bilinear"),
            RandGaussianSmooth(prob=0.15, sigma_x=(0.3, 1.2), sigma_y=(0.3, 1.2)),
            RandGaussianNoise(prob=0.2, std=0.03),
            RandCompress(prob=0.15),
        ]
        hide = RandCoarseDropout(prob=0.2, holes=1, max_holes=3, spatial_size=12, max_spatial_size=48, fill_value=0.0)
        flips = [RandFlip(prob=0.5, spatial_axis=1)] if flip else []
        self._chain = Compose([place, *flips, *light, *quality, hide])
        self._chain.set_random_state(seed=seed)

    def __call__(self, canvas: npt.NDArray[np.uint8]) -> Tensor:
        """uint8 (s, s) -> float32 (1, s, s) in 0..1."""
        image = torch.from_numpy(canvas.astype(np.float32) / 255.0)[None]
        changed = self._chain(image)
        return torch.as_tensor(np.asarray(changed), dtype=torch.float32).clamp(0.0, 1.0)
