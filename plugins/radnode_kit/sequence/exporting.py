"""Writes a fitted sequence model as safetensors and ONNX with the same values. Training only."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import onnx
import torch
from safetensors.torch import save_file

from radnode_kit.bundle import ONNX, SAFETENSORS
from radnode_kit.sequence.engines import NAMES
from radnode_kit.sequence.network import SliceNetwork
from radnode_kit.sequence.slices import SIZE

OPSET = 17


def export(network: SliceNetwork, folder: Path) -> None:
    """Write both weight files of a finished network into a plugin's folder."""
    (folder / ONNX).parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, folder / SAFETENSORS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own age and of shapes that are constants here
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            network.eval(),
            (torch.zeros(2, 1, SIZE, SIZE),),
            str(folder / ONNX),
            input_names=["hounsfield"],
            output_names=list(NAMES),
            dynamic_axes={name: {0: "n"} for name in ("hounsfield", *NAMES)},
            opset_version=OPSET,
            dynamo=False,
        )
    onnx.checker.check_model(onnx.load(folder / ONNX))
