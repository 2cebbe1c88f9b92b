"""Reads a MONAI bundle's ``metadata.json`` and ``inference.json``: the only source of sizes, labels and numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.errors import PluginError
from radnode_kit.calibration import Calibration

METADATA = "bundle/configs/metadata.json"
INFERENCE = "bundle/configs/inference.json"
SAFETENSORS = "bundle/models/model.safetensors"
ONNX = "bundle/models/model.onnx"
GATE = "bundle/models/gate.safetensors"


@dataclass(frozen=True)
class Bundle:
    """What the two files say.

    Attributes:
        labels: name of each logit, in order (``channel_def`` of the output).
        size: side of the network's square input in pixels.
        mean: subtracted from pixels in 0..1.
        deviation: what they are then divided by.
        calibration: from logits to probabilities.
    """

    labels: tuple[str, ...]
    size: int
    mean: float
    deviation: float
    calibration: Calibration


def read_bundle(folder: Path) -> Bundle:
    """Read the bundle of a plugin's folder; raises :class:`PluginError` naming the file or the key."""
    try:
        metadata, inference = _json(folder / METADATA), _json(folder / INFERENCE)
        formats = metadata["network_data_format"]
        channels: Mapping[str, str] = formats["outputs"]["pred"]["channel_def"]
        normalise = _transform(inference, "NormalizeIntensityd")
        return Bundle(
            labels=tuple(channels[str(index)] for index in range(len(channels))),
            size=int(formats["inputs"]["image"]["spatial_shape"][0]),
            mean=float(normalise["subtrahend"]),
            deviation=float(normalise["divisor"]),
            calibration=Calibration(**inference["calibration"]),
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


def _transform(inference: Mapping[str, Any], target: str) -> dict[str, Any]:
    for transform in inference["preprocessing"]["transforms"]:
        if transform["_target_"] == target:
            return dict(transform)
    raise KeyError(f"preprocessing: {target}")


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Put a calibration into ``inference.json``; everything else stays."""
    path = folder / INFERENCE
    inference = _json(path)
    inference["calibration"] = calibration.table()
    path.write_text(json.dumps(inference, indent=2) + "\n", encoding="utf-8")
