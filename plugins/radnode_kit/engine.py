"""Runs a bundle's network: opens the engine that the device asks for. Each library is imported only when it is used.

``open_engine(folder, "cpu", classes)`` takes ONNX Runtime, or torch for a network that has no ONNX graph, and
``"cuda:0"`` torch. A :class:`~node.device.Device` may wish for more: an engine by name, or ``auto``, the fastest of
those that are installed whose answers agree (:mod:`radnode_kit.engines.choice`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from node.device import Device, Wishes
from node.errors import PluginError
from node.plugin import Manifest
from radnode_kit.bundle import ONNX, SAFETENSORS, read_bundle
from radnode_kit.engines.choice import REFERENCE, Choice, choose
from radnode_kit.engines.machine import this_machine
from radnode_kit.engines.memory import key_of, recall, remember
from radnode_kit.engines.onnx import OnnxEngine
from radnode_kit.engines.outputs import NAMES, Engine, Outputs, run_chunks

__all__ = ["NAMES", "Engine", "Outputs", "candidates", "open_engine", "run_chunks", "settle", "verify"]

Opener = Callable[[], Engine]


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
    """The engine for a plugin's folder.

    Args:
        folder: holds ``bundle/``.
        device: ``cpu`` or ``cuda:N``, or a :class:`~node.device.Device`.
        classes: logits that the network must answer.

    Raises:
        PluginError: for a device or an engine that is not there, or files that do not fit.
    """
    wishes = Device(device).wishes
    if device.startswith("cuda"):
        if wishes.engine not in ("", "auto", "torch"):
            hint = 'on a GPU use engine = "auto" or "torch"'
            raise PluginError(f"the engine {wishes.engine!r} runs on the CPU only", about=str(folder), hint=hint)
        return _torch(folder, device, classes, wishes.threads)
    if device != "cpu":
        raise PluginError(f"there is no device {device!r}", about=str(folder), hint="use cpu or cuda:N")
    if wishes.engine == "auto" and (folder / ONNX).is_file():
        return settle(folder, wishes, classes)[1]
    return _named(folder, wishes, classes)()


def candidates(folder: Path, classes: int, threads: int = 0) -> dict[str, Opener]:
    """What can run an exported graph on this machine's CPU: ONNX Runtime, and OpenVINO where it is installed."""
    found: dict[str, Opener] = {REFERENCE: partial(OnnxEngine, folder / ONNX, classes, threads)}
    if find_spec("openvino"):
        found["openvino"] = partial(_openvino, folder, classes, threads, "f32")
        if this_machine().has_bfloat16:
            found["openvino-bf16"] = partial(_openvino, folder, classes, threads, "bf16")
    return found


def settle(folder: Path, wishes: Wishes, classes: int) -> tuple[Choice, Engine]:
    """The engine that ``auto`` takes for a plugin's folder, opened; remembered, or else measured now."""
    openers = candidates(folder, classes, wishes.threads)
    if len(openers) == 1:
        return Choice(REFERENCE, f"{REFERENCE} is the only one that is installed"), openers[REFERENCE]()
    key = key_of(folder, wishes.threads)
    known = recall(wishes.memory, key)
    if known is not None and known.engine in openers:
        return known, openers[known.engine]()
    from radnode_kit.engines.pictures import pictures  # decoding is loaded only to choose

    bundle = read_bundle(folder)
    choice, engine = choose(openers, pictures(bundle), bundle.calibration)
    remember(wishes.memory, key, choice)
    return choice, engine


def _named(folder: Path, wishes: Wishes, classes: int) -> Opener:
    """The engine of that name; torch for a network without a graph, whatever is wished for: nothing else can run it."""
    name = REFERENCE if wishes.engine in ("", "auto") else wishes.engine
    if name == "torch" or _only_torch(folder):
        return partial(_torch, folder, "cpu", classes, wishes.threads)
    if name == "openvino":
        return partial(_openvino, folder, classes, wishes.threads, "f32")
    if name == REFERENCE:
        return partial(OnnxEngine, folder / ONNX, classes, wishes.threads)
    hint = "use auto, onnxruntime, openvino or torch"
    raise PluginError(f"there is no engine {name!r}", about=str(folder), hint=hint)


def _only_torch(folder: Path) -> bool:
    return not (folder / ONNX).is_file() and (folder / SAFETENSORS).is_file()


def _openvino(folder: Path, classes: int, threads: int, precision: str) -> Engine:
    from radnode_kit.engines.openvino import OpenVinoEngine

    return OpenVinoEngine(folder / ONNX, classes, threads, precision)


def _torch(folder: Path, device: str, classes: int, threads: int) -> Engine:
    from radnode_kit.engines.torch import TorchEngine

    engine = TorchEngine(folder / SAFETENSORS, read_bundle(folder).network, device, threads)
    if engine.bias.shape != (classes,):
        found = f"the network answers {len(engine.bias)} logits for {classes} labels"
        raise PluginError(found, about=str(folder))
    return engine
