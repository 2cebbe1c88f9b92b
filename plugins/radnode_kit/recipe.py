"""How a plugin's network is trained: ``bundle/configs/train.json``, read into a :class:`Recipe`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any  # the JSON edge

from node.errors import PluginError

TRAIN = "bundle/configs/train.json"


@dataclass(frozen=True)
class Recipe:
    """What training needs to know beyond the bundle.

    Attributes:
        sources: names of the data sets (see ``radnode_kit.sources``).
        exclusive: exactly one label is true (softmax), else each stands alone (sigmoid).
        reference: label that means nothing was found; empty without a softmax.
        threshold: rule for the operating point, ``youden`` or ``majority``.
        epochs: of fine-tuning.
        batch: images in one step.
        rate: highest learning rate.
        flip: left and right may be exchanged.
        turn: any angle and both mirror images are alike (skin), else small angles only.
        invert: share of training images shown inverted, as a forgotten MONOCHROME1 would.
        frozen: number of first blocks whose weights stay; their statistics follow the data all the same.
        loss: ``bce`` (or cross entropy), ``focal`` (Lin et al. 2017) or ``logit-adjusted`` (Menon et al. 2021).
        mixup: parameter of the Beta distribution by which two images are mixed (Zhang et al. 2018); 0: never.
        watch: labels by which images are drawn and the best epoch is chosen; empty: all.
        auxiliary: how much a label counts in the loss that is not among those of `watch`.
        balance: strata within which those labels are drawn alike, e.g. ``view``, so that a stratum tells no label.
        ridge: inverse regularisation (C) of the linear probe.
        limit_share: share of the validation images of every kind that must pass each gate.
        limit_margin: factor on the distance of the limit, where false refusals weigh more than missed strangers.
        members: recipes that differ from this one, each trained by itself; the shipped network is then distilled from
            all of them (Hinton et al., arXiv:1503.02531), starting from the first, which has its backbone. Empty: no
            ensemble.
        distil: how much the members count against the labels in that last stage, 0..1.
        mirrored: the members look at the mirror image as well, and their student learns what both have in common.
        wrong: kinds of wrong image that the input check learns, made from right ones (``radnode_kit.wrong``).
        every_turn: it learns all training images in each quarter turn, and with `flip` their mirror images as right;
            else as few turned ones as of any wrong kind, which is enough where up and down differ much.
        either_way_up: labels of which a source has images upside down, too: their half turn is not taught as wrong.
        strangers: other sets whose images it learns to refuse.
        check_share: share of the validation images of every kind that must pass the check.
        varied_share: share of the validation images, shown as other scanners and archives would, that must pass gates
            and check; 0: the gates know images as they are, and refuse more of what is unlike them.
        error_rate: of each kind, at most, outside the band of probabilities that is no answer.
        enough: images with a label that the parts (training, validation, held-back) must have for it to be claimed.
        unanswered: share of the validation images of any source, at most, on which a claimed label is no answer.
        error_limit: expected calibration error, at most, of a claimed label (see ``radnode_kit.enough``).
        variant: of the backbone, where a member differs from the shipped network: ``lite0``, ``lite1`` or ``lite2``;
            empty: the bundle's.
        source_weights: how often each source is drawn, relative to the others.
        seed: of everything random.
    """

    sources: tuple[str, ...]
    exclusive: bool
    reference: str = ""
    threshold: str = "youden"
    epochs: int = 8
    batch: int = 32
    rate: float = 1e-3
    flip: bool = True
    turn: bool = False
    invert: float = 0.0
    frozen: int = 0
    loss: str = "bce"
    mixup: float = 0.0
    watch: tuple[str, ...] = ()
    auxiliary: float = 1.0
    balance: tuple[str, ...] = ()
    ridge: float = 0.01
    limit_share: float = 0.99
    limit_margin: float = 1.0
    members: tuple[Mapping[str, Any], ...] = ()
    distil: float = 0.6
    mirrored: bool = False
    wrong: tuple[str, ...] = ("inverted", "rotated", "cropped", "screen", "noise")
    every_turn: bool = False
    either_way_up: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    check_share: float = 0.98
    varied_share: float = 0.95
    error_rate: float = 0.1
    enough: tuple[int, int, int] = (100, 20, 20)
    unanswered: float = 0.5
    error_limit: float = 0.05
    variant: str = ""
    source_weights: tuple[float, ...] = ()
    seed: int = 20260101

    def of_members(self) -> list[Recipe]:
        """The recipe of each member; raises TypeError for a key that there is not."""
        return [replace(self, members=(), **_tuples(member)) for member in self.members]

    def lasting(self, epochs: int) -> Recipe:
        """The same with so many epochs for every network that is trained: the members too."""
        return replace(self, epochs=epochs, members=tuple({**member, "epochs": epochs} for member in self.members))


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def read_recipe(folder: Path) -> Recipe:
    """Read the recipe of a plugin's folder; raises :class:`PluginError`."""
    try:
        table = json.loads((folder / TRAIN).read_text(encoding="utf-8"))
        recipe = Recipe(**_tuples(table))
        recipe.of_members()
        return recipe
    except (OSError, ValueError, TypeError) as error:
        raise PluginError(f"the training recipe cannot be read: {error}", about=str(folder / TRAIN)) from error
