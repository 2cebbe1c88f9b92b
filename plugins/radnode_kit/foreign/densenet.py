"""DenseNet-121 with exact class evidence maps, for weights that were trained elsewhere.

Architecture: Huang et al., Densely Connected Convolutional Networks (arXiv:1608.06993), the variant with bottlenecks
and a compression of one half (BC): growth 32, blocks of 6, 12, 24 and 16 layers. It ends in a rectifier, global average
pooling and one linear layer, so ``logit_c = bias_c + sum over positions of (w_c . feature) / (h * w)``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from radnode_kit.lite import moments

BLOCKS = (6, 12, 24, 16)
GROWTH = 32
STEM = 64
_BOTTLENECK = 4 * GROWTH
_CONTEXT_BLOCK = 1


class DenseLayer(nn.Module):
    """Normalise, narrow with a 1x1 convolution, normalise, grow by 32 channels with a 3x3 convolution."""

    def __init__(self, inputs: int):
        super().__init__()
        self.norm_in = nn.BatchNorm2d(inputs)
        self.narrow = nn.Conv2d(inputs, _BOTTLENECK, 1, bias=False)
        self.norm_mid = nn.BatchNorm2d(_BOTTLENECK)
        self.grow = nn.Conv2d(_BOTTLENECK, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, inputs + 32, h, w)."""
        y = self.narrow(functional.relu(self.norm_in(x)))
        return torch.cat([x, self.grow(functional.relu(self.norm_mid(y)))], dim=1)


class Transition(nn.Module):
    """Half the channels, half the rows and columns."""

    def __init__(self, inputs: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, inputs // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, inputs / 2, h / 2, w / 2)."""
        return functional.avg_pool2d(self.conv(functional.relu(self.norm(x))), 2)


class Stem(nn.Module):
    """A 7x7 convolution of stride two, and a maximum over 3x3 of stride two."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, STEM, 7, 2, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(STEM)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, s, s) -> (n, 64, s / 4, s / 4)."""
        return functional.max_pool2d(functional.relu(self.norm(self.conv(x))), 3, 2, padding=1)


class DenseNet121(nn.Module):
    """DenseNet-121 for `classes` logits; answers what :class:`radnode_kit.lite.Lite` answers.

    Args:
        classes: number of logits.
        channels: of the input; 1 grey, 3 colour.
    """

    def __init__(self, classes: int, channels: int = 1):
        super().__init__()
        self.stem = Stem(channels)
        blocks: list[nn.Sequential] = []
        transitions: list[nn.Module] = []
        width = STEM
        for index, layers in enumerate(BLOCKS):
            blocks.append(nn.Sequential(*(DenseLayer(width + GROWTH * layer) for layer in range(layers))))
            width += GROWTH * layers
            last = index == len(BLOCKS) - 1
            transitions.append(nn.Identity() if last else Transition(width))
            width = width if last else width // 2
        self.blocks, self.transitions = nn.ModuleList(blocks), nn.ModuleList(transitions)
        self.norm = nn.BatchNorm2d(width)
        self.linear = nn.Linear(width, classes)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, channels, s, s), normalised -> features (n, 1024, s / 32, s / 32), not negative, and context (n, 1024).

        The context is mean and spread of each channel after the second block.
        """
        x = self.stem(x)
        context = x
        for index, (block, transition) in enumerate(zip(self.blocks, self.transitions, strict=True)):
            x = block(x)
            if index == _CONTEXT_BLOCK:
                context = x
            x = transition(x)
        return functional.relu(self.norm(x)), moments(context)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Normalised images (n, channels, s, s) -> logits (n, k), maps (n, k, h, w), embedding (n, 1024), context.

        In evaluation ``logits == linear.bias + maps.sum((2, 3))`` to float precision.
        """
        feature, context = self.features(x)
        embedding = feature.mean((2, 3))
        weight = self.linear.weight[:, :, None, None] / (feature.shape[2] * feature.shape[3])
        return self.linear(embedding), functional.conv2d(feature, weight), embedding, context
