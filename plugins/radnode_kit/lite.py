"""EfficientNet-Lite with an exact class evidence map.

Architecture: Tan and Le, EfficientNet (arXiv:1905.11946), in its Lite variant: no squeeze-and-excitation, ReLU6
everywhere, stem, head and the repeats of the outer stages not scaled. Global average pooling and one linear layer make
the evidence exact: ``logit_c = bias_c + sum over positions of (w_c . feature) / (h * w)``.

A finer map costs no exactness: with `dilated` the last stride of two becomes a dilation (Yu and Koltun,
arXiv:1511.07122). Every second position then is, to the letter, a position of the plain network, and the others are
those of the plain network on the image shifted by 16 pixels, but for what the edges do: the logit becomes nearly the
mean over four shifts. That it is the sum of its map holds exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

EMBEDDING = 1280
#: Width and depth of each variant, relative to Lite0.
VARIANTS = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
_CONTEXT_STAGE, _DILATED_STAGE = 3, 5


@dataclass(frozen=True)
class Stage:
    """A run of inverted residual blocks.

    Attributes:
        kernel: side of the filters.
        stride: of the first block.
        expansion: how much wider a block is inside.
        channels: of the output.
        repeats: number of blocks.
        dilation: of the filters in the first block and in the others.
    """

    kernel: int
    stride: int
    expansion: int
    channels: int
    repeats: int
    dilation: tuple[int, int] = (1, 1)


STAGES = (
    Stage(3, 1, 1, 16, 1),
    Stage(3, 2, 6, 24, 2),
    Stage(5, 2, 6, 40, 2),
    Stage(3, 2, 6, 80, 3),
    Stage(5, 1, 6, 112, 3),
    Stage(5, 2, 6, 192, 4),
    Stage(3, 1, 6, 320, 1),
)


def stages_of(variant: str, *, dilated: bool = False) -> tuple[Stage, ...]:
    """The stages of one of :data:`VARIANTS`; raises KeyError for another."""
    width, depth = VARIANTS[variant]
    last = len(STAGES) - 1
    scaled = [
        replace(
            stage,
            channels=int(stage.channels * width + 4) // 8 * 8,
            repeats=stage.repeats if index in (0, last) else math.ceil(stage.repeats * depth),
        )
        for index, stage in enumerate(STAGES)
    ]
    if dilated:
        scaled[_DILATED_STAGE] = replace(scaled[_DILATED_STAGE], stride=1, dilation=(1, 2))
        scaled[last] = replace(scaled[last], dilation=(2, 2))
    return tuple(scaled)


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Zeros before and after an axis of `size`, as TensorFlow's SAME: the larger half comes after."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def moments(feature: Tensor) -> Tensor:
    """Mean and standard deviation over the positions of each channel: (n, c, h, w) -> (n, 2 c)."""
    mean = feature.mean((2, 3))
    spread = (feature - mean[:, :, None, None]).square().mean((2, 3))
    return torch.cat([mean, torch.sqrt(spread + 1e-8)], dim=1)


class ConvNorm(nn.Module):
    """Convolution with SAME padding, batch normalisation, and ReLU6 if `active`; `stride` and `dilation` as `step`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, step: tuple[int, int] = (1, 1), groups: int = 1, active: bool
    ):
        super().__init__()
        self.stride, self.dilation = step
        self.conv = nn.Conv2d(inputs, outputs, kernel, self.stride, groups=groups, dilation=self.dilation, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        self.kernel, self.active = kernel, active

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, ceil(h / stride), ceil(w / stride))."""
        if self.kernel > 1:
            top, bottom = same_padding(int(x.shape[2]), self.kernel, self.stride, self.dilation)
            left, right = same_padding(int(x.shape[3]), self.kernel, self.stride, self.dilation)
            # The zero is written out: a graph that leaves it open keeps ONNX Runtime from padding inside convolutions.
            x = functional.pad(x, (left, right, top, bottom), value=0.0)
        y: Tensor = self.norm(self.conv(x))
        return functional.relu6(y) if self.active else y

    def fold(self) -> None:
        """Fold the normalisation into the convolution (for inference; the values stay the same)."""
        if not isinstance(self.norm, nn.BatchNorm2d) or self.norm.running_var is None or self.norm.running_mean is None:
            return
        scale = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        folded = nn.Conv2d(
            self.conv.in_channels,
            self.conv.out_channels,
            self.kernel,
            self.stride,
            groups=self.conv.groups,
            dilation=self.dilation,
        )
        folded.weight = nn.Parameter((self.conv.weight * scale[:, None, None, None]).detach())
        folded.bias = nn.Parameter((self.norm.bias - self.norm.running_mean * scale).detach())
        self.conv, self.norm = folded, nn.Identity()


class Block(nn.Module):
    """Inverted residual: widen 1x1, filter each channel, narrow 1x1; the input is added where the shapes agree."""

    def __init__(self, inputs: int, stage: Stage, *, first: bool):
        super().__init__()
        wide, stride = inputs * stage.expansion, stage.stride if first else 1
        step = (stride, stage.dilation[0 if first else 1])
        self.widen = ConvNorm(inputs, wide, 1, active=True) if stage.expansion > 1 else None
        self.filter = ConvNorm(wide, wide, stage.kernel, step=step, groups=wide, active=True)
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


class Lite(nn.Module):
    """EfficientNet-Lite for `classes` logits; answers (logits, maps, embedding, context), see :meth:`forward`.

    Args:
        classes: number of logits.
        channels: of the input: 1 for grey images, 3 for colour.
        variant: one of :data:`VARIANTS`.
        dilated: maps at every 16 pixels instead of every 32; the parameters are the same.
        folded: without normalisation layers, as exported (see :meth:`fold`).
        dropout: share of the embedding dropped in training.
    """

    def __init__(
        self,
        classes: int,
        channels: int = 1,
        *,
        variant: str = "lite0",
        dilated: bool = False,
        folded: bool = False,
        dropout: float = 0.2,
    ):
        super().__init__()
        self.stem = ConvNorm(channels, 32, 3, step=(2, 1), active=True)
        stages = stages_of(variant, dilated=dilated)
        self.blocks = nn.ModuleList(_blocks(32, stages))
        self.context_block = sum(stage.repeats for stage in stages[: _CONTEXT_STAGE + 1]) - 1
        self.head = ConvNorm(stages[-1].channels, EMBEDDING, 1, active=True)
        self.linear = nn.Linear(EMBEDDING, classes)
        self.dropout = dropout
        if folded:
            self.fold()

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, channels, s, s), normalised -> features (n, 1280, h, w), not negative, and context (n, c).

        h and w are s / 32, or s / 16 when dilated; c is 160 for Lite0.
        """
        x = self.stem(x)
        context = x
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == self.context_block:
                context = x
        return self.head(x), moments(context)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Normalised images (n, channels, s, s) -> logits (n, k), maps (n, k, h, w), embedding, context.

        The embedding is (n, 1280). The context comes from the middle of the network, which fine-tuning hardly moves:
        it still tells kinds of images apart that the embedding has learned to ignore. In evaluation
        ``logits == linear.bias + maps.sum((2, 3))`` to float precision.
        """
        feature, context = self.features(x)
        embedding = feature.mean((2, 3))
        logits = self.linear(functional.dropout(embedding, self.dropout, self.training))
        weight = self.linear.weight[:, :, None, None] / (feature.shape[2] * feature.shape[3])
        return logits, functional.conv2d(feature, weight), embedding, context

    def fold(self) -> Lite:
        """Fold every normalisation into its convolution, in place; for inference only."""
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.fold()
        return self.eval()


def _blocks(width: int, stages: tuple[Stage, ...]) -> Iterator[Block]:
    for stage in stages:
        for repeat in range(stage.repeats):
            yield Block(width, stage, first=repeat == 0)
            width = stage.channels
