"""Trains the generator on the training part; a stopped run goes on from ``generator.pt`` as if nothing had been."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any  # torch's own layout of an optimiser's state

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from radnode_kit.synthetic.diffusion import NO_CLASS, NOISE_STEPS, Denoiser, Plan, losses, mixed, scaled
from radnode_kit.synthetic.images import CLASSES, VIEWS, Images, view
from radnode_kit.whole import whole

CHECKPOINT = "generator.pt"
_SAVE_EVERY = 200
_AVERAGE = 0.995
_WARM = 100


@dataclass
class Progress:
    """Where a run is: what the checkpoint holds.

    Attributes:
        network: being trained.
        average: moving average of its weights; what draws the samples.
        optimizer: of the network.
        step: number of steps done.
        history: loss of each step.
        seconds: that the steps took.
    """

    network: Denoiser
    average: Denoiser
    optimizer: torch.optim.Optimizer
    step: int = 0
    history: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def state(self) -> dict[str, Any]:
        """For the checkpoint: tensors and plain values only."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "history": self.history,
            "seconds": self.seconds,
        }


def train(images: Images, plan: Plan, work: Path) -> Progress:
    """Train for `plan.steps` steps in all; `images` are those of the training part and nothing else."""
    progress = resumed(plan, work)
    console, pixels = Console(), scaled(images.pixels)
    while progress.step < plan.steps:
        started = time.monotonic()
        loss = _step(progress, images, pixels, plan)
        progress.history.append(loss)
        progress.step += 1
        progress.seconds += time.monotonic() - started
        if progress.step % _SAVE_EVERY == 0 or progress.step == plan.steps:
            save(progress, work)
            recent = float(np.mean(progress.history[-_SAVE_EVERY:]))
            pace = plan.batch * progress.step / progress.seconds
            console.print(f"generator: step {progress.step} of {plan.steps}, loss {recent:.4f}, {pace:.0f} images/s")
    return progress


def _step(progress: Progress, images: Images, pixels: Tensor, plan: Plan) -> float:
    chosen, turns, noise, timesteps, hidden = draw(images, plan, progress.step)
    batch = torch.stack([_view(pixels[row], turn) for row, turn in zip(chosen, turns, strict=True)])
    classes = torch.from_numpy(np.where(hidden, NO_CLASS, images.classes[chosen])).float()
    set_rate(progress, plan)
    with mixed():
        loss = losses(progress.network, batch, classes, noise, timesteps).mean()
    progress.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    torch.nn.utils.clip_grad_norm_(progress.network.parameters(), 1.0)
    progress.optimizer.step()
    follow(progress)
    return float(loss.detach())


def draw(images: Images, plan: Plan, step: int) -> tuple[Any, Any, Tensor, Tensor, Any]:
    """Rows, views, noise, noise steps and which classes are withheld: the seed and the number of the step decide.

    Classes are drawn alike, so a rare class's images come more often: for those the check for copies matters most.
    """
    rng = np.random.default_rng((plan.seed, step))
    wanted = rng.integers(0, len(CLASSES), plan.batch)
    rows = {number: np.flatnonzero(images.classes == number) for number in np.unique(wanted)}
    chosen = np.array([rng.choice(rows[number]) for number in wanted])
    noise = torch.from_numpy(rng.standard_normal((plan.batch, 3, plan.size, plan.size), dtype=np.float32))
    timesteps = torch.from_numpy(rng.integers(0, NOISE_STEPS, plan.batch))
    return chosen, rng.integers(0, VIEWS, plan.batch), noise, timesteps, rng.random(plan.batch) < plan.drop


def _view(image: Tensor, number: int) -> Tensor:
    return torch.from_numpy(view(image.numpy(), number))


def set_rate(progress: Progress, plan: Plan) -> None:
    """A linear start, then a cosine to zero."""
    warm = min(1.0, (progress.step + 1) / _WARM)
    for group in progress.optimizer.param_groups:
        group["lr"] = plan.rate * warm * 0.5 * (1.0 + math.cos(math.pi * progress.step / plan.steps))


def follow(progress: Progress) -> None:
    """Move the average towards the network: quickly at first, then ever more slowly."""
    weight = 1.0 - min(_AVERAGE, (progress.step + 1) / (progress.step + 10))
    with torch.no_grad():
        for mean, now in zip(progress.average.parameters(), progress.network.parameters(), strict=True):
            mean.lerp_(now, weight)


def resumed(plan: Plan, work: Path) -> Progress:
    """The run in the work folder, or a new one."""
    torch.manual_seed(plan.seed)
    network = Denoiser(plan.channels)
    optimizer = torch.optim.AdamW(network.parameters(), plan.rate, weight_decay=1e-3)
    progress = Progress(network, copy.deepcopy(network).eval(), optimizer)
    if (work / CHECKPOINT).is_file():
        state = torch.load(work / CHECKPOINT, map_location="cpu", weights_only=True)
        for name in ("network", "average", "optimizer"):
            getattr(progress, name).load_state_dict(state[name])
        progress.step, progress.history, progress.seconds = state["step"], state["history"], state["seconds"]
    return progress


def save(progress: Progress, work: Path) -> None:
    """Write the checkpoint whole or not at all."""
    with whole(work / CHECKPOINT) as new:
        torch.save(progress.state(), new)
