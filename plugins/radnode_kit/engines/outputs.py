"""What an engine is asked and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

import numpy as np

from node.errors import PluginError
from node.plugin import Array


@dataclass(frozen=True)
class Outputs:
    """What the network answers for n images.

    Attributes:
        logits: (n, k).
        maps: (n, k, h, w), contributions in logits: ``logits == bias + maps.sum((2, 3))``.
        embedding: (n, e), pooled last features.
        context: (n, m), moments of features from the middle of the network.
    """

    logits: Array
    maps: Array
    embedding: Array
    context: Array


NAMES = tuple(field.name for field in fields(Outputs))


class Engine(Protocol):
    """Normalised images, float32 (n, c, s, s) -> :class:`Outputs`.

    Attributes:
        name: of the engine, e.g. ``onnxruntime``.
        bias: (k,), what no place contributes to the logits.
    """

    name: str
    bias: Array

    def __call__(self, images: Array) -> Outputs:
        """Run one chunk."""


def run_chunks(engine: Engine, images: Sequence[Array], chunk: int = 8) -> Outputs:
    """Run (c, s, s) normalised images in chunks -> the outputs for all of them, in order."""
    parts = [engine(np.stack(images[start : start + chunk])) for start in range(0, len(images), chunk)]
    return joined(parts)


def joined(parts: Sequence[Outputs]) -> Outputs:
    """The outputs of several chunks (one at least), in order."""
    return Outputs(*(np.concatenate([getattr(part, name) for part in parts]) for name in NAMES))


def bias_of(run: Callable[[Array], Outputs], shape: tuple[int, int], classes: int, path: Path) -> Array:
    """(k,), what a black image's logits have beside their maps.

    Args:
        run: the network.
        shape: channels and side of its input.
        classes: logits it must answer, or :class:`PluginError` is raised.
        path: of its file.
    """
    channels, size = shape
    answer = run(np.zeros((1, channels, size, size), dtype=np.float32))
    if answer.logits.shape != (1, classes):
        raise PluginError(f"the network answers {answer.logits.shape[1]} logits for {classes} labels", about=str(path))
    return np.asarray((answer.logits - answer.maps.sum(axis=(2, 3)))[0])


def check_graph(path: Path) -> None:
    """Raise :class:`PluginError` unless the file of the graph is there."""
    if not path.is_file():
        raise PluginError("there is no ONNX graph", about=str(path), hint='engine = "torch" may run its other weights')


def check_outputs(names: Sequence[str], path: Path) -> None:
    """Raise :class:`PluginError` unless a graph has all of :data:`NAMES` among its outputs."""
    if missing := [name for name in NAMES if name not in names]:
        hint = "`radnode_kit.export` writes a graph with all of them"
        raise PluginError(f"the graph has no output {', '.join(missing)}", about=str(path), hint=hint)
