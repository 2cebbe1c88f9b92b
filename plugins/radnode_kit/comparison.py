"""Which backbone, input size and loss: compared by a linear layer on frozen ImageNet features.

Minutes where fine-tuning all of them would take days, and the floor that fine-tuning has to pass. Chosen by the
validation part; the held-back part is looked at once, for the recipe's own choice, as the floor in the model card.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from node.plugin import Array
from radnode_kit.bundle import Bundle, read_bundle
from radnode_kit.card import interval, markdown, write_card
from radnode_kit.dataset import Dataset, load_dataset
from radnode_kit.imagenet import pretrained
from radnode_kit.lite import VARIANTS
from radnode_kit.losses import LOSSES, Loss
from radnode_kit.metrics import auroc, bootstrap
from radnode_kit.recipe import Recipe, read_recipe
from radnode_kit.sampling import sample_weights
from radnode_kit.sources import read_sources
from radnode_kit.training import channels_last
from radnode_kit.watch import score
from radnode_kit.whole import whole

#: Penalties on the squared weights; the validation part chooses, so that the floor is no straw man.
_RIDGES = (3e-3, 3e-2, 3e-1)


def comparison(folder: Path, data: Path, work: Path, *, write: bool) -> str:
    """Compare them all; answers the card's text, and writes it into the model card if asked."""
    recipe, bundle = read_recipe(folder), read_bundle(folder)
    rows = [row for variant, size in _inputs(bundle) for row in _rows(variant, size, recipe, bundle, data, work)]
    best = max(rows, key=lambda row: row[3])
    table = markdown(["backbone", "input", "loss", "validation AUROC"], [[*row[:3], f"{row[3]:.3f}"] for row in rows])
    text = (
        "### Backbones and losses\n\nA linear layer on frozen ImageNet features at its best of three penalties, mean "
        "AUROC over sources and watched labels of the validation part; best: "
        f"{best[0]} at {best[1]} with {best[2]}.\n\n{table}\n\n" + _floor(recipe, bundle, data, work)
    )
    if write:
        write_card(folder, text, part="compared")
    return text


def _inputs(bundle: Bundle) -> Iterator[tuple[str, int]]:
    own = str(bundle.network.get("variant", "lite0"))
    yield from ((variant, bundle.size) for variant in VARIANTS)
    yield own, bundle.size - 96


def _rows(
    variant: str, size: int, recipe: Recipe, bundle: Bundle, data: Path, work: Path
) -> list[tuple[str, str, str, float]]:
    dataset, features = embeddings(variant, replace(bundle, size=size), recipe, data, work)
    rows = []
    for loss in LOSSES:
        _, value = linear(features, dataset, replace(recipe, loss=loss), bundle.labels)
        rows.append((variant, f"{size} px", loss, value))
    return rows


def embeddings(variant: str, bundle: Bundle, recipe: Recipe, data: Path, work: Path) -> tuple[Dataset, Array]:
    """All samples, and their ImageNet features (n, 1280); kept in the work folder."""
    dataset = load_dataset(read_sources(data, recipe.sources), bundle, work)
    stored = work / f"features-{variant}-{bundle.size}-{len(dataset.samples)}.npy"
    if not stored.is_file():
        network, parts = channels_last(pretrained(1, bundle.channels, variant)).eval(), []
        for start in track(range(0, len(dataset.samples), 32), description=f"{variant} {bundle.size}"):
            images = bundle.normalised(dataset.canvases[start : start + 32].astype(np.float32) / 255.0)
            with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
                fast = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)
                parts.append(network(fast)[2].float().numpy())
        with whole(stored) as new:
            np.save(new, np.concatenate(parts))
    return dataset, np.load(stored)


def linear(features: Array, dataset: Dataset, recipe: Recipe, labels: Sequence[str]) -> tuple[Array, float]:
    """Logits (n, k) for all samples of a linear layer fitted to the training part, and its validation score.

    The loss is the recipe's; of the penalties the one with the best validation score is taken.
    """
    taught, checked = dataset.parts == "train", dataset.parts == "validation"
    centre, spread = features[taught].mean(axis=0), features[taught].std(axis=0)
    z = torch.from_numpy((features - centre) / np.maximum(spread, np.median(spread)))
    train, validation = dataset.part("train"), dataset.part("validation")
    answers = [_fitted(z, z[torch.from_numpy(taught)], train, recipe, ridge) for ridge in _RIDGES]
    scored = [(score(logits[checked], validation, recipe.watch, labels), logits) for logits in answers]
    value, logits = max(scored, key=lambda each: each[0])
    return logits, value


def _fitted(z: Tensor, x: Tensor, train: Dataset, recipe: Recipe, ridge: float) -> Array:
    torch.manual_seed(recipe.seed)
    targets, loss = torch.from_numpy(train.targets), Loss(recipe, train.targets)
    layer = torch.nn.Linear(z.shape[1], targets.shape[1])
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    chance = torch.from_numpy(sample_weights(train, recipe).max(axis=1))
    picked = torch.multinomial(chance, 2 * len(x), replacement=True)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value: Tensor = loss(layer(x[picked]), targets[picked]) + ridge * layer.weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        return np.asarray(layer(z).numpy(), dtype=np.float32)


def _floor(recipe: Recipe, bundle: Bundle, data: Path, work: Path) -> str:
    """The same layer on the held-back part, for the recipe's own backbone, size and loss."""
    variant = str(bundle.network.get("variant", "lite0"))
    dataset, features = embeddings(variant, bundle, recipe, data, work)
    (logits, _), rows = linear(features, dataset, recipe, bundle.labels), []
    for source in recipe.sources:
        for column, label in enumerate(bundle.labels):
            known = (dataset.parts == "held-back") & (dataset.sources == source)
            known &= ~np.isnan(dataset.targets[:, column])
            values, truth = logits[known, column], dataset.targets[known, column] > 0.5
            if 0 < truth.sum() < len(truth):
                groups = np.array([s.group for s, here in zip(dataset.samples, known, strict=True) if here])
                area = bootstrap(lambda r, v=values, t=truth: auroc(v[r], t[r]), groups, rounds=400)  # type: ignore[misc]
                rows.append([source, label, interval(area)])
    return f"The floor, {variant} at {bundle.size} px with {recipe.loss}, on the held-back part:\n\n" + markdown(
        ["source", "label", "AUROC"], rows
    )
