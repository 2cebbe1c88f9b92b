"""How other programs name the parameters of a DenseNet-121, and what each of those is called here.

Three layouts are known. All are recognised by their names alone:

==================  ===============================================  =========================
program             a dense layer                                    last layer
==================  ===============================================  =========================
torchvision < 0.4   ``features.denseblock1.denselayer1.norm.1``      ``classifier``
torchvision, XRV    ``features.denseblock1.denselayer1.norm1``       ``classifier``
MONAI               ``features.denseblock1.denselayer1.layers.norm1``  ``class_layers.out``
==================  ===============================================  =========================

CheXNet wraps the first in ``module.densenet121.`` (DataParallel within a class of its own), and its last layer is a
Sequential of a linear layer and a sigmoid, hence ``classifier.0``. The count of batches (``num_batches_tracked``) came
with torch 0.4.1 and is not used in evaluation: it may be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.errors import PluginError
from radnode_kit.foreign.densenet import BLOCKS, DenseNet121

if TYPE_CHECKING:
    from torch import Tensor

_ANCHOR = "features.conv0.weight"
_COUNT = "num_batches_tracked"
_NORM = ("weight", "bias", "running_mean", "running_var")
_SHOWN = 4


@dataclass(frozen=True)
class Layout:
    """One program's names.

    Attributes:
        program: whose.
        first: name of a dense layer's first normalisation; the convolutions and the second go alike.
        last: name of the last layer.
    """

    program: str
    first: str
    last: str

    def part(self, kind: str, number: int) -> str:
        """``norm``, 2 -> ``norm.2`` or what it is called here."""
        return self.first.replace("norm", kind).replace("1", str(number))


LAYOUTS = (
    Layout("CheXNet", "norm.1", "classifier.0"),
    Layout("CheXNet, renamed", "norm1", "classifier.0"),
    Layout("torchvision before 0.4", "norm.1", "classifier"),
    Layout("torchvision or TorchXRayVision", "norm1", "classifier"),
    Layout("MONAI", "layers.norm1", "class_layers.out"),
)


def prefix_of(tensors: Mapping[str, Tensor]) -> str:
    """What stands before ``features.`` in every name, e.g. ``module.densenet121.``; raises :class:`PluginError`."""
    prefixes = [name.removesuffix(_ANCHOR) for name in tensors if name.endswith(_ANCHOR)]
    if len(prefixes) != 1:
        found = ", ".join(sorted(tensors)[:_SHOWN])
        raise PluginError(
            f"this is no DenseNet-121: {len(prefixes)} tensors are called ...{_ANCHOR}",
            about=f"{len(tensors)} tensors: {found}, ...",
            hint="import another network as a MONAI bundle or as ONNX",
        )
    return prefixes[0]


def layout_of(tensors: Mapping[str, Tensor]) -> Layout:
    """The layout that most names follow; raises :class:`PluginError` when there is no DenseNet-121 at all."""
    prefix = prefix_of(tensors)
    return max(LAYOUTS, key=lambda layout: sum(prefix + theirs in tensors for _, theirs in names(layout)))


def names(layout: Layout) -> Iterator[tuple[str, str]]:
    """Every parameter: (its name here, its name there without the prefix)."""
    yield "stem.conv.weight", "features.conv0.weight"
    yield from _norm("stem.norm", "features.norm0")
    for block, layers in enumerate(BLOCKS):
        for layer in range(layers):
            ours, theirs = f"blocks.{block}.{layer}", f"features.denseblock{block + 1}.denselayer{layer + 1}"
            yield from _norm(f"{ours}.norm_in", f"{theirs}.{layout.part('norm', 1)}")
            yield f"{ours}.narrow.weight", f"{theirs}.{layout.part('conv', 1)}.weight"
            yield from _norm(f"{ours}.norm_mid", f"{theirs}.{layout.part('norm', 2)}")
            yield f"{ours}.grow.weight", f"{theirs}.{layout.part('conv', 2)}.weight"
        if block < len(BLOCKS) - 1:
            yield from _norm(f"transitions.{block}.norm", f"features.transition{block + 1}.norm")
            yield f"transitions.{block}.conv.weight", f"features.transition{block + 1}.conv.weight"
    yield from _norm("norm", "features.norm5")
    yield "linear.weight", f"{layout.last}.weight"
    yield "linear.bias", f"{layout.last}.bias"


def _norm(ours: str, theirs: str) -> Iterator[tuple[str, str]]:
    return ((f"{ours}.{part}", f"{theirs}.{part}") for part in _NORM)


def renamed(tensors: Mapping[str, Tensor], ignore: frozenset[str] = frozenset()) -> dict[str, Tensor]:
    """The tensors under their names here; raises :class:`PluginError` naming what is missing and what is too much.

    Args:
        tensors: the state of a DenseNet-121 in one of :data:`LAYOUTS`.
        ignore: names that may be there beside it.
    """
    prefix, layout = prefix_of(tensors), layout_of(tensors)
    table = {prefix + theirs: ours for ours, theirs in names(layout)}
    missing = [name for name in table if name not in tensors]
    extra = [name for name in tensors if name not in table and not name.endswith(_COUNT) and name not in ignore]
    if missing or extra:
        told = [f"{what} {_list(found)}" for what, found in (("missing", missing), ("unexpected", extra)) if found]
        raise PluginError(
            f"the tensors are not those of a DenseNet-121 as {layout.program} names them: {'; '.join(told)}",
            hint="is it a DenseNet-169 or -201, or only a part of the checkpoint?",
        )
    return {ours: tensors[theirs].float() for theirs, ours in table.items()}


def _list(found: list[str]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


def densenet(tensors: Mapping[str, Tensor], ignore: frozenset[str] = frozenset()) -> DenseNet121:
    """A network with these weights, in evaluation; raises :class:`PluginError` as :func:`renamed`, or for a shape."""
    state = renamed(tensors, ignore)
    network = DenseNet121(len(state["linear.bias"]), state["stem.conv.weight"].shape[1])
    expected = {name: value for name, value in network.state_dict().items() if not name.endswith(_COUNT)}
    wrong = [name for name, value in expected.items() if value.shape != state[name].shape]
    if wrong:
        there, here = tuple(state[wrong[0]].shape), tuple(expected[wrong[0]].shape)
        raise PluginError(f"the tensor for {wrong[0]!r} has shape {there}, a DenseNet-121 has {here}")
    network.load_state_dict(state, strict=False)
    return network.eval()
