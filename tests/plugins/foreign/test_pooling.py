"""The end of a graph: pooling and a linear layer are found however an exporter writes them, and nothing else is."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from node.plugin import Array
from radnode_kit.foreign.pooling import ending_of

WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4)  # 3 labels, 4 features


def node(kind: str, inputs: str, output: str, **attributes: object) -> NodeProto:
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def graph(*nodes: NodeProto, weight: Array = WEIGHT) -> onnx.GraphProto:
    """From `x` to `y`, with the weights `w`, three biases `b`, and the shape `s`."""
    constants = [
        numpy_helper.from_array(weight, "w"),
        numpy_helper.from_array(np.zeros(3, dtype=np.float32), "b"),
        numpy_helper.from_array(np.array([0, -1]), "s"),
    ]
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, 8, 8])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])
    return helper.make_graph(list(nodes), "g", [source], [answer], constants)


RELU = node("Relu", "x", "f")
POOL = node("GlobalAveragePool", "f", "p")
FLAT = node("Flatten", "p", "e")
GEMM = node("Gemm", "e w b", "y", transB=1)

ENDINGS = {
    "as torch exports it": graph(RELU, POOL, FLAT, GEMM),
    "a mean over rows and columns": graph(RELU, node("ReduceMean", "f", "e", axes=[2, 3], keepdims=0), GEMM),
    "reshaped": graph(RELU, POOL, node("Reshape", "p s", "e"), GEMM),
    "squeezed and dropped out": graph(RELU, POOL, node("Squeeze", "p", "q"), node("Dropout", "q", "e"), GEMM),
    "a product and a sum": graph(
        RELU, POOL, FLAT, node("MatMul", "e w", "m"), node("Add", "m b", "y"), weight=WEIGHT.T.copy()
    ),
    "a sum the other way round": graph(
        RELU, POOL, FLAT, node("MatMul", "e w", "m"), node("Add", "b m", "y"), weight=WEIGHT.T.copy()
    ),
    "a product without bias": graph(RELU, POOL, FLAT, node("MatMul", "e w", "y"), weight=WEIGHT.T.copy()),
    "a layer that is not transposed": graph(RELU, POOL, FLAT, node("Gemm", "e w b", "y"), weight=WEIGHT.T.copy()),
    "a name for the answer": graph(RELU, POOL, FLAT, node("Gemm", "e w b", "z", transB=1), node("Identity", "z", "y")),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_the_ending_is_found_however_it_is_written(how: str) -> None:
    ending = ending_of(ENDINGS[how], "y")
    assert ending is not None
    assert ending.feature == "f"
    assert ending.pooled == "e"
    assert ending.weight.tolist() == WEIGHT.tolist()


def test_weights_behind_a_constant_are_found() -> None:
    constant = node("Constant", "", "v", value=numpy_helper.from_array(2 * WEIGHT))
    del constant.input[:]
    ending = ending_of(graph(RELU, POOL, FLAT, constant, node("Gemm", "e v b", "y", transB=1)), "y")
    assert ending is not None
    assert ending.weight.tolist() == (2 * WEIGHT).tolist()


def test_a_shared_name_for_weights_is_followed() -> None:
    ending = ending_of(graph(RELU, POOL, FLAT, node("Identity", "w", "v"), node("Gemm", "e v b", "y", transB=1)), "y")
    assert ending is not None


def test_a_factor_of_the_layer_belongs_to_its_weights() -> None:
    ending = ending_of(graph(RELU, POOL, FLAT, node("Gemm", "e w b", "y", transB=1, alpha=0.5)), "y")
    assert ending is not None
    assert ending.weight.tolist() == (0.5 * WEIGHT).tolist()


@pytest.mark.parametrize(
    "nodes",
    [
        (RELU, POOL, FLAT, node("Relu", "e", "h"), node("Gemm", "h w b", "y", transB=1)),
        (RELU, node("GlobalMaxPool", "f", "p"), FLAT, GEMM),
        (RELU, POOL, FLAT, node("Gemm", "e w b", "z", transB=1), node("Tanh", "z", "y")),
        (RELU, POOL, FLAT, node("Gemm", "e e b", "y", transB=1)),
        (RELU, POOL, FLAT, node("Add", "e b", "y")),
        (RELU, node("Flatten", "f", "e"), GEMM),
        (node("Identity", "x", "y"),),
    ],
    ids=["hidden layer", "maximum", "squashed answer", "no fixed weights", "only a sum", "no pooling", "nothing"],
)
def test_any_other_ending_is_none(nodes: tuple[NodeProto, ...]) -> None:
    assert ending_of(graph(*nodes), "y") is None
