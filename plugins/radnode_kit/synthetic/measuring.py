"""All that is measured of a set of made-up images: quality, copies, membership, effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from node.plugin import Array, Interval
from radnode_kit.synthetic.diffusion import Denoiser, Plan
from radnode_kit.synthetic.effect import ARMS, Embedded, Outcome, Parts, outcomes, run_arm
from radnode_kit.synthetic.embedding import Embedder
from radnode_kit.synthetic.images import CLASSES, RARE, Images, all_views
from radnode_kit.synthetic.memorisation import (
    SUSPICIOUS,
    Copying,
    Floats,
    Membership,
    copying,
    cosine_distances,
    image_losses,
    membership,
    pixel_distances,
    repeated,
)
from radnode_kit.synthetic.quality import Spread, frechet_of_draws, told_apart


@dataclass(frozen=True)
class Material:
    """Images and embeddings (n, 8, d) of the four parts.

    Attributes:
        images: part -> images; ``synthetic`` is one of them.
        views: part -> embeddings.
    """

    images: Mapping[str, Images]
    views: Mapping[str, Array]

    def rare(self, part: str) -> tuple[Images, Array]:
        """The melanomas of a part and their embeddings."""
        mask = self.images[part].classes == RARE
        return self.images[part].chosen(mask), self.views[part][mask]


@dataclass(frozen=True)
class Quality:
    """Of the made-up melanomas, on embeddings.

    Attributes:
        floor: Frechet distance of real training melanomas to real held-back melanomas: nothing can be expected below.
        synthetic: of made-up melanomas to the same.
        other_class: of real training nevi to the same: what a plausible image of the wrong class would get.
        apart: AUROC of telling made-up from real training melanomas.
    """

    floor: Spread
    synthetic: Spread
    other_class: Spread
    apart: float


@dataclass(frozen=True)
class Nearness:
    """Copies, by one measure of distance.

    Attributes:
        copies: made-up melanomas against the training part.
        repeats: share of made-up melanomas with a twin among them closer than the limit of `copies`.
        real_repeats: the same among real training melanomas.
        closest: the made-up image nearest to a training image: (made-up, training, distance).
    """

    copies: Copying
    repeats: Interval
    real_repeats: Interval
    closest: tuple[str, str, float]


@dataclass(frozen=True)
class Findings:
    """Everything that the report says.

    Attributes:
        counts: part -> images of each class.
        quality: see there.
        pixels: nearness by pixels.
        embedding: nearness by the frozen network.
        members: class or ``all`` -> membership.
        effect: arm -> outcome.
        facts: of the run: machine, times, versions, loss.
    """

    counts: Mapping[str, list[int]]
    quality: Quality
    pixels: Nearness
    embedding: Nearness
    members: Mapping[str, Membership]
    effect: Mapping[str, Outcome]
    facts: Mapping[str, str | float] = field(default_factory=dict)


def material_of(images: Images, synthetic: Images, embedder: Embedder) -> Material:
    """Split and embed everything."""
    parts = {name: images.part(name) for name in ("train", "validation", "held-back")} | {"synthetic": synthetic}
    return Material(parts, {name: embedder.views(part.pixels) for name, part in parts.items()})


def quality(material: Material) -> Quality:
    """Compare made-up with real melanomas."""
    train, held_back, synthetic = (material.rare(name)[1][:, 0] for name in ("train", "held-back", "synthetic"))
    basis = material.views["train"][:, 0]
    nevi = basis[material.images["train"].classes == len(CLASSES) - 1]
    return Quality(
        floor=frechet_of_draws(train, held_back, basis),
        synthetic=frechet_of_draws(synthetic, held_back, basis),
        other_class=frechet_of_draws(nevi, held_back, basis),
        apart=told_apart(train, synthetic),
    )


def nearness(material: Material) -> tuple[Nearness, Nearness]:
    """By pixels, and by embedding."""
    train = material.images["train"]
    images, views = zip(*(material.rare(name) for name in ("synthetic", "held-back", "train")), strict=True)
    pixels = [pixel_distances(each.pixels, all_views(train.pixels)) for each in images[:2]]
    among = [pixel_distances(each.pixels, all_views(each.pixels)) for each in (images[0], images[2])]
    cosines = [cosine_distances(each[:, 0], material.views["train"]) for each in views[:2]]
    alike = [cosine_distances(each[:, 0], each) for each in (views[0], views[2])]
    return _nearness(material, pixels, among), _nearness(material, cosines, alike)


def _nearness(material: Material, distances: list[Floats], among: list[Floats]) -> Nearness:
    synthetic, held_back = distances
    limit = float(np.quantile(held_back.min(axis=1), SUSPICIOUS))
    row, column = (int(place) for place in np.unravel_index(synthetic.argmin(), synthetic.shape))
    made_up, train = material.rare("synthetic")[0], material.images["train"]
    return Nearness(
        copies=copying(synthetic, held_back),
        repeats=repeated(among[0], limit),
        real_repeats=repeated(among[1], limit),
        closest=(str(made_up.cases[row]), str(train.cases[column]), float(synthetic.min())),
    )


def members(denoiser: Denoiser, material: Material, plan: Plan) -> dict[str, Membership]:
    """Membership for all images and for the rare class alone."""
    parts = [material.images[name] for name in ("train", "held-back")]
    values = [image_losses(denoiser, part, plan.seed) for part in parts]
    rare = [loss[part.classes == RARE] for loss, part in zip(values, parts, strict=True)]
    return {"all": membership(*values), CLASSES[RARE]: membership(*rare)}


def effect(material: Material, plan: Plan) -> dict[str, Outcome]:
    """Fit all arms and ask the held-back part."""
    names = ("train", "validation", "held-back", "synthetic")
    parts = Parts(*(Embedded(material.views[name], material.images[name].classes) for name in names))
    scores = {name: run_arm(arm, parts, plan.repeats) for name, arm in ARMS.items()}
    return outcomes(scores, parts.held_back.classes == RARE)


def measure(denoiser: Denoiser, material: Material, plan: Plan, facts: Mapping[str, str | float]) -> Findings:
    """Everything at once."""
    pixels, embedding = nearness(material)
    return Findings(
        counts={name: np.bincount(p.classes, minlength=len(CLASSES)).tolist() for name, p in material.images.items()},
        quality=quality(material),
        pixels=pixels,
        embedding=embedding,
        members=members(denoiser, material, plan),
        effect=effect(material, plan),
        facts=facts,
    )
