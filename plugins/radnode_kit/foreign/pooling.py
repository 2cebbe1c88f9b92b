"""Finds global average pooling and one linear layer at the end of an ONNX graph: what makes evidence maps exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import NodeProto, numpy_helper

from node.plugin import Array

#: Operators between pooling and the linear layer that only move numbers.
_PLAIN = {"Flatten", "Reshape", "Squeeze", "Dropout", "Identity"}
_POOLS = {"GlobalAveragePool", "ReduceMean"}


@dataclass(frozen=True)
class Ending:
    """The end of a network.

    Attributes:
        feature: name of the tensor (n, c, h, w) that is pooled.
        pooled: name of the tensor (n, c) that the linear layer takes.
        weight: (k, c) of the linear layer.
    """

    feature: str
    pooled: str
    weight: Array


def ending_of(graph: onnx.GraphProto, logits: str) -> Ending | None:
    """The ending that leads to `logits`; None when the network ends in another way."""
    makers = {name: node for node in graph.node for name in node.output}
    constants = _constants(graph)
    linear = _linear(makers, constants, logits)
    if linear is None:
        return None
    pooled, weight = linear
    node = makers.get(pooled)
    while node is not None and node.op_type in _PLAIN:
        node = makers.get(node.input[0])
    if node is None or node.op_type not in _POOLS:
        return None
    return Ending(node.input[0], pooled, weight)


def _constants(graph: onnx.GraphProto) -> dict[str, Array]:
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            values = [item.t for item in node.attribute if item.name == "value"]
            found.update((node.output[0], numpy_helper.to_array(value)) for value in values)
        elif node.op_type == "Identity" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def _linear(makers: Mapping[str, NodeProto], constants: Mapping[str, Array], logits: str) -> tuple[str, Array] | None:
    """(input, weight (k, c)) of the linear layer that makes `logits`."""
    node = makers.get(logits)
    while node is not None and node.op_type == "Identity":
        node = makers.get(node.input[0])
    if node is not None and node.op_type == "Add":
        products = [makers[name] for name in node.input if name in makers and makers[name].op_type == "MatMul"]
        node = products[0] if products else None
    if node is None or node.op_type not in ("Gemm", "MatMul") or node.input[1] not in constants:
        return None
    attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    weight = np.asarray(constants[node.input[1]], dtype=np.float32) * np.float32(attributes.get("alpha", 1.0))
    if weight.ndim != 2 or attributes.get("transA"):
        return None
    return node.input[0], weight if attributes.get("transB") else weight.T
