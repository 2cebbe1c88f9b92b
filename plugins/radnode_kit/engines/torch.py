"""Torch: the reference, the engine for GPUs, and for networks that have no ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from node.errors import PluginError
from node.plugin import Array
from radnode_kit.engines.outputs import Outputs

#: What `network_def` of a bundle may name. A name is looked up here and never run: a bundle must not choose code.
NETWORKS = ("radnode_kit.lite.Lite", "radnode_kit.foreign.densenet.DenseNet121")


@dataclass(frozen=True)
class Mode:
    """How torch computes.

    Attributes:
        channels_last: whether tensors lie in memory as (n, h, w, c), which is faster; the values stay the same.
        bfloat16: whether convolutions and products are rounded to bfloat16 (autocast); scores then move by some 0.01.
        maps: whether the maps are made at all; without them they come back empty (for measuring what they cost).
    """

    channels_last: bool = True
    bfloat16: bool = False
    maps: bool = True


def network_from(definition: Mapping[str, Any], about: str) -> nn.Module:  # Any: JSON's values
    """An untrained network in evaluation, as `network_def` of ``inference.json`` describes it.

    Args:
        definition: ``_target_``, one of :data:`NETWORKS`, and the arguments of that class.
        about: where it stands, for the error.

    Raises:
        PluginError: for any other target, or arguments that do not fit.
    """
    target = str(definition.get("_target_", ""))
    if target not in NETWORKS:
        hint = f"networks that can be built are {', '.join(NETWORKS)}; others run from an ONNX graph"
        raise PluginError(f"the network {target!r} is not one of ours", about=about, hint=hint)
    module, _, name = target.rpartition(".")
    arguments = {key: value for key, value in definition.items() if not key.startswith("_")}
    try:
        network = getattr(import_module(module), name)(**arguments)
    except (ImportError, TypeError, ValueError, KeyError) as error:
        raise PluginError(f"the network {target} cannot be built: {error}", about=about) from error
    assert isinstance(network, nn.Module)  # noqa: S101  NETWORKS names nothing else
    return network.eval()


class TorchEngine:
    """Runs the bundle's network with torch, in float32 unless `mode` says otherwise.

    Args:
        path: of the safetensors file.
        definition: the bundle's `network_def`.
        device: ``cpu`` or ``cuda:N``; on a GPU convolutions use TF32 where it has it (torch's default).
        threads: 0 for one of each core.
        mode: how it computes.
    """

    name = "torch"

    def __init__(
        self, path: Path, definition: Mapping[str, Any], device: str = "cpu", threads: int = 0, mode: Mode | None = None
    ):
        if device.startswith("cuda") and not _has(device):
            raise PluginError(f"there is no device {device!r}", about=str(path), hint='use device = "cpu"')
        if not path.is_file():
            raise PluginError("there is no weight file for torch", about=str(path), hint="use an engine for ONNX")
        if threads:
            torch.set_num_threads(threads)
        self._device, self._mode = torch.device(str(device)), mode or Mode()
        self._layout = torch.channels_last if self._mode.channels_last else torch.contiguous_format
        network = network_from(definition, str(path))
        try:
            network.load_state_dict({key: value.float() for key, value in load_file(path).items()})
        except RuntimeError as error:
            raise PluginError("the weights do not fit the network", about=str(path)) from error
        self._network: Any = network.to(device=self._device, memory_format=self._layout)  # type: ignore[call-overload]  # torch's stub lacks the pair
        self.bias: Array = self._network.linear.bias.detach().float().cpu().numpy()

    def __call__(self, images: Array) -> Outputs:
        """Run one chunk."""
        on_device = torch.from_numpy(images).to(device=self._device).contiguous(memory_format=self._layout)
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._mode.bfloat16):
            answer = self._network(on_device) if self._mode.maps else self._without_maps(on_device)
        return Outputs(*(value.float().cpu().numpy() for value in answer))

    def _without_maps(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What any classifier does: features, their mean, the last layer."""
        feature, context = self._network.features(images)
        embedding = feature.mean((2, 3))
        logits = self._network.linear(embedding)
        return logits, logits.new_empty((*logits.shape, 0, 0)), embedding, context


def _has(device: str) -> bool:
    number = device.partition(":")[2]
    return torch.cuda.is_available() and int(number or 0) < torch.cuda.device_count()
