"""ONNX Runtime on the CPU: the engine of the default installation."""

from __future__ import annotations

from pathlib import Path

from node.plugin import Array
from radnode_kit.engines.outputs import NAMES, Outputs, bias_of, check_graph, check_outputs
from radnode_kit.engines.session import session


class OnnxEngine:
    """Runs the exported graph with ONNX Runtime in float32.

    Args:
        path: of the graph.
        classes: logits it must answer.
        threads: 0 for one of each core.
    """

    name = "onnxruntime"

    def __init__(self, path: Path, classes: int, threads: int = 0):
        check_graph(path)
        self._session = session(path, threads)
        check_outputs([output.name for output in self._session.get_outputs()], path)
        shape = self._session.get_inputs()[0].shape
        self.bias: Array = bias_of(self, (int(shape[1]), int(shape[-1])), classes, path)

    def __call__(self, images: Array) -> Outputs:
        """Run one chunk."""
        return Outputs(*self._session.run(NAMES, {"image": images}))
