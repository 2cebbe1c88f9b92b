"""ONNX Runtime on the CPU: the engine of the default installation."""

from __future__ import annotations

from pathlib import Path

from node.plugin import Array
from radnode_kit.engines.outputs import NAMES, Outputs, bias_of, check_graph, check_outputs


class OnnxEngine:
    """Runs the exported graph with ONNX Runtime in float32.

    Args:
        path: of the graph.
        classes: logits it must answer.
        threads: 0 for one of each core.
    """

    name = "onnxruntime"

    def __init__(self, path: Path, classes: int, threads: int = 0):
        import onnxruntime

        check_graph(path)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # a container without /sys/class/drm makes it warn about GPUs otherwise
        options.intra_op_num_threads = threads
        # Waiting threads sleep: receivers and other workers share the cores. Seen on two busy ones, Lite0, 8 images: 46
        # instead of 69 ms of processor time for a run, and none instead of 31 ms after it; alone on a machine, spinning
        # was up to a fifth faster.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        check_outputs([output.name for output in self._session.get_outputs()], path)
        shape = self._session.get_inputs()[0].shape
        self.bias: Array = bias_of(self, (int(shape[1]), int(shape[-1])), classes, path)

    def __call__(self, images: Array) -> Outputs:
        """Run one chunk."""
        return Outputs(*self._session.run(NAMES, {"image": images}))
