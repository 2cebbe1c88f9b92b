"""OpenVINO on the CPU (the extra `openvino`): the exported graph, compiled for this processor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from node.errors import PluginError
from node.plugin import Array
from radnode_kit.engines.outputs import NAMES, Outputs, bias_of, check_graph, check_outputs, joined

#: Batches that are compiled for; others are run in these pieces. A fixed shape runs a third faster than an open one.
SIZES = (8, 1)


class OpenVinoEngine:
    """Runs the exported graph with OpenVINO.

    Args:
        path: of the graph.
        classes: logits it must answer.
        threads: 0 for one of each core.
        precision: ``f32``; or ``bf16``, whose logits are made from its own maps so that they still add up.
    """

    def __init__(self, path: Path, classes: int, threads: int = 0, precision: str = "f32"):
        self.name = "openvino" if precision == "f32" else f"openvino-{precision}"
        self._path, self._threads, self._precision = path, threads, precision
        self._core, self._model = _read(path)
        self._requests: dict[int, Any] = {}  # Any: openvino is not typed to mypy's liking
        _, channels, _, size = self._model.input(0).partial_shape
        shape = (channels.get_length(), size.get_length())
        self.bias: Array = bias_of(self._float32, shape, classes, path)

    def __call__(self, images: Array) -> Outputs:
        """Run one chunk."""
        answer = joined([self._run(images[start:stop]) for start, stop in pieces(len(images))])
        if self._precision == "f32":
            return answer
        logits = self.bias + answer.maps.sum(axis=(2, 3), dtype=np.float64)
        return Outputs(logits.astype(np.float32), answer.maps, answer.embedding, answer.context)

    def _run(self, images: Array) -> Outputs:
        if len(images) not in self._requests:
            self._requests[len(images)] = self._compiled(len(images), self._precision)
        return _asked(self._requests[len(images)], images)

    def _float32(self, images: Array) -> Outputs:
        """One black image: the bias must not be rounded."""
        request = self._compiled(len(images), "f32")
        if self._precision == "f32":
            self._requests[len(images)] = request
        return _asked(request, images)

    def _compiled(self, count: int, precision: str) -> Any:
        """A request for `count` images."""
        settings = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY"}
        if self._threads:
            settings["INFERENCE_NUM_THREADS"] = self._threads
        _, *rest = self._model.input(0).partial_shape
        try:
            model = self._model.clone()
            model.reshape([count, *(side.get_length() for side in rest)])
            return self._core.compile_model(model, "CPU", settings).create_infer_request()
        except RuntimeError as error:
            raise PluginError("OpenVINO cannot compile the graph", about=str(self._path)) from error


def pieces(count: int) -> Sequence[tuple[int, int]]:
    """(start, stop) of the pieces of :data:`SIZES` for `count` images: ``10 -> (0, 8), (8, 9), (9, 10)``."""
    found, start = [], 0
    for size in SIZES:
        while count - start >= size:
            found.append((start, start + size))
            start += size
    return found


def _asked(request: Any, images: Array) -> Outputs:
    request.infer({"image": np.ascontiguousarray(images)}, share_inputs=True)
    return Outputs(*(np.array(request.get_tensor(name).data) for name in NAMES))


def _read(path: Path) -> tuple[Any, Any]:
    """OpenVINO's core and the graph; raises :class:`PluginError` when one of them is missing."""
    try:
        import openvino
    except ImportError as error:
        hint = "pip install 'radnode[openvino]'"
        raise PluginError("OpenVINO is not installed", about=str(path), hint=hint) from error
    check_graph(path)
    core = openvino.Core()
    try:
        model = core.read_model(str(path))
    except RuntimeError as error:
        raise PluginError("OpenVINO cannot read the graph", about=str(path)) from error
    check_outputs([name for output in model.outputs for name in output.get_names()], path)
    return core, model
