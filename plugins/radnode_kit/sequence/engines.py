"""Runs the exported part of a sequence model: ONNX Runtime on the CPU, torch on a GPU. Each is imported when used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

import numpy as np

from node.errors import PluginError
from node.plugin import Array
from radnode_kit.bundle import ONNX, SAFETENSORS
from radnode_kit.engines.session import session
from radnode_kit.sequence.slices import AIR, SIZE

_CHUNK = 8


@dataclass(frozen=True)
class SliceOutputs:
    """What the k readers of the network say of n slices, each alone.

    Attributes:
        logits: (n, k), the sum of the slice's map plus the reader's bias.
        maps: (n, k, 32, 32), contributions of the places.
        scores: (n, k), of the attention over slices; their softmax weighs the slices of a series.
        embedding: (n, k, c), what the linear layers read.
        context: (n, 160), moments of features, for the gate.
    """

    logits: Array
    maps: Array
    scores: Array
    embedding: Array
    context: Array


NAMES = tuple(field.name for field in fields(SliceOutputs))


class SliceEngine(Protocol):
    """HU (n, 1, 256, 256) -> :class:`SliceOutputs`."""

    def __call__(self, hounsfield: Array) -> SliceOutputs:
        """Run one chunk."""


def open_engine(folder: Path, device: str) -> SliceEngine:
    """The engine for ``cpu`` or ``cuda:N``; raises :class:`PluginError` for a device that is not there."""
    if device == "cpu":
        return OnnxSlices(folder / ONNX)
    if device.startswith("cuda"):
        return TorchSlices(folder / SAFETENSORS, device)
    raise PluginError(f"there is no device {device!r}", about=str(folder), hint="use cpu or cuda:N")


class OnnxSlices:
    """ONNX Runtime on the CPU."""

    def __init__(self, path: Path):
        self._session = session(path)

    def __call__(self, hounsfield: Array) -> SliceOutputs:
        """Run one chunk."""
        return SliceOutputs(*self._session.run(NAMES, {"hounsfield": hounsfield}))


class TorchSlices:
    """Torch, for a GPU; also the reference in tests (`device` may be ``cpu``)."""

    def __init__(self, path: Path, device: str):
        import torch
        from safetensors.torch import load_file

        from radnode_kit.sequence.network import network_from

        if device.startswith("cuda") and not torch.cuda.is_available():
            raise PluginError(f"there is no device {device!r}", about=str(path), hint='use device = "cpu"')
        self._torch, self._device = torch, torch.device(device)
        self._network = network_from(load_file(path)).eval().to(self._device)

    def __call__(self, hounsfield: Array) -> SliceOutputs:
        """Run one chunk."""
        with self._torch.inference_mode():
            answer = self._network(self._torch.from_numpy(hounsfield).to(self._device))
        return SliceOutputs(*(value.cpu().numpy() for value in answer))


def bias_of(engine: SliceEngine) -> float:
    """What no place contributes to a logit, in the mean of the readers."""
    nothing = engine(np.full((1, 1, SIZE, SIZE), AIR, dtype=np.float32))
    return float((nothing.logits - nothing.maps.sum(axis=(2, 3), dtype=np.float64)).mean())


def run_slices(engine: SliceEngine, canvases: Sequence[Array]) -> SliceOutputs:
    """Run HU canvases (256, 256) in chunks -> the outputs for all of them (one at least), in order."""
    parts = [engine(np.stack(canvases[start : start + _CHUNK])[:, None]) for start in range(0, len(canvases), _CHUNK)]
    return SliceOutputs(*(np.concatenate([getattr(part, name) for part in parts]) for name in NAMES))
