"""Sessions of ONNX Runtime on the CPU, all with the same settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def session(graph: Path | bytes, threads: int = 0, severity: int = 3) -> Any:  # Any: onnxruntime is not typed
    """A session of a graph.

    ONNX Runtime counts who uses it, and would tell its makers: that is switched off; what a node does stays on it.

    Args:
        graph: a file, or the graph itself.
        threads: 0 for one of each core.
        severity: of the least message that it prints; 3 for errors: a container without /sys/class/drm makes it warn
            about GPUs otherwise.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = severity
    options.intra_op_num_threads = threads
    # Waiting threads sleep: receivers and other workers share the cores. Seen on two busy ones, Lite0, 8 images: 46
    # instead of 69 ms of processor time for a run, and none instead of 31 ms after it; alone on a machine, spinning
    # was up to a fifth faster.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    given = str(graph) if isinstance(graph, Path) else graph
    return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
