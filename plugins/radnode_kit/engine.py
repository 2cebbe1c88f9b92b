"""Runs a bundle's network: ONNX Runtime on the CPU, torch on a GPU. Each is imported only when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np

from node.errors import PluginError
from node.plugin import Array, Manifest
from radnode_kit.bundle import ONNX, SAFETENSORS


@dataclass(frozen=True)
class Outputs:
    """What the network answers for n images.

    Attributes:
        logits: (n, k).
        maps: (n, k, h, w).
        embedding: (n, 1280), pooled last features.
        context: (n, 160), moments of features from the middle of the network.
    """

    logits: Array
    maps: Array
    embedding: Array
    context: Array


NAMES = tuple(field.name for field in fields(Outputs))


class Engine(Protocol):
    """Normalised images (n, 1, s, s) -> :class:`Outputs`."""

    bias: Array

    def __call__(self, images: Array) -> Outputs:
        """Run one chunk."""


def verify(manifest: Manifest) -> None:
    """Compare the sha256 of every weight file with the manifest; raises :class:`PluginError` on any difference."""
    for name, expected in manifest.weights.items():
        path = manifest.folder / name
        if not path.is_file():
            raise PluginError("a weight file is missing", about=str(path), hint="install the plugin again")
        if sha256(path.read_bytes()).hexdigest() != expected:
            hint = "the file was changed or is damaged; install the plugin again"
            raise PluginError("a weight file is not the one that the manifest names", about=str(path), hint=hint)


def open_engine(folder: Path, device: str, classes: int) -> Engine:
    """The engine for ``cpu`` or ``cuda:N``; raises :class:`PluginError` for a device that is not there."""
    if device == "cpu":
        return OnnxEngine(folder / ONNX, classes)
    if device.startswith("cuda"):
        return TorchEngine(folder / SAFETENSORS, device, classes)
    raise PluginError(f"there is no device {device!r}", about=str(folder), hint="use cpu or cuda:N")


class OnnxEngine:
    """ONNX Runtime on the CPU."""

    def __init__(self, path: Path, classes: int):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # a container without /sys/class/drm makes it warn about GPUs otherwise
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        size = int(self._session.get_inputs()[0].shape[-1])
        answer = self(np.zeros((1, 1, size, size), dtype=np.float32))
        if answer.logits.shape != (1, classes):
            raise PluginError(
                f"the network answers {answer.logits.shape[1]} logits for {classes} labels", about=str(path)
            )
        self.bias: Array = (answer.logits - answer.maps.sum(axis=(2, 3)))[0]

    def __call__(self, images: Array) -> Outputs:
        """Run one chunk."""
        return Outputs(*self._session.run(NAMES, {"image": images}))


class TorchEngine:
    """Torch, for a GPU; also the reference in tests (`device` may be ``cpu``)."""

    def __init__(self, path: Path, device: str, classes: int):
        import torch
        from safetensors.torch import load_file

        from radnode_kit.lite import Lite0

        if device.startswith("cuda") and not torch.cuda.is_available():
            raise PluginError(f"there is no device {device!r}", about=str(path), hint='use device = "cpu"')
        self._torch, self._device = torch, torch.device(device)
        network = Lite0(classes, folded=True)
        network.load_state_dict({key: value.float() for key, value in load_file(path).items()})
        self._network = network.eval().to(self._device)
        self.bias: Array = network.linear.bias.detach().cpu().numpy()

    def __call__(self, images: Array) -> Outputs:
        """Run one chunk."""
        with self._torch.inference_mode():
            answer = self._network(self._torch.from_numpy(images).to(self._device))
        return Outputs(*(value.cpu().numpy() for value in answer))


def run_chunks(engine: Engine, images: Sequence[Array], chunk: int = 8) -> Outputs:
    """Run (s, s) normalised images in chunks -> the outputs for all of them, in order."""
    parts = [engine(np.stack(images[start : start + chunk])[:, None]) for start in range(0, len(images), chunk)]
    return Outputs(*(np.concatenate([getattr(part, name) for part in parts]) for name in NAMES))
