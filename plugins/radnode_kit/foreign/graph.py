"""Gives a stranger's ONNX graph the outputs that the engines ask for: logits, maps, embedding, context.

Everything of the stranger's keeps its values; its names get a prefix so that none can clash. A final Sigmoid or Softmax
is cut off: a probability that was rounded to one has lost its logit. Maps come from an output called ``maps``, or from
global average pooling and one linear layer at the end; either is believed only after the sum was checked on images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from node.errors import PluginError
from node.plugin import Array
from radnode_kit.engine import NAMES
from radnode_kit.engines.session import session
from radnode_kit.foreign.model import Input
from radnode_kit.foreign.pooling import ending_of

_PREFIX = "theirs/"
_TOLERANCE = 1e-3
_ENDS = {"Sigmoid": "sigmoid", "Softmax": "softmax"}
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Adapted:
    """A graph that the engines can run.

    Attributes:
        graph: with the outputs of ``radnode_kit.engine.NAMES``.
        outputs: number of logits.
        softmax: its probabilities exclude each other.
        exact: its maps add up to its logits.
    """

    graph: onnx.ModelProto
    outputs: int
    softmax: bool
    exact: bool


def input_of(model: onnx.ModelProto) -> tuple[int, int]:
    """(channels, size) of the one image input, size 0 when it is free; raises :class:`PluginError`."""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise PluginError(f"the graph has {len(inputs)} inputs, a plugin gives one image")
    kind = inputs[0].type.tensor_type
    shape = [axis.dim_value for axis in kind.shape.dim]
    if len(shape) != 4 or shape[1] not in (1, 3) or shape[2] != shape[3] or kind.elem_type != TensorProto.FLOAT:
        raise PluginError(
            f"the input {inputs[0].name!r} has the shape {shape}, needed is float32 (n, 1 or 3, s, s)",
            hint="export the network with channels first, a square input and float32",
        )
    return shape[1], shape[2]


def adapt(model: onnx.ModelProto, entry: Input, activation: str) -> Adapted:
    """The graph with our outputs; `activation` as in ``Wish``. Raises :class:`PluginError` with the reason."""
    model = onnx.compose.add_prefix(model, _PREFIX)
    graph = model.graph
    logits, kind = _logits(graph, activation)
    maps = next((value.name for value in graph.output if value.name == f"{_PREFIX}maps"), "")
    _own_input(graph, entry)
    del graph.output[:]
    ending = ending_of(graph, logits)
    embedding = ending.pooled if ending else logits
    if not maps and ending:
        maps = _add_maps(model, ending.feature, ending.weight, entry)
    outputs = _finish(model, entry, (logits, maps, embedding))
    exact = bool(maps) and _adds_up(model, entry)
    if maps and not exact:
        _replace_maps(model)
    return Adapted(model, outputs, kind == "softmax", exact)


def _logits(graph: onnx.GraphProto, activation: str) -> tuple[str, str]:
    """(name of the logits, ``sigmoid`` or ``softmax``), with the final activation cut off."""
    others = {f"{_PREFIX}{name}" for name in ("maps", "embedding", "context")}
    answers = [value.name for value in graph.output if value.name not in others]
    if len(answers) != 1:
        raise PluginError(
            f"the graph has {len(answers)} outputs that could be the answer: {', '.join(answers)}",
            hint="keep the logits, and perhaps one called maps",
        )
    last = next((node for node in graph.node if answers[0] in node.output), None)
    if last is not None and last.op_type in _ENDS:
        return last.input[0], _ENDS[last.op_type]
    if activation == "auto":
        raise PluginError(
            "the graph does not say whether it answers logits or probabilities: it ends in neither Sigmoid nor Softmax",
            hint="say it: --activation sigmoid, softmax, or none when its answers are independent probabilities",
        )
    return (_log_odds(graph, answers[0]), "sigmoid") if activation == "none" else (answers[0], activation)


def _log_odds(graph: onnx.GraphProto, probability: str) -> str:
    """Nodes for log(p / (1 - p)), with p kept away from 0 and 1."""
    for name, value in (("one", 1.0), ("low", _SMALLEST), ("high", 1.0 - _SMALLEST)):
        graph.initializer.append(numpy_helper.from_array(np.array(value, dtype=np.float32), f"ours/{name}"))
    graph.node.extend(
        helper.make_node(kind, [f"ours/{name}" if name != "p" else probability for name in inputs], [f"ours/{output}"])
        for kind, inputs, output in (
            ("Max", ("p", "low"), "above"),
            ("Min", ("above", "high"), "within"),
            ("Sub", ("one", "within"), "rest"),
            ("Div", ("within", "rest"), "odds"),
            ("Log", ("odds",), "log_odds"),
        )
    )
    return "ours/log_odds"


def _own_input(graph: onnx.GraphProto, entry: Input) -> None:
    constants = {tensor.name for tensor in graph.initializer}
    (theirs,) = [value.name for value in graph.input if value.name not in constants]
    del graph.input[:]
    shape = ["n", entry.channels, entry.size, entry.size]
    graph.input.append(helper.make_tensor_value_info("image", TensorProto.FLOAT, shape))
    graph.node.insert(0, helper.make_node("Identity", ["image"], [theirs]))


def _add_maps(model: onnx.ModelProto, feature: str, weight: Array, entry: Input) -> str:
    """A 1x1 convolution of the feature with the linear layer's weights, each position with its share of the mean."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.append(helper.make_tensor_value_info(feature, TensorProto.FLOAT, None))
    (values,) = run(probe, np.zeros((1, entry.channels, entry.size, entry.size), dtype=np.float32))
    if values.ndim != 4 or values.shape[1] != weight.shape[1]:
        return ""
    share = np.asarray(weight[:, :, None, None] / (values.shape[2] * values.shape[3]), dtype=np.float32)
    model.graph.initializer.append(numpy_helper.from_array(share, "ours/share"))
    model.graph.node.append(helper.make_node("Conv", [feature, "ours/share"], ["ours/maps"]))
    return "ours/maps"


