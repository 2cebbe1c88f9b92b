"""How a plugin's network is trained: ``bundle/configs/train.json``, read into a :class:`Recipe`."""

from __future__ import annotations

import json
from dataclasses import dataclass
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
        ridge: inverse regularisation (C) of the linear probe.
        limit_share: share of validation images that must pass each gate.
        limit_margin: factor on the distance of the limit, where false refusals weigh more than missed strangers.
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
    ridge: float = 0.01
    limit_share: float = 0.99
    limit_margin: float = 1.0
    source_weights: tuple[float, ...] = ()
    seed: int = 20260101


def read_recipe(folder: Path) -> Recipe:
    """Read the recipe of a plugin's folder; raises :class:`PluginError`."""
    try:
        table = json.loads((folder / TRAIN).read_text(encoding="utf-8"))
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
        return Recipe(**values)
    except (OSError, ValueError, TypeError) as error:
        raise PluginError(f"the training recipe cannot be read: {error}", about=str(folder / TRAIN)) from error
