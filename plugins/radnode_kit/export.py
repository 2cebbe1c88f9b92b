"""Writes a trained network as safetensors and ONNX with the same float16 values, and reads neither back."""

from __future__ import annotations

import copy
import logging
import warnings
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

from radnode_kit.bundle import ONNX, SAFETENSORS, Bundle
from radnode_kit.engine import NAMES
from radnode_kit.lite import Lite

OPSET = 17
_LARGE = 512


def finished(network: Lite, reference: int | None, bundle: Bundle) -> Lite:
    """The network as shipped: folded, dilated if the bundle says so, relative to the softmax's reference class.

    Convolutions are rounded to float16.

    Taking the reference's weights from all classes leaves the softmax as it is; its own logit becomes zero and the
    others log-odds against it.
    """
    trained = copy.deepcopy(network).cpu().float().fold()
    network = shipped(bundle)
    network.load_state_dict(trained.state_dict())
    if reference is not None:
        network.linear.weight.data -= network.linear.weight.data[reference].clone()
        network.linear.bias.data -= network.linear.bias.data[reference].clone()
    for parameter in network.parameters():
        parameter.data = rounded(parameter.data).contiguous()
    return network


def shipped(bundle: Bundle) -> Lite:
    """An untrained network as ``network_def`` of the bundle describes it; folded, in evaluation."""
    arguments = {key: value for key, value in bundle.network.items() if not key.startswith("_")}
    return Lite(**arguments).eval()


def rounded(values: torch.Tensor) -> torch.Tensor:
    """Large tensors rounded to what float16 can hold; small ones stay."""
    return values.half().float() if values.numel() >= _LARGE else values


def export(network: Lite, bundle: Bundle, folder: Path) -> None:
    """Write both weight files of a finished network into a plugin's folder."""
    (folder / ONNX).parent.mkdir(parents=True, exist_ok=True)
    state = {key: value.half() if value.numel() >= _LARGE else value for key, value in network.state_dict().items()}
    save_file({key: value.contiguous() for key, value in state.items()}, folder / SAFETENSORS)
    _write_onnx(network, (2, bundle.channels, bundle.size, bundle.size), folder / ONNX)
    model = halve(onnx.load(folder / ONNX))
    onnx.checker.check_model(model)
    onnx.save(model, folder / ONNX)


def _write_onnx(network: Lite, shape: tuple[int, int, int, int], path: Path) -> None:
    axes = {name: {0: "n"} for name in ("image", *NAMES)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own age and of shapes that are constants here
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            network,
            (torch.zeros(shape),),
            str(path),
            input_names=["image"],
            output_names=list(NAMES),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float32 initialisers as float16 with a Cast behind them; the runtime folds the casts on loading."""
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _LARGE:
            continue
        wide, narrow = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(values.astype("float16"), narrow))
        model.graph.node.insert(0, helper.make_node("Cast", [narrow], [wide], to=TensorProto.FLOAT))
    return model