def _finish(model: onnx.ModelProto, entry: Input, tensors: tuple[str, str, str]) -> int:
    """Name the outputs, try them on two images, and answer the number of logits."""
    logits, maps, embedding = tensors
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(np.array([0, -1, 1, 1], dtype=np.int64), "ours/one_place"))
    graph.node.extend(
        [
            helper.make_node("Identity", [logits], ["logits"]),
            helper.make_node("Reshape", [logits, "ours/one_place"], ["ours/whole"]),
            helper.make_node("Identity", [maps or "ours/whole"], ["maps"], name="ours/maps_output"),
            helper.make_node("Flatten", [embedding], ["embedding"]),
            helper.make_node("GlobalAveragePool", ["image"], ["ours/mean"]),
            helper.make_node("Flatten", ["ours/mean"], ["context"]),
        ]
    )
    ranks = {"logits": 2, "maps": 4, "embedding": 2, "context": 2}
    graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *[None] * (ranks[name] - 1)]) for name in NAMES
    )
    answer = run(model, _images(entry, 2))[0]
    if answer.ndim != 2 or len(answer) != 2:
        raise PluginError(
            f"the answer for two images has the shape {answer.shape}, needed is (2, labels)",
            hint="export the network with a free first axis and without the post-processing",
        )
    return int(answer.shape[1])


def _replace_maps(model: onnx.ModelProto) -> None:
    """One cell that holds the whole logit, in place of maps that do not add up; it is never shown."""
    node = next(node for node in model.graph.node if node.name == "ours/maps_output")
    node.input[0] = "ours/whole"


def _adds_up(model: onnx.ModelProto, entry: Input) -> bool:
    """Whether logits minus the sum of the maps is the same for every image."""
    logits, maps = run(model, _images(entry, 4))[:2]
    if maps.ndim != 4 or maps.shape[:2] != logits.shape or maps.shape[2] * maps.shape[3] < 2:
        return False
    rest = logits - maps.sum(axis=(2, 3))
    return bool(np.ptp(rest, axis=0).max() < _TOLERANCE * max(1.0, float(np.abs(logits).max())))


def _images(entry: Input, count: int) -> Array:
    """Blocks of random grey as an image has them, normalised."""
    rng = np.random.default_rng(7)
    coarse = rng.random((count, entry.channels, 8, 8), dtype=np.float32)
    times = -(-entry.size // 8)
    pixels = np.kron(coarse, np.ones((times, times), dtype=np.float32))[:, :, : entry.size, : entry.size]
    mean, deviation = (np.array(v, dtype=np.float32)[:, None, None] for v in (entry.mean, entry.deviation))
    return np.asarray((pixels - mean) / deviation, dtype=np.float32)


def run(model: onnx.ModelProto, images: Array) -> Sequence[Array]:
    """All outputs of a graph for normalised images (n, c, s, s); raises :class:`PluginError` when it cannot run."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    refusals = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.NotImplemented, state.RuntimeException)
    try:
        answers: Sequence[Array] = session(model.SerializeToString(), severity=4).run(None, {"image": images})
    except refusals as error:
        reason = (str(error).splitlines() or ["no reason given"])[0][:300]
        raise PluginError(f"ONNX Runtime cannot run the graph: {reason}") from error
    return answers
