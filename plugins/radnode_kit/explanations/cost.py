"""What the maps cost: a forward pass with them, without them, and Grad-CAM for every label, side by side.

All are run in turn, round after round, so that whatever else the machine does meets them alike; figures are medians of
a round's ratios to the pass without maps, which keeps the gate's features as shipped.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from node.plugin import Array
from radnode_kit.bundle import ONNX
from radnode_kit.engines.session import session
from radnode_kit.explanations.gradients import activation_map, grad_cam
from radnode_kit.explanations.subject import laid_out, tensor_of, with_last_layer
from radnode_kit.lite import EMBEDDING, Lite

ROUNDS = 15
#: Labels of the comparison that is the same for every plugin.
MANY = 14


@dataclass(frozen=True)
class Cost:
    """Times of some ways to run a network.

    Attributes:
        seconds: median of each, by name; the first is the plain forward pass.
        ratios: median over the rounds of each one's time over that of the first, in the same round.
    """

    seconds: Mapping[str, float]
    ratios: Mapping[str, float]


def timed(ways: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> Cost:
    """Run every way once in each round, one round to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            begin = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - begin)
    kept = {name: values[1:] for name, values in taken.items()}
    first = next(iter(kept.values()))
    ratios = {name: median(a / b for a, b in zip(values, first, strict=True)) for name, values in kept.items()}
    return Cost({name: median(values) for name, values in kept.items()}, ratios)


def torch_cost(network: Lite, image: Array, rounds: int = ROUNDS) -> Cost:
    """Torch in float32: without maps, with the maps of all labels, and Grad-CAM for all labels, ours and MONAI's.

    Args:
        network: folded, in evaluation.
        image: (1, c, s, s), normalised.
        rounds: of measurement.
    """
    from monai.visualize import GradCAM  # slow to load, and needed here only

    labels, shown = network.linear.out_features, tensor_of(image)
    # A copy: its hooks stay, and the other ways must not pay for them.
    theirs = GradCAM(nn_module=_LogitsOnly(copy.deepcopy(network)).eval(), target_layers="network.head")

    def without() -> object:
        with torch.inference_mode():
            feature, _ = network.features(shown)
            return network.linear(feature.mean((2, 3)))

    def with_maps() -> object:
        with torch.inference_mode():
            return network(shown)

    def ours() -> object:
        return [activation_map(network, network.head, image, np.array([c]), grad_cam) for c in range(labels)]

    def monai() -> object:
        return [theirs(x=shown.clone(), class_idx=c) for c in range(labels)]

    return timed({"without": without, "with": with_maps, "Grad-CAM": ours, "MONAI's GradCAM": monai}, rounds)


class _LogitsOnly(torch.nn.Module):
    """MONAI's GradCAM wants a network that answers one tensor."""

    def __init__(self, network: Lite):
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(x)[0]
        return logits


def with_many_labels(network: Lite, seed: int = 0) -> Lite:
    """The same features with a last layer for :data:`MANY` labels, as large as chest networks have it."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(scale=0.01, size=(MANY, EMBEDDING)).astype(np.float32)
    return laid_out(with_last_layer(network, weight, np.zeros(MANY, dtype=np.float32)))


def onnx_cost(folder: Path, image: Array, threads: int, rounds: int = ROUNDS) -> Cost:
    """ONNX Runtime: the shipped graph without its output `maps`, and whole."""
    whole = ("logits", "maps", "embedding", "context")
    sessions = {"without": ("logits", "embedding", "context"), "with": whole}
    ways = {name: _ran(_session(folder / ONNX, outputs, threads), image) for name, outputs in sessions.items()}
    return timed(ways, rounds)


def _session(path: Path, outputs: tuple[str, ...], threads: int) -> Any:  # Any: onnxruntime is not typed
    """A session of the graph cut down to some outputs: what only the others need is then not computed."""
    import onnx

    model = onnx.load(path)
    kept = [output for output in model.graph.output if output.name in outputs]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    return session(model.SerializeToString(), threads)


def _ran(session: Any, image: Array) -> Callable[[], object]:
    return lambda: session.run(None, {"image": image})
