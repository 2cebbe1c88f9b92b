"""The network under examination: as it is shipped, and its two forms with the same parameters and other map sizes."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor

from node.errors import PluginError
from node.plugin import Array
from radnode_kit.bundle import ONNX, SAFETENSORS, Bundle, read_bundle
from radnode_kit.calibration import Calibration, Floats
from radnode_kit.engine import Engine
from radnode_kit.engines.onnx import OnnxEngine
from radnode_kit.export import shipped
from radnode_kit.lite import Lite

Columns = npt.NDArray[np.int64]
CHUNK = 8
_AGREE = 1e-2  # logits
_LITE = "radnode_kit.lite.Lite"


@dataclass(frozen=True)
class Subject:
    """One trained network, open to every method.

    Attributes:
        network: as it is shipped; its probability is what explanations must account for.
        plain: the same parameters with a map cell for every 32 pixels.
        fine: the same parameters with a map cell for every 16 pixels.
        calibration: from logits to probabilities.
        size: side of the input in pixels; larger images (mosaics) may be asked of it too.
        engine: a faster twin of `network` for images of that size; None: torch runs them all.
    """

    network: Lite
    plain: Lite
    fine: Lite
    calibration: Calibration
    size: int
    engine: Engine | None = None

    def logits(self, images: Array) -> Array:
        """Normalised images (n, c, s, s) -> (n, k)."""
        parts = [self._logits(images[start : start + CHUNK]) for start in range(0, len(images), CHUNK)]
        return np.concatenate(parts)

    def _logits(self, images: Array) -> Array:
        if self.engine is not None and images.shape[-1] == self.size:
            return self.engine(images).logits
        with torch.inference_mode():
            logits: Tensor = self.network(tensor_of(images))[0]
        return logits.numpy()

    def probability(self, images: Array, columns: Columns) -> Floats:
        """(n,), calibrated, of the label `columns[i]` for image i."""
        return np.asarray(self.calibration(self.logits(images))[np.arange(len(images)), columns])


def tensor_of(images: Array) -> Tensor:
    """(n, c, s, s), laid out in memory as is faster on a CPU."""
    return torch.from_numpy(images).contiguous(memory_format=torch.channels_last)


def both_forms(network: Lite, **arguments: object) -> tuple[Lite, Lite]:
    """(plain, fine): folded networks with the parameters of a folded one; `arguments` are those of its class."""
    made = []
    for dilated in (False, True):
        twin = Lite(**{**arguments, "folded": True, "dilated": dilated}).eval()  # type: ignore[arg-type]  # JSON's values
        twin.load_state_dict(network.state_dict())
        made.append(laid_out(twin))
    return made[0], made[1]


def laid_out(network: Lite) -> Lite:
    """The same network with its weights laid out as :func:`tensor_of` lays out images."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    return network


def open_subject(folder: Path) -> Subject:
    """The trained network of a plugin's folder; raises :class:`PluginError` when there is none, or none of ours."""
    bundle, about = read_bundle(folder), str(folder)
    if bundle.network.get("_target_") != _LITE:
        raise PluginError("only networks of the kit can be explained here", about=about)
    if not (folder / SAFETENSORS).is_file() or not (folder / ONNX).is_file():
        raise PluginError("the plugin has no weights yet", about=about, hint="`radnode train` makes them")
    network = trained(bundle, folder)
    arguments = {key: value for key, value in bundle.network.items() if not key.startswith("_")}
    plain, fine = both_forms(network, **arguments)
    engine = OnnxEngine(folder / ONNX, len(bundle.labels), threads=torch.get_num_threads())
    check_twins(network, engine, bundle, about)
    return Subject(network, plain, fine, bundle.calibration, bundle.size, engine)


def check_twins(network: Lite, engine: Engine, bundle: Bundle, about: str) -> None:
    """Raise :class:`PluginError` unless both answer the same for one image of random numbers."""
    shape = (1, bundle.channels, bundle.size, bundle.size)
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    with torch.inference_mode():
        logits: Tensor = network(tensor_of(image))[0]
    if not np.allclose(logits.numpy(), engine(image).logits, atol=_AGREE):
        hint = "export the plugin again: `network_def` or one of its weight files was changed alone"
        raise PluginError("the ONNX graph is not that of the other weight file", about=about, hint=hint)


def trained(bundle: Bundle, folder: Path) -> Lite:
    """The shipped network with its weights, in torch."""
    network = shipped(bundle)
    network.load_state_dict({key: value.float() for key, value in load_file(folder / SAFETENSORS).items()})
    return laid_out(network)


def with_last_layer(network: Lite, weight: Array, bias: Array) -> Lite:
    """A copy with another linear layer: weight (k, 1280), bias (k,)."""
    other = copy.deepcopy(network)
    other.linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
    other.linear.weight.data = torch.from_numpy(np.asarray(weight, dtype=np.float32))
    other.linear.bias.data = torch.from_numpy(np.asarray(bias, dtype=np.float32))
    return other.eval()
