"""What ``radnode models explain`` and :func:`point` do: measure the explanations of a shipped model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console

from node.errors import PluginError
from node.manifest import read_manifest
from node.plugin import Array
from radnode_kit.bundle import Bundle, read_bundle
from radnode_kit.card import write_card
from radnode_kit.dataset import Dataset, load_dataset
from radnode_kit.explanations import cost, exactness, faithfulness, mosaic, sanity
from radnode_kit.explanations.card import Found, explained_text, pointing_text
from radnode_kit.explanations.mammograms import point as point_at
from radnode_kit.explanations.mammograms import read_films
from radnode_kit.explanations.methods import GRAD_CAM, METHODS, exact_map
from radnode_kit.explanations.subject import Columns, Subject, laid_out, open_subject
from radnode_kit.imagenet import pretrained
from radnode_kit.lite import Lite
from radnode_kit.recipe import read_recipe
from radnode_kit.sources import read_sources
from radnode_kit.split import part_of

HELD_BACK = "held-back"
_SEED = 20260101
_MOST_CHECKED = 200  # images for the residuals; the command `evaluate` takes all with one runtime
_TIMING_THREADS = 2


def explain(folder: Path, data: Path, work: Path, images: int = 40, *, write: bool = False) -> str:
    """Compare the explanations of the shipped model on its held-back images; answers the card's text.

    Args:
        folder: of the plugin.
        data: holds the data sets.
        work: for decoded images.
        images: with a finding to explain, and half as many mosaics.
        write: put the text into the model card, which must have the marks for it.
    """
    text = explained_text(_found(folder, held_back(folder, data, work), images))
    if write:
        write_card(folder, text, part="explained")
    Console().print(text, markup=False)
    return text


def point(data: Path, images: int | None = None) -> str:
    """The pointing game on mammograms with marked places; answers the text.

    Args:
        data: holds ``mg_mias``.
        images: to explain; None: all that have marked places.
    """
    features = Lite(1, dilated=True)
    features.load_state_dict(pretrained(1).state_dict())
    text = pointing_text(point_at(read_films(data / "mg_mias"), laid_out(features.fold()), images))
    Console().print(text, markup=False)
    return text


def held_back(folder: Path, data: Path, work: Path) -> Dataset:
    """The held-back images of a plugin's sources."""
    samples = [
        sample
        for sample in read_sources(data, read_recipe(folder).sources)
        if (sample.part or part_of(sample.group)) == HELD_BACK
    ]
    return load_dataset(samples, read_bundle(folder), work)


def cases(dataset: Dataset, claimed: Columns, count: int, seed: int = _SEED) -> tuple[Columns, Columns]:
    """(index, label) of images with a finding, labels and sources in turn, no pair twice; raises PluginError if none.

    Args:
        dataset: of held-back images.
        claimed: labels that the manifest reports.
        count: wanted; less when there are fewer.
        seed: the same seed gives the same cases.
    """
    rng = np.random.default_rng(seed)
    kinds = [(int(column), source) for source in np.unique(dataset.sources) for column in claimed]
    pools = [
        [(int(i), c) for i in rng.permutation(np.flatnonzero((dataset.targets[:, c] == 1) & (dataset.sources == s)))]
        for c, s in kinds
    ]
    turns = [pool[turn] for turn in range(max(map(len, pools), default=0)) for pool in pools if turn < len(pool)]
    if not turns:
        raise PluginError("no held-back image has a finding", hint="the data set may be another than the plugin's")
    chosen = np.array(turns[:count], dtype=np.int64)
    return chosen[:, 0], chosen[:, 1]


def normalised(dataset: Dataset, bundle: Bundle, rows: Columns) -> Array:
    """Images (n, c, s, s) as the network wants them."""
    return bundle.normalised(dataset.canvases[rows].astype(np.float32) / 255.0)


def _found(folder: Path, dataset: Dataset, count: int) -> Found:
    bundle, subject = read_bundle(folder), open_subject(folder)
    claimed = np.array([bundle.labels.index(spec.name) for spec in read_manifest(folder / "manifest.toml").findings])
    rows, columns = cases(dataset, claimed, count)
    images = normalised(dataset, bundle, rows)
    groups: npt.NDArray[np.str_] = np.array([dataset.samples[int(row)].group for row in rows])
    mosaics = mosaic.draw(dataset.targets, dataset.sources, claimed, count // 2, _SEED)
    checked = np.random.default_rng(_SEED).permutation(len(dataset.samples))[:_MOST_CHECKED]
    return Found(
        faithfulness=faithfulness.compare(subject, images, columns, groups),
        focus=mosaic.compare(subject, lambda index: normalised(dataset, bundle, np.array([index]))[0], mosaics),
        likeness=_likeness(subject, images, columns),
        residuals=exactness.residuals(folder, normalised(dataset, bundle, checked), torch.get_num_threads()),
        checked=len(checked),
        costs=_costs(folder, subject, images[:1]),
        labels=len(bundle.labels),
        cam_difference=cam_difference(subject, images, columns),
        sides=_sides(subject, images[:1]),
        threads=_TIMING_THREADS,
    )


def _likeness(subject: Subject, images: Array, columns: Columns) -> tuple[sanity.Likeness, sanity.Likeness]:
    last, every = (sanity.likeness(subject.network, images, columns, all_layers=each) for each in (False, True))
    return last, every


def _costs(folder: Path, subject: Subject, image: Array) -> dict[str, cost.Cost]:
    before = torch.get_num_threads()
    torch.set_num_threads(_TIMING_THREADS)
    try:
        return {
            "torch": cost.torch_cost(subject.network, image),
            f"torch, {cost.MANY} labels": cost.torch_cost(cost.with_many_labels(subject.network), image),
            "ONNX Runtime": cost.onnx_cost(folder, image, _TIMING_THREADS),
        }
    finally:
        torch.set_num_threads(before)


def cam_difference(subject: Subject, images: Array, columns: Columns) -> float:
    """Largest difference of Grad-CAM and the positive part of the network's map, relative to its largest value."""
    exact = np.maximum(exact_map(subject.network, images, columns), 0.0)
    return float(np.abs(METHODS[GRAD_CAM](subject, images, columns) - exact).max() / max(float(exact.max()), 1e-12))


def _sides(subject: Subject, image: Array) -> tuple[int, int, int]:
    column = np.array([0])
    plain, fine, own = (exact_map(each, image, column) for each in (subject.plain, subject.fine, subject.network))
    return plain.shape[-1], fine.shape[-1], own.shape[-1]
