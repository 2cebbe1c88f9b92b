"""EfficientNet-Lite0 with an exact class evidence map.

Architecture: Tan and Le, EfficientNet (arXiv:1905.11946), in its Lite variant: no squeeze-and-excitation, ReLU6
everywhere, stem and head of fixed width. Global average pooling and one linear layer make the evidence exact:
``logit_c = bias_c + sum over positions of (w_c . feature) / (h * w)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

EMBEDDING = 1280
CONTEXT_BLOCK = 7


@dataclass(frozen=True)
class Stage:
    """A run of inverted residual blocks: kernel size, first stride, expansion, output channels, repeats."""

    kernel: int
    stride: int
    expansion: int
    channels: int
    repeats: int


STAGES = (
    Stage(3, 1, 1, 16, 1),
    Stage(3, 2, 6, 24, 2),
    Stage(5, 2, 6, 40, 2),
    Stage(3, 2, 6, 80, 3),
    Stage(5, 1, 6, 112, 3),
    Stage(5, 2, 6, 192, 4),
    Stage(3, 1, 6, 320, 1),
)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis of `size`, as TensorFlow's SAME: the larger half comes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def moments(feature: Tensor) -> Tensor:
    """Mean and standard deviation over the positions of each channel: (n, c, h, w) -> (n, 2 c)."""
    mean = feature.mean((2, 3))
    spread = (feature - mean[:, :, None, None]).square().mean((2, 3))
    return torch.cat([mean, torch.sqrt(spread + 1e-8)], dim=1)


class ConvNorm(nn.Module):
    """Convolution with SAME padding, batch normalisation, and ReLU6 if `active`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, active: bool = True
    ):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        self.kernel, self.stride, self.active = kernel, stride, active

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, ceil(h / stride), ceil(w / stride))."""
        if self.kernel > 1:
            top, bottom = same_padding(int(x.shape[2]), self.kernel, self.stride)
            left, right = same_padding(int(x.shape[3]), self.kernel, self.stride)
            x = functional.pad(x, (left, right, top, bottom))
        y: Tensor = self.norm(self.conv(x))
        return functional.relu6(y) if self.active else y

    def fold(self) -> None:
        """Fold the normalisation into the convolution (for inference; the values stay the same)."""
        if not isinstance(self.norm, nn.BatchNorm2d) or self.norm.running_var is None or self.norm.running_mean is None:
            return
        scale = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        folded = nn.Conv2d(
            self.conv.in_channels, self.conv.out_channels, self.kernel, self.stride, groups=self.conv.groups
        )
        folded.weight = nn.Parameter((self.conv.weight * scale[:, None, None, None]).detach())
        folded.bias = nn.Parameter((self.norm.bias - self.norm.running_mean * scale).detach())
        self.conv, self.norm = folded, nn.Identity()


class Block(nn.Module):
    """Inverted residual: widen 1x1, filter each channel, narrow 1x1; the input is added where the shapes agree."""

    def __init__(self, inputs: int, stage: Stage, stride: int):
        super().__init__()
        wide = inputs * stage.expansion
        self.widen = ConvNorm(inputs, wide, 1) if stage.expansion > 1 else None
        self.filter = ConvNorm(wide, wide, stage.kernel, stride=stride, groups=wide)
        self.narrow = ConvNorm(wide, stage.channels, 1, active=False)
        self.residual = stride == 1 and inputs == stage.channels
        self.drop = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, channels, h / stride, w / stride)."""
        y: Tensor = self.narrow(self.filter(x if self.widen is None else self.widen(x)))
        if not self.residual:
            return y
        if self.training and self.drop > 0:
            kept = torch.rand(len(y), 1, 1, 1, device=y.device) >= self.drop
            y = y * kept / (1 - self.drop)
        return x + y


class Lite0(nn.Module):
    """EfficientNet-Lite0 for `classes` logits; answers (logits, maps, embedding, context), see :meth:`forward`.

    Args:
        classes: number of logits.
        channels: of the input; 1 for grey images.
        folded: without normalisation layers, as exported (see :meth:`fold`).
        dropout: share of the embedding dropped in training.
    """

    def __init__(self, classes: int, channels: int = 1, *, folded: bool = False, dropout: float = 0.2):
        super().__init__()
        self.stem = ConvNorm(channels, 32, 3, stride=2)
        blocks: list[Block] = []
        width = 32
        for stage in STAGES:
            for repeat in range(stage.repeats):
                blocks.append(Block(width, stage, stage.stride if repeat == 0 else 1))
                width = stage.channels
        self.blocks = nn.ModuleList(blocks)
        self.head = ConvNorm(width, EMBEDDING, 1)
        self.linear = nn.Linear(EMBEDDING, classes)
        self.dropout = dropout
        if folded:
            self.fold()

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, channels, s, s), normalised -> features (n, 1280, s / 32, s / 32), not negative, and context (n, 160)."""
        x = self.stem(x)
        context = x
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == CONTEXT_BLOCK:
                context = x
        return self.head(x), moments(context)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Normalised images (n, channels, s, s) -> logits (n, k), maps (n, k, h, w), embedding, context (n, 160).

        The embedding is (n, 1280). The context comes from the middle of the network, which fine-tuning hardly moves:
        it still tells kinds of images apart that the embedding has learned to ignore. In evaluation
        ``logits == linear.bias + maps.sum((2, 3))`` to float precision.
        """
        feature, context = self.features(x)
        embedding = feature.mean((2, 3))
        logits = self.linear(functional.dropout(embedding, self.dropout, self.training))
        weight = self.linear.weight[:, :, None, None] / (feature.shape[2] * feature.shape[3])
        return logits, functional.conv2d(feature, weight), embedding, context

    def fold(self) -> Lite0:
        """Fold every normalisation into its convolution, in place; for inference only."""
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.fold()
        return self.eval()
