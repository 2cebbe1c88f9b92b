"""A small ensemble, distilled into one network: what several say together, at the price of one.

Comes in: a recipe with members. Goes out: one network. On disk afterwards: a folder with a checkpoint for each member
under the work folder, from which a stopped run goes on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from radnode_kit.bundle import Bundle
from radnode_kit.dataset import Dataset
from radnode_kit.lite import Lite
from radnode_kit.losses import label_weights
from radnode_kit.recipe import Recipe
from radnode_kit.training import Trainer


class Teachers(nn.Module):
    """Trained networks that together say what another one should answer.

    Args:
        networks: that were trained.
        exclusive: a softmax, else each label stands alone.
        mirrored: they look at the mirror image as well, so that the student learns what both have in common.
        weights: (k,), how much each label counts where each stands alone; None: all alike.
    """

    def __init__(self, networks: list[Lite], *, exclusive: bool, mirrored: bool = False, weights: Tensor | None = None):
        super().__init__()
        self._networks = nn.ModuleList(network.eval().requires_grad_(False) for network in networks)
        self._exclusive, self._mirrored, self._weights = exclusive, mirrored, weights

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (n, c, s, s) -> probabilities (n, k) of the mean logits."""
        views = [images, images.flip(-1)] if self._mirrored else [images]
        answers = [network(view)[0].float() for network in self._networks for view in views]
        logits = torch.stack(answers).mean(dim=0)
        return torch.softmax(logits, dim=1) if self._exclusive else torch.sigmoid(logits)

    def loss(self, logits: Tensor, images: Tensor) -> Tensor:
        """Cross entropy of logits (n, k) against what the teachers say of the same images."""
        soft: Tensor = self(images)
        if self._exclusive:
            return -(soft * functional.log_softmax(logits, dim=1)).sum(dim=1).mean()
        each = functional.binary_cross_entropy_with_logits(logits, soft, reduction="none").mean(dim=0)
        weights = torch.ones_like(each) if self._weights is None else self._weights.to(each.device)
        return (each * weights).sum() / weights.sum()


def train_ensemble(recipe: Recipe, bundle: Bundle, data: Dataset, work: Path, device: str) -> Lite:
    """Train every member, then the network that learns from all of them and from the labels."""
    networks = []
    for number, member in enumerate(recipe.of_members(), start=1):
        folder = work / f"member-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        networks.append(Trainer(member, bundle, data, folder, device).run(member.epochs))
    trainer = Trainer(replace(recipe, members=()), bundle, data, work, device)
    weights = label_weights(recipe, bundle.labels)
    teachers = Teachers(networks, exclusive=recipe.exclusive, mirrored=recipe.mirrored, weights=weights)
    trainer.learn_from(networks[0], teachers)
    return trainer.run(recipe.epochs)
