"""Trains one plugin's network: a linear probe on frozen features, then fine-tuning from there.

Comes in: a :class:`Dataset`, a :class:`Recipe`. Goes out: a network with the weights of the epoch that did best on the
validation part, averaged over steps. On disk afterwards: ``checkpoint.pt`` in the work folder, from which a stopped run
goes on (it is ours and never shipped; loaded with ``weights_only``).
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional

from node.plugin import Array
from radnode_kit.augmentation import Augmentation
from radnode_kit.bundle import Bundle
from radnode_kit.dataset import Dataset
from radnode_kit.imagenet import pretrained
from radnode_kit.lite import Lite0
from radnode_kit.metrics import score
from radnode_kit.probe import probe
from radnode_kit.recipe import Recipe

_AVERAGE = 0.98


@dataclass
class Progress:
    """Where a run is: what the checkpoint holds.

    Attributes:
        epoch: number of epochs done.
        network: being trained.
        average: moving average of its weights; what is measured and kept.
        best: best validation score so far.
        state: weights of that score.
        history: validation score after each epoch, the linear probe first.
    """

    epoch: int
    network: Lite0
    average: Lite0
    best: float = -math.inf
    state: dict[str, Tensor] = field(default_factory=dict)
    history: list[float] = field(default_factory=list)


class Trainer:
    """One run of training.

    Args:
        recipe: how.
        bundle: sizes, labels and normalisation.
        data: all parts; the held-back part is never touched.
        work: folder for the checkpoint.
        device: ``cpu`` or ``cuda:N``.
    """

    def __init__(self, recipe: Recipe, bundle: Bundle, data: Dataset, work: Path, device: str = "cpu"):
        self.recipe, self.bundle, self.device = recipe, bundle, torch.device(device)
        self.train, self.validation = data.part("train"), data.part("validation")
        self.checkpoint = work / "checkpoint.pt"
        self.console = Console()
        self.weights = torch.from_numpy(sample_weights(self.train, recipe))
        torch.manual_seed(recipe.seed)

    def run(self, epochs: int) -> Lite0:
        """Train for so many epochs in all (0: the linear probe alone); goes on from a checkpoint."""
        progress = self._resume() or self._start()
        self._save(progress)
        optimizer = self._optimizer(progress.network)
        augmentation = Augmentation(flip=self.recipe.flip, seed=self.recipe.seed + progress.epoch)
        while progress.epoch < epochs:
            self._epoch(progress, optimizer, augmentation, epochs)
            self._judge(progress)
            self._save(progress)
        network = copy.deepcopy(progress.average)
        network.load_state_dict(progress.state)
        return network.eval()

    def _start(self) -> Progress:
        network = channels_last(pretrained(len(self.bundle.labels)).to(self.device))
        embeddings = self.outputs(network, self.train)[1]
        weight, bias = probe(embeddings, self.train.targets, self.weights.numpy(), self.recipe)
        network.linear.weight.data = torch.from_numpy(weight).to(self.device)
        network.linear.bias.data = torch.from_numpy(bias).to(self.device)
        progress = Progress(0, network, copy.deepcopy(network))
        self._judge(progress)
        return progress

    def _optimizer(self, network: Lite0) -> torch.optim.AdamW:
        for part in [network.stem, *list(network.blocks)[: self.recipe.frozen]]:
            part.requires_grad_(False)
        moving = [p for p in network.parameters() if p.requires_grad]
        decayed = [p for p in moving if p.ndim > 1]
        rest = [p for p in moving if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=self.recipe.rate)

    def _epoch(
        self, progress: Progress, optimizer: torch.optim.Optimizer, augmentation: Augmentation, epochs: int
    ) -> None:
        progress.network.train()
        freeze_statistics(progress.network)
        order = draw(self.train.sources, self.recipe.seed + progress.epoch)
        batches = [order[i : i + self.recipe.batch] for i in range(0, len(order), self.recipe.batch)]
        for step, chosen in enumerate(track(batches, description=f"epoch {progress.epoch + 1}/{epochs}")):
            set_rate(optimizer, self.recipe.rate, (progress.epoch + step / len(batches)) / epochs)
            loss = self._loss(progress.network, chosen, augmentation)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(progress.network.parameters(), 5.0)
            optimizer.step()
            average(progress.average, progress.network)
        progress.epoch += 1

    def _loss(self, network: Lite0, chosen: npt.NDArray[np.int64], augmentation: Augmentation) -> Tensor:
        images = torch.stack([augmentation(self.train.canvases[index]) for index in chosen])
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = network(self._normalise(images))[0]
        targets = torch.from_numpy(self.train.targets[chosen]).to(self.device)
        return masked_loss(logits.float(), targets, self.weights[chosen].to(self.device), self.recipe.exclusive)

    def _normalise(self, images: Tensor) -> Tensor:
        normal = (images - self.bundle.mean) / self.bundle.deviation
        return normal.to(self.device, memory_format=torch.channels_last)

    def _judge(self, progress: Progress) -> None:
        logits, _ = self.outputs(progress.average, self.validation)
        value = score(logits, self.validation)
        progress.history.append(value)
        self.console.print(f"epoch {progress.epoch}: validation score {value:.4f}")
        if value > progress.best:
            progress.best = value
            progress.state = copy.deepcopy(progress.average.state_dict())

    @torch.inference_mode()
    def outputs(self, network: Lite0, data: Dataset) -> tuple[Array, Array]:
        """Logits (n, k) and embeddings (n, 1280) of every canvas, without augmentation."""
        network.eval()
        parts = []
        for start in range(0, len(data.samples), 32):
            images = torch.from_numpy(data.canvases[start : start + 32].astype(np.float32) / 255.0)[:, None]
            with torch.autocast(self.device.type, dtype=torch.bfloat16):
                logits, _, embedding, _ = network(self._normalise(images))
            parts.append((logits.float().cpu().numpy(), embedding.float().cpu().numpy()))
        logits, embedding = (np.concatenate(part) for part in zip(*parts, strict=True))
        return logits, embedding

    def _save(self, progress: Progress) -> None:
        states = {"network": progress.network.state_dict(), "average": progress.average.state_dict()}
        numbers = {"epoch": progress.epoch, "best": progress.best, "history": progress.history}
        torch.save({**states, **numbers, "state": progress.state}, self.checkpoint)

    def _resume(self) -> Progress | None:
        if not self.checkpoint.is_file():
            return None
        stored: dict[str, Any] = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        network = channels_last(Lite0(len(self.bundle.labels)).to(self.device))
        network.load_state_dict(stored["network"])
        mean = copy.deepcopy(network)
        mean.load_state_dict(stored["average"])
        self.console.print(f"going on after epoch {stored['epoch']}")
        return Progress(stored["epoch"], network, mean, stored["best"], stored["state"], stored["history"])


def masked_loss(logits: Tensor, targets: Tensor, weights: Tensor, exclusive: bool) -> Tensor:
    """Weighted cross entropy, of a softmax if `exclusive`; labels that are NaN in `targets` (n, k) do not count.

    Args:
        logits: (n, k).
        targets: (n, k), 1, 0 or NaN.
        weights: (n, k), see :func:`sample_weights`.
        exclusive: exactly one label of each row is true.
    """
    if exclusive:
        each = functional.cross_entropy(logits, targets.argmax(dim=1), reduction="none", label_smoothing=0.05)
        return (each * weights[:, 0]).mean()
    smooth = torch.nan_to_num(targets) * 0.94 + 0.03
    each = functional.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
    return (each * weights * ~torch.isnan(targets)).mean()


def sample_weights(data: Dataset, recipe: Recipe) -> Array:
    """float32 (n, k) of mean about 1: each label weighs the same in each source, and sources as the recipe says."""
    weights = np.zeros_like(data.targets)
    shares = recipe.source_weights or (1.0,) * len(recipe.sources)
    for source, share in zip(recipe.sources, shares, strict=True):
        here = data.sources == source
        for column in range(data.targets.shape[1]):
            for value in (0.0, 1.0):
                chosen = here & (data.targets[:, column] == value)
                if chosen.any():
                    weights[chosen, column] = share * here.sum() / (2.0 * chosen.sum())
    if recipe.exclusive:
        own = (weights * np.nan_to_num(data.targets)).sum(axis=1, keepdims=True)
        weights = np.repeat(own, weights.shape[1], axis=1)
    return np.asarray(weights / weights[weights > 0].mean(), dtype=np.float32)


def draw(sources: npt.NDArray[np.str_], seed: int) -> npt.NDArray[np.int64]:
    """One epoch's images in random order: from every source as many as the smallest has, others the next time."""
    rng = np.random.default_rng(seed)
    count = min(int((sources == source).sum()) for source in np.unique(sources))
    chosen = [rng.permutation(np.flatnonzero(sources == source))[:count] for source in np.unique(sources)]
    return rng.permutation(np.concatenate(chosen))


def freeze_statistics(network: Lite0) -> None:
    """Keep the running statistics of every normalisation: small batches would only blur them."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def channels_last(network: Lite0) -> Lite0:
    """Lay out every convolution's weights with the channels last: twice as fast on a CPU; in place."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def set_rate(optimizer: torch.optim.Optimizer, rate: float, done: float) -> None:
    """A short warm-up over 5 % of the run, then half a cosine down to a fiftieth; `done` is 0..1."""
    factor = min(1.0, 0.1 + done / 0.05 * 0.9) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
    for group in optimizer.param_groups:
        group["lr"] = rate * factor


@torch.no_grad()
def average(mean: Lite0, network: Lite0) -> None:
    """Move the averaged weights a step towards the network's."""
    for kept, new in zip(mean.parameters(), network.parameters(), strict=True):
        kept.lerp_(new, 1.0 - _AVERAGE)
