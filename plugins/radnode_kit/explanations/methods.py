"""The explanations that are compared: each answers one map per image, high where the evidence for a label lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from node.plugin import Array
from radnode_kit.explanations.gradients import (
    Weighting,
    activation_map,
    before_last_stride,
    grad_cam,
    grad_cam_plus_plus,
)
from radnode_kit.explanations.subject import CHUNK, Columns, Subject, tensor_of
from radnode_kit.lite import Lite

#: (subject, normalised images (n, c, s, s), label of each (n,)) -> maps (n, h, w), of any h and w.
Method = Callable[[Subject, Array, Columns], Array]

#: Side of a patch in pixels: the cell of the fine map, on which all methods are ranked.
PATCH = 16
_WINDOW, _STRIDE = 2 / 7, 1 / 7  # of occlusion, as shares of the picture's side
_SEED = 20260101


def fine_map(subject: Subject, images: Array, columns: Columns) -> Array:
    """The exact map with a cell for every 16 pixels: contributions in logits, negative ones too."""
    return exact_map(subject.fine, images, columns)


def plain_map(subject: Subject, images: Array, columns: Columns) -> Array:
    """The exact map of the same parameters with a cell for every 32 pixels (Zhou et al., CAM, arXiv:1512.04150)."""
    return exact_map(subject.plain, images, columns)


def exact_map(network: Lite, images: Array, columns: Columns) -> Array:
    """The network's own map (n, h, w) of one label for each image."""
    with torch.inference_mode():
        parts = [network(tensor_of(images[i : i + CHUNK]))[1].numpy() for i in range(0, len(images), CHUNK)]
    return np.asarray(np.concatenate(parts)[np.arange(len(images)), columns])


def last_layer(weighting: Weighting, subject: Subject, images: Array, columns: Columns) -> Array:
    """A gradient method on the features before the pooling."""
    return activation_map(subject.network, subject.network.head, images, columns, weighting)


def earlier_layer(weighting: Weighting, subject: Subject, images: Array, columns: Columns) -> Array:
    """A gradient method on the last block whose cells are 16 pixels wide in either form of the network."""
    layer = subject.network.blocks[before_last_stride(subject.plain)]
    return activation_map(subject.network, layer, images, columns, weighting)


def occlusion(subject: Subject, images: Array, columns: Columns) -> Array:
    """How far the logit falls when a window is blurred; where windows overlap, their mean.

    Source: Zeiler and Fergus, arXiv:1311.2901; blurred rather than grey, as in :mod:`faithfulness`. Windows are two
    sevenths of the side wide and one seventh apart: 36 of them, and as many runs of the network.
    """
    return np.stack([_occluded(subject, images[i], int(columns[i])) for i in range(len(images))])


def _occluded(subject: Subject, image: Array, column: int) -> Array:
    side = image.shape[-1] // PATCH
    masks = windows(side, max(1, round(side * _WINDOW)), max(1, round(side * _STRIDE)))
    shown = blended(image, blurred(image), masks)
    whole = float(subject.logits(image[None])[0, column])
    drops = whole - subject.logits(shown)[:, column]
    return np.asarray((masks * drops[:, None, None]).sum(0) / masks.sum(0), dtype=np.float32)


def windows(side: int, width: int, stride: int) -> Array:
    """Masks (m, side, side), 1 inside a square window, that cover all patches."""
    starts = sorted({*range(0, side - width, stride), max(0, side - width)})
    masks = np.zeros((len(starts) ** 2, side, side), dtype=np.float32)
    for index, (top, left) in enumerate((top, left) for top in starts for left in starts):
        masks[index, top : top + width, left : left + width] = 1.0
    return masks


def noise(subject: Subject, images: Array, columns: Columns) -> Array:
    """Random numbers: what an explanation must beat."""
    side = images.shape[-1] // PATCH
    return np.random.default_rng(_SEED).random((len(images), side, side), dtype=np.float32)


def centre(subject: Subject, images: Array, columns: Columns) -> Array:
    """High in the middle of every picture whatever it shows: what a habit of the photographer explains."""
    side = images.shape[-1] // PATCH
    axis = np.abs(np.arange(side) - (side - 1) / 2)
    distance = np.hypot(axis[:, None], axis[None, :])
    return np.repeat(np.asarray(distance.max() - distance, dtype=np.float32)[None], len(images), axis=0)


METHODS: Mapping[str, Method] = {
    "exact map, fine": fine_map,
    "exact map, plain": plain_map,
    "Grad-CAM": partial(last_layer, grad_cam),
    "Grad-CAM++": partial(last_layer, grad_cam_plus_plus),
    "Grad-CAM, earlier layer": partial(earlier_layer, grad_cam),
    "occlusion": occlusion,
    "centre": centre,
    "random": noise,
}
FINE, PLAIN, GRAD_CAM, RANDOM = "exact map, fine", "exact map, plain", "Grad-CAM", "random"


def blurred(image: Array) -> Array:
    """(c, s, s) without its details: a Gaussian of s / 16 pixels, edges repeated."""
    sigma = image.shape[-1] / 16
    reach = int(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = kernel / kernel.sum()
    x = functional.pad(torch.from_numpy(image)[:, None], (reach,) * 4, mode="replicate")
    return functional.conv2d(functional.conv2d(x, kernel[None, None, :, None]), kernel[None, None, None])[:, 0].numpy()


def blended(image: Array, baseline: Array, masks: Array) -> Array:
    """Images (m, c, s, s) that show `baseline` where masks (m, p, p) are 1 and `image` where they are 0."""
    wide = enlarged(masks, image.shape[-1])[:, None]
    return np.asarray(image * (1.0 - wide) + baseline * wide, dtype=np.float32)


def enlarged(masks: Array, size: int) -> Array:
    """(m, p, p) -> (m, size, size), each patch a block of equal pixels."""
    times = size // masks.shape[-1]
    return masks.repeat(times, axis=1).repeat(times, axis=2)


def on_patches(maps: Array, side: int) -> Array:
    """Maps (n, h, w) resampled bilinearly to (n, side, side), each cell in its place."""
    resized = functional.interpolate(torch.from_numpy(maps)[:, None], (side, side), mode="bilinear")
    return resized[:, 0].numpy()
