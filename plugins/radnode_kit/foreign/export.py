"""Writes a torch network as ONNX, and an imported DenseNet with its values as they came."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from radnode_kit.bundle import ONNX, SAFETENSORS
from radnode_kit.engine import NAMES
from radnode_kit.foreign.densenet import DenseNet121
from radnode_kit.foreign.model import Input

OPSET = 17


def save_densenet(network: DenseNet121, entry: Input, folder: Path) -> None:
    """Write both weight files below a plugin's folder, in float32: a stranger's values are not rounded."""
    (folder / ONNX).parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, folder / SAFETENSORS)
    write_onnx(network, entry, folder / ONNX, NAMES)


def write_onnx(network: nn.Module, entry: Input, path: Path, outputs: Sequence[str]) -> None:
    """Write a network with a free batch axis; its input is called ``image``."""
    axes = {name: {0: "n"} for name in ("image", *outputs)}
    example = torch.zeros(2, entry.channels, entry.size, entry.size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own age and of shapes that are constants here
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            network.eval(),
            (example,),
            str(path),
            input_names=["image"],
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
