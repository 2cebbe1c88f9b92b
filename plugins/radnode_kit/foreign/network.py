"""A torch network of somebody else's as a graph with our outputs; a DenseNet-121 becomes our own, for GPUs as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import onnx
import torch
from torch import nn

from node.errors import PluginError
from radnode_kit.foreign.chexnet import NETWORK as DENSENET
from radnode_kit.foreign.densenet import DenseNet121
from radnode_kit.foreign.export import save_densenet, write_onnx
from radnode_kit.foreign.graph import adapt
from radnode_kit.foreign.layouts import densenet
from radnode_kit.foreign.model import Input
from radnode_kit.foreign.onnx_model import NETWORK as GRAPH
from radnode_kit.foreign.onnx_model import NO_MAPS, save


@dataclass(frozen=True)
class AdaptedNetwork:
    """A network ready to be written.

    Attributes:
        outputs: number of logits.
        softmax: its probabilities exclude each other.
        exact: its maps add up to its logits.
        own: (classes, channels) where it is our own DenseNet-121; None: its graph says what it is.
        save: writes the weight files below a folder.
    """

    outputs: int
    softmax: bool
    exact: bool
    own: tuple[int, int] | None
    save: Callable[[Path], None]

    @property
    def definition(self) -> Mapping[str, Any]:  # JSON's values
        """The table ``network_def``."""
        return GRAPH if self.own is None else {"_target_": DENSENET, "classes": self.own[0], "channels": self.own[1]}

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the card."""
        return () if self.exact else (NO_MAPS,)


def adapted_network(network: nn.Module, entry: Input, activation: str) -> AdaptedNetwork:
    """The network with logits, maps, embedding and context; raises :class:`PluginError` when it cannot be exported."""
    try:
        own = densenet(network.state_dict())
    except PluginError:  # any other network, or a DenseNet with another end: its graph says what it is
        return _by_graph(network, entry, activation)
    if not _same(network, own, entry):  # the same names with another activation, say
        return _by_graph(network, entry, activation)
    classes, channels = own.linear.out_features, own.stem.conv.in_channels
    return AdaptedNetwork(
        classes, activation == "softmax", True, (classes, channels), partial(save_densenet, own, entry)
    )


def _same(network: nn.Module, own: DenseNet121, entry: Input) -> bool:
    """Whether both give the same logits for images of noise."""
    images = torch.rand(2, entry.channels, entry.size, entry.size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        theirs, ours = network(images), own(images)[0]
    return isinstance(theirs, torch.Tensor) and theirs.shape == ours.shape and torch.allclose(theirs, ours, 1e-3, 1e-3)


def _by_graph(network: nn.Module, entry: Input, activation: str) -> AdaptedNetwork:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        try:
            write_onnx(network, entry, path, ("logits",))
        except RuntimeError as error:  # torch.onnx's errors are RuntimeErrors, as are shapes that do not fit
            reason = " ".join(str(error).split())[:300]
            raise PluginError(f"the network cannot be exported to ONNX: {reason}") from error
        adapted = adapt(onnx.load(str(path)), entry, activation)
    return AdaptedNetwork(adapted.outputs, adapted.softmax, adapted.exact, None, partial(save, adapted))
