"""CheXNet's checkpoint as it is passed around: ``model.pth.tar`` with ``state_dict`` and the 14 findings of NIH.

Network and training: Rajpurkar et al., arXiv:1711.05225; names of the parameters: the widespread re-implementation by
arnoweng, see :mod:`radnode_kit.foreign.layouts`. ImageNet's normalisation, 224 pixels, the grey film on all three
channels.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from radnode_kit.chest_codes import NIH_LABELS
from radnode_kit.foreign.checkpoint import digest, read_tensors
from radnode_kit.foreign.export import save_densenet
from radnode_kit.foreign.layouts import densenet
from radnode_kit.foreign.model import CHEST_FILMS, ForeignModel, Input, Origin, Wish, agree, entry_of, labelled

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NETWORK = "radnode_kit.foreign.densenet.DenseNet121"

_NOTES = (
    "The published evaluation resizes the film to 256 pixels and averages ten crops of 224; here the whole film goes "
    "through once, which moves the scores a little.",
    "No operating point was published with the weights: a finding counts as present from 0.5, where this network "
    "rarely arrives for rare findings. Measure at your site before anybody reads the words present and absent.",
    "Trained on one hospital's adults and children (NIH ChestX-ray14), with labels taken from reports by a program: "
    "many are wrong, and portable films and drains go along with some of them.",
)


def read(path: Path, wish: Wish, sha256: str = "") -> ForeignModel:
    """Read a checkpoint; raises :class:`PluginError` with the reason when it is not one, or not the demanded one."""
    files = {path.name: digest(path, sha256)}
    network = densenet(read_tensors(path))
    labels = labelled(wish.labels or NIH_LABELS)
    agree(labels, network.linear.out_features, str(path))
    channels = network.stem.conv.in_channels
    entry = entry_of(wish, Input(224, channels, MEAN[:channels], DEVIATION[:channels]))
    return ForeignModel(
        wish=wish,
        title=f"CheXNet ({wish.name}): {len(labels)} findings on chest films",
        origin=Origin("chexnet", "A DenseNet-121 checkpoint in CheXNet's layout.", files),
        input=entry,
        labels=labels,
        accepts=CHEST_FILMS,
        network={"_target_": NETWORK, "classes": len(labels), "channels": channels},
        save=partial(save_densenet, network, entry),
        exact=True,
        notes=_NOTES,
    )
