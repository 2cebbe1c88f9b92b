"""Small subjects for the tests of explanations."""

from __future__ import annotations

import numpy as np
import torch

from node.plugin import Array
from radnode_kit.calibration import Calibration
from radnode_kit.explanations.subject import Subject, both_forms
from radnode_kit.lite import Lite

SIZE = 64


def network(classes: int = 2, *, dilated: bool = False, seed: int = 0) -> Lite:
    """An untrained network whose features differ from place to place; folded."""
    torch.manual_seed(seed)
    made = Lite(classes, dilated=dilated)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 1.5, 2.5)
            torch.nn.init.uniform_(module.bias, -0.5, 1.0)
    return made.fold()


def subject(classes: int = 2, size: int = SIZE, seed: int = 0) -> Subject:
    """An untrained dilated network with its plain twin."""
    made = network(classes, dilated=True, seed=seed)
    plain, fine = both_forms(made, classes=classes)
    return Subject(made, plain, fine, Calibration("platt", [1.0] * classes, [0.0] * classes), size)


def pictures(count: int, size: int = SIZE, seed: int = 0) -> Array:
    """Random blocks, (count, 1, size, size)."""
    coarse = np.random.default_rng(seed).normal(size=(count, 1, 8, 8))
    return np.asarray(np.kron(coarse, np.ones((size // 8, size // 8))), dtype=np.float32)


class Brightness:
    """Stands in for a network: the logit is the mean of one region, so the right explanation is known."""

    bias = np.zeros(1, dtype=np.float32)
    name = "brightness"

    def __init__(self, top: int, left: int, side: int):
        self.region = (slice(None), 0, slice(top, top + side), slice(left, left + side))

    def __call__(self, images: Array) -> Array:
        """(n, 1, s, s) -> (n, 1)."""
        return np.asarray(images[self.region].mean(axis=(1, 2))[:, None], dtype=np.float32)
