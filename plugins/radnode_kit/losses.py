"""What training makes small: losses that know unknown labels, rare classes and mixed images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from node.plugin import Array
from radnode_kit.recipe import Recipe

LOSSES = ("bce", "focal", "logit-adjusted")
#: Label smoothing: labels of these sets are wrong now and then.
_SMOOTH = 0.05
_FOCUS = 2.0


class Loss:
    """Logits (n, k) and targets (n, k) -> one number; targets that are NaN do not count.

    Args:
        recipe: names the loss, and whether the labels exclude each other.
        targets: (m, k) of the training part, for the labels' frequencies.
        weights: (k,), how much each label counts; None: all alike.
    """

    def __init__(self, recipe: Recipe, targets: Array, weights: Tensor | None = None):
        if recipe.loss not in LOSSES:
            raise ValueError(f"loss is {recipe.loss!r}, allowed are {', '.join(LOSSES)}")
        self._recipe, self._weights = recipe, weights
        self._prior = torch.from_numpy(prior_logits(targets, exclusive=recipe.exclusive))

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The weighted mean over what is known."""
        if self._recipe.loss == "logit-adjusted":
            logits = logits + self._prior.to(logits.device)
        each, known = (self._softmax if self._recipe.exclusive else self._sigmoid)(logits, targets)
        share = known if self._weights is None or self._recipe.exclusive else known * self._weights.to(logits.device)
        return (each * share).sum() / share.sum().clamp(min=1e-6)

    def _softmax(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        soft = torch.nan_to_num(targets) * (1 - _SMOOTH) + _SMOOTH / targets.shape[1]
        log = functional.log_softmax(logits, dim=1)
        focus = (1 - log.exp()) ** _FOCUS if self._recipe.loss == "focal" else 1.0
        return -(soft * log * focus).sum(dim=1), (~torch.isnan(targets)).all(dim=1)

    def _sigmoid(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        soft = torch.nan_to_num(targets) * (1 - 2 * _SMOOTH) + _SMOOTH
        each = functional.binary_cross_entropy_with_logits(logits, soft, reduction="none")
        if self._recipe.loss == "focal":
            each = each * (soft - torch.sigmoid(logits)).abs() ** _FOCUS
        return each, ~torch.isnan(targets)


def label_weights(recipe: Recipe, labels: Sequence[str]) -> Tensor:
    """(k,): 1 for each watched label (all where none is named), `auxiliary` for the others."""
    watched = recipe.watch or labels
    return torch.tensor([1.0 if label in watched else recipe.auxiliary for label in labels])


def prior_logits(targets: Array, *, exclusive: bool) -> Array:
    """float32 (k,): log-odds of each label by its frequency, or the classes' log frequencies.

    Added to the logits in training, they leave the network to learn what goes beyond frequency (Menon et al.,
    arXiv:2007.07314).
    """
    known = (~np.isnan(targets)).sum(axis=0)
    share = (np.nansum(targets, axis=0) + 1.0) / (known + 2.0)
    return np.asarray(np.log(share) if exclusive else np.log(share / (1.0 - share)), dtype=np.float32)


def mixed(images: Tensor, targets: Tensor, share: float, order: Tensor) -> tuple[Tensor, Tensor]:
    """`share` of each image and of its targets, the rest from another (Zhang et al., arXiv:1710.09412).

    A target that is unknown in either image stays unknown.
    """
    return share * images + (1 - share) * images[order], share * targets + (1 - share) * targets[order]
