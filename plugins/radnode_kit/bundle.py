"""Reads a MONAI bundle's ``metadata.json`` and ``inference.json``: the only source of sizes, labels and numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from node.errors import PluginError
from node.plugin import Array
from radnode_kit.calibration import Calibration
from radnode_kit.letterbox import smoothed
from radnode_kit.whole import whole

METADATA = "bundle/configs/metadata.json"
INFERENCE = "bundle/configs/inference.json"
SAFETENSORS = "bundle/models/model.safetensors"
ONNX = "bundle/models/model.onnx"
GATE = "bundle/models/gate.safetensors"
PROTOTYPES = "bundle/models/prototypes.safetensors"
PROTOTYPES_NAMES = "bundle/configs/prototypes.json"


@dataclass(frozen=True)
class Bundle:
    """What the two files say.

    Attributes:
        labels: name of each logit, in order (``channel_def`` of the output).
        size: side of the network's square input in pixels.
        channels: of the input: 1 grey, 3 colour.
        mean: (channels,), subtracted from pixels in 0..1.
        deviation: (channels,), what they are then divided by.
        network: the table ``network_def``: ``_target_`` and the arguments of the network's class.
        calibration: from logits to probabilities.
        smooth: standard deviation in canvas pixels of the Gaussian under which the network sees an image; 0: none.
    """

    labels: tuple[str, ...]
    size: int
    channels: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    network: Mapping[str, Any]  # JSON's values
    calibration: Calibration
    smooth: float = 0.0

    def normalised(self, canvases: Array) -> Array:
        """float32 (..., channels, s, s) in 0..1 -> the same shape as the network wants it."""
        mean, deviation = (np.array(v, np.float32).reshape(-1, 1, 1) for v in (self.mean, self.deviation))
        seen = smoothed(canvases, self.smooth) if self.smooth else canvases
        return np.asarray((seen - mean) / deviation, dtype=np.float32)


def read_bundle(folder: Path) -> Bundle:
    """Read the bundle of a plugin's folder; raises :class:`PluginError` naming the file or the key."""
    try:
        metadata, inference = _json(folder / METADATA), _json(folder / INFERENCE)
        formats = metadata["network_data_format"]
        names: Mapping[str, str] = formats["outputs"]["pred"]["channel_def"]
        image, normalise = formats["inputs"]["image"], _transform(inference, "NormalizeIntensityd")
        smooth = _transform(inference, "GaussianSmoothd") if _has(inference, "GaussianSmoothd") else {"sigma": 0.0}
        channels = int(image["num_channels"])
        return Bundle(
            labels=tuple(names[str(index)] for index in range(len(names))),
            size=int(image["spatial_shape"][0]),
            channels=channels,
            mean=_each(normalise["subtrahend"], channels),
            deviation=_each(normalise["divisor"], channels),
            network=inference["network_def"],
            calibration=Calibration(**inference["calibration"]),
            smooth=float(smooth["sigma"]),
        )
    except (OSError, ValueError) as error:
        raise PluginError(f"the bundle cannot be read: {error}", about=str(folder)) from error
    except (KeyError, TypeError) as error:
        raise PluginError(f"the bundle lacks or confuses {error}", about=str(folder)) from error


def _json(path: Path) -> dict[str, Any]:  # Any: the JSON edge
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} is no JSON object")
    return value


def _has(inference: Mapping[str, Any], target: str) -> bool:
    return any(transform["_target_"] == target for transform in inference["preprocessing"]["transforms"])


def _transform(inference: Mapping[str, Any], target: str) -> dict[str, Any]:
    for transform in inference["preprocessing"]["transforms"]:
        if transform["_target_"] == target:
            return dict(transform)
    raise KeyError(f"preprocessing: {target}")


def _each(value: float | list[float], channels: int) -> tuple[float, ...]:
    """A number for every channel: MONAI writes one for all of them, or a list."""
    return tuple(float(v) for v in value) if isinstance(value, list) else (float(value),) * channels


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Put a calibration into ``inference.json``; everything else stays."""
    path = folder / INFERENCE
    inference = _json(path)
    inference["calibration"] = calibration.table()
    with whole(path) as new:
        new.write_text(json.dumps(inference, indent=2) + "\n", encoding="utf-8")
