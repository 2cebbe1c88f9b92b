"""Explanations by gradients: Grad-CAM and Grad-CAM++, for any layer of the network.

Sources: Selvaraju et al., Grad-CAM (arXiv:1610.02391); Chattopadhay et al., Grad-CAM++ (arXiv:1710.11063), in its
closed form for the exponential of the logit. Both are for one label at a time and know no negative evidence.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from node.plugin import Array
from radnode_kit.explanations.subject import CHUNK, Columns, tensor_of
from radnode_kit.lite import Block, Lite

#: (features, their gradient), both (n, c, h, w) -> weight of each channel (n, c).
Weighting = Callable[[Tensor, Tensor], Tensor]


def grad_cam(feature: Tensor, gradient: Tensor) -> Tensor:
    """The mean gradient over the positions."""
    return gradient.mean((2, 3))


def grad_cam_plus_plus(feature: Tensor, gradient: Tensor) -> Tensor:
    """Positive gradients, weighted by how much each position had to do with the logit."""
    square, cube = gradient**2, gradient**3
    below = 2 * square + feature.sum((2, 3), keepdim=True) * cube
    alpha = torch.where(below.abs() > 1e-20, square / torch.where(below.abs() > 1e-20, below, 1.0), 0.0)
    return (alpha * gradient.relu()).sum((2, 3))


def before_last_stride(plain: Lite) -> int:
    """Index of the last block whose output has a cell for every 16 pixels in the plain network."""
    strides = [block.filter.stride for block in plain.blocks if isinstance(block, Block)]
    return max(index for index, stride in enumerate(strides) if stride == 2) - 1


def activation_map(network: Lite, layer: nn.Module, images: Array, columns: Columns, weighting: Weighting) -> Array:
    """Maps (n, h, w), not negative, of the label `columns[i]` for image i, from the output of one layer."""
    parts = []
    for start in range(0, len(images), CHUNK):
        chunk = tensor_of(images[start : start + CHUNK])
        feature, gradient = _with_gradient(network, layer, chunk, columns[start : start + CHUNK])
        weights = weighting(feature, gradient)
        parts.append(functional.relu((weights[:, :, None, None] * feature).sum(1)).numpy())
    return np.concatenate(parts)


def _with_gradient(network: Lite, layer: nn.Module, images: Tensor, columns: Columns) -> tuple[Tensor, Tensor]:
    """The layer's output and the gradient of each image's own logit by it."""
    kept: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[0]

    hook = layer.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            logits = network(images)[0]
    finally:
        hook.remove()
    own = logits[torch.arange(len(images)), torch.from_numpy(columns)]
    (gradient,) = torch.autograd.grad(own.sum(), kept[0])
    return kept[0].detach(), gradient
