"""Builds files as strangers write them: random weights under the public names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

BLOCKS = (6, 12, 24, 16)
OLD, NEW, MONAI = ("norm.{}", "conv.{}"), ("norm{}", "conv{}"), ("layers.norm{}", "layers.conv{}")


def densenet_state(
    prefix: str = "", last: str = "classifier", layer: tuple[str, str] = NEW, *, classes: int = 14, channels: int = 3
) -> dict[str, Tensor]:
    """A DenseNet-121's tensors, named by hand as torchvision and its followers publish them, not by our tables."""
    generator = torch.Generator().manual_seed(11)
    state: dict[str, Tensor] = {}

    def conv(name: str, out: int, into: int, kernel: int) -> None:
        spread = (2.0 / (into * kernel * kernel)) ** 0.5
        state[f"{prefix}{name}.weight"] = torch.randn(out, into, kernel, kernel, generator=generator) * spread

    def norm(name: str, width: int) -> None:
        for part, low, high in (("weight", 0.5, 1.5), ("bias", -0.2, 0.4), ("running_var", 0.5, 1.5)):
            state[f"{prefix}{name}.{part}"] = torch.rand(width, generator=generator) * (high - low) + low
        state[f"{prefix}{name}.running_mean"] = torch.randn(width, generator=generator) * 0.1

    conv("features.conv0", 64, channels, 7)
    norm("features.norm0", 64)
    width = 64
    for block, layers in enumerate(BLOCKS, start=1):
        for number in range(1, layers + 1):
            start = f"features.denseblock{block}.denselayer{number}"
            norm(f"{start}.{layer[0].format(1)}", width)
            conv(f"{start}.{layer[1].format(1)}", 128, width, 1)
            norm(f"{start}.{layer[0].format(2)}", 128)
            conv(f"{start}.{layer[1].format(2)}", 32, 128, 3)
            width += 32
        if block < 4:
            norm(f"features.transition{block}.norm", width)
            conv(f"features.transition{block}.conv", width // 2, width, 1)
            width //= 2
    norm("features.norm5", width)
    state[f"{prefix}{last}.weight"] = torch.randn(classes, width, generator=generator) * 0.05
    state[f"{prefix}{last}.bias"] = torch.randn(classes, generator=generator) * 0.1
    return state


def chexnet_file(folder: Path, *, state: Mapping[str, Tensor] | None = None) -> Path:
    """``model.pth.tar`` as arnoweng's CheXNet is saved: by torch before 0.4, within DataParallel."""
    path = folder / "model.pth.tar"
    state = state or densenet_state("module.densenet121.", "classifier.0", OLD)
    torch.save({"epoch": 7, "arch": "DenseNet121", "state_dict": dict(state), "best_loss": 0.15}, path)
    return path


def xrv_file(folder: Path, thresholds: Tensor | None = None, labels: list[str] | None = None) -> Path:
    """A TorchXRayVision DenseNet as the card tells to convert it."""
    path = folder / "xrv.safetensors"
    state = densenet_state(classes=18, channels=1)
    if thresholds is not None:
        state["op_threshs"] = thresholds
    save_file(state, path, metadata=None if labels is None else {"labels": json.dumps(labels)})
    return path


class Pooled(nn.Module):
    """A small network that ends in global average pooling and one linear layer."""

    def __init__(self, classes: int = 2, channels: int = 3):
        super().__init__()
        torch.manual_seed(3)
        self.conv = nn.Conv2d(channels, 8, 3, stride=4, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, s, s) -> (n, classes)."""
        answer: Tensor = self.linear(torch.flatten(self.pool(torch.relu(self.conv(x))), 1))
        return answer


class Deep(Pooled):
    """The same with a hidden layer at the end, so that no map can be exact."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, s, s) -> (n, classes)."""
        pooled = torch.flatten(self.pool(torch.relu(self.conv(x))), 1)
        answer: Tensor = self.linear(torch.tanh(pooled))
        return answer
