"""A DenseNet of TorchXRayVision, converted outside the node to safetensors, with its operating thresholds.

Library and models: Cohen et al., arXiv:2111.00595. One channel in -1024..1024, 224 pixels. The library maps the sigmoid
``p`` of each output so that its operating threshold ``t`` comes to lie at one half: ``p / 2t`` below it and
``1 - (1 - p) / 2(1 - t)`` above. Here the sigmoid stays as it is and the threshold is the operating point: both say
present for the same films. An output whose threshold is not a number, or whose label is empty, was never trained: it is
not assessed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from node.errors import PluginError
from radnode_kit.chest_codes import XRV_LABELS
from radnode_kit.foreign.checkpoint import digest, is_safetensors, metadata_of, read_tensors
from radnode_kit.foreign.chexnet import NETWORK
from radnode_kit.foreign.export import save_densenet
from radnode_kit.foreign.layouts import densenet
from radnode_kit.foreign.model import CHEST_FILMS, ForeignModel, Input, Label, Origin, Wish, agree, entry_of, labelled

THRESHOLDS = "op_threshs"
#: (pixels - 1/2) * 2048 is -1024..1024 for pixels in 0..1.
MEAN, DEVIATION = (0.5,), (1 / 2048,)

HOW_TO_CONVERT = """\
import json, torch, torchxrayvision as xrv
from safetensors.torch import save_file

model = xrv.models.DenseNet(weights="densenet121-res224-all")
tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
tensors["op_threshs"] = torch.as_tensor(model.op_threshs, dtype=torch.float32)
save_file(tensors, "xrv.safetensors", metadata={"labels": json.dumps(list(model.pathologies))})
"""

_NOTES = (
    "The published use crops the film to its central square; here the whole film is seen, which moves the scores of "
    "films that are not square.",
    "The library's `op_norm` (a threshold becomes one half) is not applied: the probability is the plain sigmoid, "
    "far from calibrated, and the published threshold is the operating point.",
    "The thresholds were chosen by the authors on their own validation data; which sensitivity they give elsewhere is "
    "not known.",
)


def read(path: Path, wish: Wish, sha256: str = "") -> ForeignModel:
    """Read the safetensors file; raises :class:`PluginError` with the reason when it is not one."""
    files = {path.name: digest(path, sha256)}
    if not is_safetensors(path):
        raise PluginError(
            "TorchXRayVision's own files are pickles of a whole program: they are not read",
            about=str(path),
            hint="convert it outside the node as MODEL_CARD.md and `radnode models import --help` show",
        )
    tensors = read_tensors(path)
    thresholds = tensors.get(THRESHOLDS)
    network = densenet(tensors, frozenset({THRESHOLDS}))
    outputs = network.linear.out_features
    labels = _labels(path, wish, outputs, None if thresholds is None else thresholds.flatten().tolist())
    channels = network.stem.conv.in_channels
    entry = entry_of(wish, Input(224, channels, MEAN * channels, DEVIATION * channels))
    return ForeignModel(
        wish=wish,
        title=f"TorchXRayVision ({wish.name}): findings on chest films",
        origin=Origin("torchxrayvision", "A DenseNet-121 of TorchXRayVision, converted to safetensors.", files),
        input=entry,
        labels=labels,
        accepts=CHEST_FILMS,
        network={"_target_": NETWORK, "classes": outputs, "channels": channels},
        save=partial(save_densenet, network, entry),
        exact=True,
        notes=_NOTES,
    )


def _labels(path: Path, wish: Wish, outputs: int, thresholds: Sequence[float] | None) -> tuple[Label, ...]:
    """Labels with their thresholds; an empty one keeps its place under a name of its own."""
    texts = wish.labels or _written(path) or XRV_LABELS
    named = labelled([text or f"output {number}" for number, text in enumerate(texts, start=1)])
    agree(named, outputs, str(path))
    if thresholds is None:
        pairs = zip(named, texts, strict=True)
        return tuple(label if text else replace(label, threshold=None) for label, text in pairs)
    if len(thresholds) != outputs:
        raise PluginError(f"there are {len(thresholds)} thresholds for {outputs} outputs", about=str(path))
    return tuple(
        replace(label, threshold=_threshold(value) if text else None, source="operating threshold in the file")
        for label, text, value in zip(named, texts, thresholds, strict=True)
    )


def _threshold(value: float) -> float | None:
    return float(value) if math.isfinite(value) and 0 < value < 1 else None


def _written(path: Path) -> tuple[str, ...]:
    """The labels in the file's metadata, as :data:`HOW_TO_CONVERT` writes them."""
    text = metadata_of(path).get("labels", "[]")
    try:
        labels = json.loads(text)
    except json.JSONDecodeError as error:
        raise PluginError(f"the labels in the file's metadata are no JSON: {error}", about=str(path)) from error
    if not (isinstance(labels, list) and all(isinstance(label, str) for label in labels)):
        raise PluginError("the labels in the file's metadata are no list of words", about=str(path))
    return tuple(labels)
