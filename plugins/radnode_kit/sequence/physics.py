"""What radiology knows of a CT slice, measured at each position: fixed layers, nothing here is learned.

Flowing blood is about 40 HU without contrast and 100 to 400 HU with it; vessels and heart are even blobs, bone is a
rim of 700 HU and more around a spongy, uneven middle of 100 to 250 HU. So the darkest HU within a small even square
tells an enhanced vessel from noise, from edges and from the rims of bone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 8
FEATURES = 12
EVEN, BODY = 0, FEATURES - 1
_BRIGHT = (90.0, 130.0, 180.0)
_SOFTNESS = 12.0
_MOST = 320.0
_UNEVEN = 40.0


def highest(values: Tensor, width: int) -> Tensor:
    """Highest value in a square of `width` around each pixel: (n, 1, h, w) -> the same shape. Rows, then columns."""
    half = width // 2
    return functional.max_pool2d(functional.max_pool2d(values, (width, 1), 1, (half, 0)), (1, width), 1, (0, half))


def darkest(hounsfield: Tensor, width: int) -> Tensor:
    """Lowest HU in a square of `width` around each pixel."""
    return -highest(-hounsfield, width)


def above(hounsfield: Tensor, limit: float) -> Tensor:
    """0..1: how surely the HU lie above `limit`; one half at it."""
    return torch.sigmoid((hounsfield - limit) / _SOFTNESS)


def mean(values: Tensor, width: int) -> Tensor:
    """Mean in a square of `width` around each pixel."""
    return functional.avg_pool2d(values, width, 1, width // 2, count_include_pad=False)


def evenness(hounsfield: Tensor) -> Tensor:
    """1 where the HU of a square of 10 mm spread little (vessel), 0 where by more than 40 HU (bone, edges)."""
    spread = torch.sqrt(mean((hounsfield - mean(hounsfield, 5)).square(), 5).clamp_min(1.0))
    return torch.sigmoid((_UNEVEN - spread) / 6.0)


class Physics(nn.Module):
    """HU (n, 1, s, s) -> (n, 12, s / 8, s / 8), all 0..1.

    0 to 3: the brightest even blob of the cell in units of 320 HU: of 14 mm, of 6 mm, and both again away from bone;
    4 to 6: whether the one of 14 mm away from bone exceeds 90, 130, 180 HU; 7 to 11: shares of the cell that are even
    and as dense as blood without contrast, fat, lung, bone, and body.
    """

    def forward(self, hounsfield: Tensor) -> Tensor:
        """See the class."""
        smooth, even = mean(hounsfield, 3), evenness(hounsfield)
        large, small = darkest(smooth, 5), darkest(hounsfield, 3)
        apart = 1.0 - highest(above(smooth, 350.0), 13)
        blobs = [blob.clamp(0.0, _MOST) / _MOST * even for blob in (large, small)]
        brightest = [*blobs, *(blob * apart for blob in blobs)]
        brightest += [above(large, limit) * even * apart for limit in _BRIGHT]
        shares = [
            above(large, 15.0) * (1.0 - above(highest(smooth, 5), 85.0)) * even,
            above(smooth, -150.0) * (1.0 - above(smooth, -30.0)),
            above(smooth, -980.0) * (1.0 - above(smooth, -600.0)),
            above(hounsfield, 450.0),
            above(smooth, -300.0),
        ]
        cells = functional.max_pool2d(torch.cat(brightest, dim=1), STRIDE)
        return torch.cat([cells, functional.avg_pool2d(torch.cat(shares, dim=1), STRIDE)], dim=1)


def candidates(features: Tensor) -> Tensor:
    """Which positions can hold blood at all: features (..., 12 or more, p) -> bool (..., p).

    Even, not lung, fat or air: the darkest HU of a blob are above 10. Bone and muscle pass.
    """
    return features[..., EVEN, :] > 10.0 / _MOST
