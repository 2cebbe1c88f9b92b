"""One slice as other scanners and protocols might have made it: random changes of HU canvases. Training only."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from radnode_kit.sequence.slices import AIR, MILLIMETRES, TOP

NOISE, OFFSET = 30.0, 10.0
_NARROW = 300.0


def narrowed(canvases: Tensor) -> Tensor:
    """HU (n, 1, s, s) as seen through a round field of view of 300 mm in the middle."""
    place = torch.arange(canvases.shape[-1]) + 0.5 - canvases.shape[-1] / 2
    far = torch.sqrt(place[:, None] ** 2 + place[None] ** 2) * MILLIMETRES > _NARROW / 2
    return torch.where(far, torch.full((), AIR), canvases)


class Views:
    """Makes views; the same seed gives the same sequence of them.

    Shape: turned by up to 15 degrees, scaled by 20 %, shifted by 8 %, mirrored, upside down (prone). Numbers: shifted
    by up to 10 HU, stretched by 4 %, blurred, noise of up to 30 HU. Field of view: cut to a smaller square or circle,
    since in many archives large fields of view (PET/CT) go with no contrast.
    """

    def __init__(self, seed: int):
        self._random = torch.Generator().manual_seed(seed)

    def _uniform(self, *shape: int, low: float = -1.0, high: float = 1.0) -> Tensor:
        return torch.rand(*shape, generator=self._random) * (high - low) + low

    def __call__(self, canvases: Tensor) -> Tensor:
        """HU (n, 1, s, s) -> HU of the same shape."""
        return self._cut(self._numbers(self._shape(canvases))).clamp(AIR, TOP)

    def _shape(self, canvases: Tensor) -> Tensor:
        count = len(canvases)
        angle, scale = math.pi / 12 * self._uniform(count), 1 + 0.2 * self._uniform(count)
        mirror = torch.where(self._uniform(count) < 0, -1.0, 1.0)
        turned = torch.where(self._uniform(count) < -0.6, -1.0, 1.0)
        matrix = torch.zeros(count, 2, 3)
        matrix[:, 0, 0], matrix[:, 0, 1] = torch.cos(angle) * scale * mirror, -torch.sin(angle) * scale
        matrix[:, 1, 0], matrix[:, 1, 1] = torch.sin(angle) * scale, torch.cos(angle) * scale * turned
        matrix[:, :, 2] = 0.16 * self._uniform(count, 2)
        grid = functional.affine_grid(matrix, list(canvases.shape), align_corners=False)
        return functional.grid_sample(canvases - AIR, grid, align_corners=False) + AIR

    def _numbers(self, canvases: Tensor) -> Tensor:
        shape = (len(canvases), 1, 1, 1)
        blurred = functional.avg_pool2d(canvases, 3, 1, 1, count_include_pad=False)
        canvases = torch.where(self._uniform(*shape) < -0.4, blurred, canvases)
        noise = torch.randn(canvases.shape, generator=self._random) * self._uniform(*shape, low=0.0, high=NOISE)
        noise = torch.where(self._uniform(*shape) < 0, noise, torch.zeros(()))
        return canvases * (1 + 0.04 * self._uniform(*shape)) + OFFSET * self._uniform(*shape) + noise

    def _cut(self, canvases: Tensor) -> Tensor:
        """Half of them seen through a smaller field of view."""
        count, side = len(canvases), canvases.shape[-1]
        centre = side / 2 + 0.05 * side * self._uniform(count, 2)
        radius = side * self._uniform(count, 1, 1, low=0.26, high=0.6)
        place = torch.arange(side) + 0.5
        down = (place[None, :, None] - centre[:, 0, None, None]).abs()
        across = (place[None, None, :] - centre[:, 1, None, None]).abs()
        round_field = self._uniform(count, 1, 1) < 0
        far = torch.where(round_field, torch.sqrt(down**2 + across**2), torch.maximum(down, across))
        outside = (far > radius) & (self._uniform(count, 1, 1) < 0)
        return torch.where(outside[:, None], torch.full((), AIR), canvases)
