"""Trains one plugin's network: fine-tuning of the ImageNet weights, or the linear probe on them as a floor.

Comes in: a :class:`Dataset`, a :class:`Recipe`. Goes out: a network with the weights of the epoch that did best on the
validation part, averaged over steps. On disk afterwards: ``checkpoint.pt`` in the work folder, from which a stopped run
goes on (it is ours and never shipped; loaded with ``weights_only``).
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from node.errors import PluginError
from node.plugin import Array
from radnode_kit.augmentation import Augmentation
from radnode_kit.bundle import Bundle
from radnode_kit.dataset import Dataset
from radnode_kit.imagenet import pretrained
from radnode_kit.lite import Block, Lite
from radnode_kit.losses import Loss, label_weights, mixed
from radnode_kit.probe import probe
from radnode_kit.recipe import Recipe
from radnode_kit.sampling import chances, draw, sample_weights
from radnode_kit.watch import score
from radnode_kit.whole import whole

#: Weight of the past in the moving average of the weights, once it has begun.
_AVERAGE = 0.985
#: The new last layer learns so much faster than the rest.
_HEAD_RATE = 4.0


class Distillation(Protocol):
    """Something that says what the network should answer (``radnode_kit.ensemble``)."""

    def loss(self, logits: Tensor, images: Tensor) -> Tensor:
        """One number for logits (n, k) of normalised images (n, c, s, s)."""


@dataclass
class Progress:
    """Where a run is: what the checkpoint holds.

    Attributes:
        epoch: number of epochs done.
        network: being trained.
        average: moving average of its weights; what is measured and kept.
        best: best validation score so far.
        state: weights of that score.
        history: validation score after each epoch.
        optimizer: its state; empty at the start.
    """

    epoch: int
    network: Lite
    average: Lite
    best: float = -math.inf
    state: dict[str, Tensor] = field(default_factory=dict)
    history: list[float] = field(default_factory=list)
    optimizer: dict[str, Any] = field(default_factory=dict)  # torch's own layout


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
        self.chances = chances(self.train, recipe)
        self.loss = Loss(recipe, self.train.targets, label_weights(recipe, bundle.labels))
        self.first: Lite | None = None
        self.teachers: Distillation | None = None
        torch.manual_seed(recipe.seed)

    def learn_from(self, first: Lite, teachers: Distillation) -> None:
        """Begin with the weights of `first`, and listen to the teachers as well as to the labels."""
        self.first, self.teachers = first, teachers

    def run(self, epochs: int) -> Lite:
        """Train for so many epochs in all (0: the linear probe alone); goes on from a checkpoint."""
        if epochs == 0:
            return self._probe()
        progress = self._resume() or self._start()
        optimizer = self._optimizer(progress)
        while progress.epoch < epochs:
            self._epoch(progress, optimizer, epochs)
            self._judge(progress)
            progress.optimizer = optimizer.state_dict()
            self._save(progress)
        network = copy.deepcopy(progress.average)
        network.load_state_dict(progress.state)
        return network.eval()

    def _probe(self) -> Lite:
        network = channels_last(self._pretrained().to(self.device))
        embeddings = self.outputs(network, self.train)[1]
        weights = sample_weights(self.train, self.recipe)
        weight, bias = probe(embeddings, self.train.targets, weights, self.recipe)
        network.linear.weight.data = torch.from_numpy(weight).to(self.device)
        network.linear.bias.data = torch.from_numpy(bias).to(self.device)
        self.console.print(f"linear probe: validation score {self._score(network):.4f}")
        return network.eval()

    @property
    def _made_by(self) -> str:
        """All that decides the weights besides data and epochs: a checkpoint of anything else is no start."""
        bundle = self.bundle
        sees = (bundle.labels, bundle.size, bundle.channels, bundle.mean, bundle.deviation, bundle.smooth)
        return repr((self.recipe, sees, sorted(bundle.network.items())))

    def _pretrained(self) -> Lite:
        variant = self.recipe.variant or str(self.bundle.network.get("variant", "lite0"))
        return pretrained(len(self.bundle.labels), self.bundle.channels, variant)

    def _start(self) -> Progress:
        if self.first is not None:
            network = copy.deepcopy(self.first).requires_grad_(True)
            return Progress(0, network, copy.deepcopy(network))
        network = channels_last(self._pretrained().to(self.device))
        nn.init.zeros_(network.linear.weight)
        nn.init.zeros_(network.linear.bias)
        return Progress(0, network, copy.deepcopy(network))

    def _optimizer(self, progress: Progress) -> torch.optim.AdamW:
        network = progress.network
        prepare(network, self.recipe.frozen)
        head = list(network.linear.parameters())
        moving = ((name, p) for name, p in network.named_parameters() if p.requires_grad)
        body = [p for name, p in moving if not name.startswith("linear.")]
        groups = [
            {"params": [p for p in body if p.ndim > 1], "weight_decay": 0.02, "factor": 1.0},
            {"params": [p for p in body if p.ndim <= 1], "weight_decay": 0.0, "factor": 1.0},
            {"params": head, "weight_decay": 0.01, "factor": _HEAD_RATE},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.recipe.rate)
        if progress.optimizer:
            optimizer.load_state_dict(progress.optimizer)
        return optimizer

    def _epoch(self, progress: Progress, optimizer: torch.optim.Optimizer, epochs: int) -> None:
        """One pass over as many images as there are, drawn so that labels and sources come as the recipe says."""
        progress.network.train()
        seed = self.recipe.seed + progress.epoch
        augmentation = Augmentation(self.recipe, seed=seed)
        steps = len(self.train.samples) // self.recipe.batch
        order = draw(self.chances, steps * self.recipe.batch, seed).reshape(steps, -1)
        for step, chosen in enumerate(track(order, description=f"epoch {progress.epoch + 1}/{epochs}")):
            done = progress.epoch * steps + step
            set_rate(optimizer, self.recipe.rate, done, steps, epochs)
            loss = self._loss(progress.network, augmentation(self.train.canvases[chosen]), chosen)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(progress.network.parameters(), 2.0)
            optimizer.step()
            average(progress.average, progress.network, done)
        progress.epoch += 1

    def _loss(self, network: Lite, images: Tensor, chosen: npt.NDArray[np.int64]) -> Tensor:
        targets = torch.from_numpy(self.train.targets[chosen])
        if self.recipe.mixup > 0:
            share = float(torch.distributions.Beta(self.recipe.mixup, self.recipe.mixup).sample())
            images, targets = mixed(images, targets, share, torch.randperm(len(images)))
        normal = self._normalise(images)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = network(normal)[0].float()
            told = self.teachers.loss(logits, normal) if self.teachers else 0.0
        share = self.recipe.distil if self.teachers else 0.0
        return (1 - share) * self.loss(logits, targets.to(self.device)) + share * told

    def _normalise(self, images: Tensor) -> Tensor:
        normal = torch.from_numpy(self.bundle.normalised(images.numpy()))
        return normal.to(self.device, memory_format=torch.channels_last)

    def _score(self, network: Lite) -> float:
        return score(self.outputs(network, self.validation)[0], self.validation, self.recipe.watch, self.bundle.labels)

    def _judge(self, progress: Progress) -> None:
        value = self._score(progress.average)
        progress.history.append(value)
        self.console.print(f"epoch {progress.epoch}: validation score {value:.4f}")
        if value > progress.best:
            progress.best = value
            progress.state = copy.deepcopy(progress.average.state_dict())

    @torch.inference_mode()
    def outputs(self, network: Lite, data: Dataset) -> tuple[Array, Array]:
        """Logits (n, k) and embeddings (n, 1280) of every canvas, without augmentation."""
        network.eval()
        parts = []
        for start in range(0, len(data.samples), 32):
            images = torch.from_numpy(data.canvases[start : start + 32].astype(np.float32) / 255.0)
            with torch.autocast(self.device.type, dtype=torch.bfloat16):
                logits, _, embedding, _ = network(self._normalise(images))
            parts.append((logits.float().cpu().numpy(), embedding.float().cpu().numpy()))
        logits, embedding = (np.concatenate(part) for part in zip(*parts, strict=True))
        return logits, embedding

    def _save(self, progress: Progress) -> None:
        states = {"network": progress.network.state_dict(), "average": progress.average.state_dict()}
        numbers = {"epoch": progress.epoch, "best": progress.best, "history": progress.history}
        with whole(self.checkpoint) as new:
            kept = {"state": progress.state, "optimizer": progress.optimizer, "made_by": self._made_by}
            torch.save({**states, **numbers, **kept}, new)

    def _resume(self) -> Progress | None:
        if not self.checkpoint.is_file():
            return None
        stored: dict[str, Any] = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        if stored.get("made_by") != self._made_by:
            hint = "delete the folder to begin anew, or go back to the recipe it was begun with"
            raise PluginError("a run with another recipe stopped here", about=str(self.checkpoint), hint=hint)
        network = channels_last(self._pretrained().to(self.device))
        network.load_state_dict(stored["network"])
        mean = copy.deepcopy(network)
        mean.load_state_dict(stored["average"])
        self.console.print(f"going on after epoch {stored['epoch']}")
        return Progress(
            stored["epoch"], network, mean, stored["best"], stored["state"], stored["history"], stored["optimizer"]
        )


def device_of(wish: str) -> str:
    """``cuda:0`` for ``auto`` where there is a GPU, else ``cpu``; any other wish as it is."""
    if wish != "auto":
        return wish
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def prepare(network: Lite, frozen: int = 0) -> None:
    """For training: statistics that follow within an epoch, and deep blocks that are left out now and then.

    The stem and the first `frozen` blocks keep their weights: edges are edges, and most of the time goes there.
    Lite's own momentum of 0.01 is made for a million images (Huang et al., Deep Networks with Stochastic Depth, 2016).
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1
    blocks = [module for module in network.blocks if isinstance(module, Block)]
    for module in (network.stem, *blocks[:frozen]) if frozen else ():
        module.requires_grad_(False)
    for index, block in enumerate(blocks):
        block.drop = 0.1 * index / len(blocks)


def channels_last(network: Lite) -> Lite:
    """Lay out every convolution's weights with the channels last: twice as fast on a CPU; in place."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def set_rate(optimizer: torch.optim.Optimizer, rate: float, done: int, steps: int, epochs: int) -> None:
    """A warm-up over half an epoch, then half a cosine down to a hundredth; `done` steps of `steps` x `epochs`."""
    warm = min(1.0, (done + 1) / (0.5 * steps))
    factor = max(0.01, warm * 0.5 * (1 + math.cos(math.pi * done / (steps * epochs))))
    for group in optimizer.param_groups:
        group["lr"] = rate * factor * group["factor"]


@torch.no_grad()
def average(mean: Lite, network: Lite, done: int) -> None:
    """Move averaged weights and statistics a step towards the network's; faster in the first steps."""
    kept_share = min(_AVERAGE, (1 + done) / (10 + done))
    for kept, new in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1.0 - kept_share)
