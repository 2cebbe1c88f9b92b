"""Any ONNX file with one image input and one answer for each label."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import onnx

from node.claims import Accepts
from node.errors import PluginError
from radnode_kit.bundle import ONNX
from radnode_kit.foreign.checkpoint import digest
from radnode_kit.foreign.graph import Adapted, adapt, input_of
from radnode_kit.foreign.model import ForeignModel, Input, Origin, Wish, agree, entry_of, labelled

#: How MONAI's parser, or anybody, opens the network of such a plugin.
NETWORK: Mapping[str, Any] = {  # JSON's values
    "_target_": "onnxruntime.InferenceSession",
    "path_or_bytes": "$@bundle_root + '/models/model.onnx'",
}
NO_MAPS = (
    "There is no evidence map: the network does not end in global average pooling and one linear layer, and no other "
    "map is exact. Reports of this plugin mark no region."
)


def read(path: Path, wish: Wish, sha256: str = "") -> ForeignModel:
    """Read an ONNX file; raises :class:`PluginError` with the reason when a plugin cannot be made of it."""
    files = {path.name: digest(path, sha256)}
    if not wish.labels or not wish.modality:
        missing = "--labels" if not wish.labels else "--modality"
        raise PluginError(f"an ONNX file does not say what it is for: {missing} is needed", about=str(path))
    model = _load(path)
    channels, size = input_of(model)
    if size and wish.size not in (0, size):
        raise PluginError(f"the graph's input has {size} pixels, asked for were {wish.size}", about=str(path))
    if not (size or wish.size):
        raise PluginError("the graph leaves its input's size free", about=str(path), hint="say it with --size")
    entry = entry_of(wish, Input(size, channels, (0.0,) * channels, (1.0,) * channels))
    adapted = adapt(model, entry, wish.activation)
    labels = labelled(wish.labels)
    agree(labels, adapted.outputs, str(path))
    return ForeignModel(
        wish=wish,
        title=f"{wish.name} (ONNX): {len(labels)} labels",
        origin=Origin("onnx", "An ONNX file.", files),
        input=entry,
        labels=labels,
        accepts=Accepts(modality=wish.modality),
        network=NETWORK,
        save=partial(save, adapted),
        exact=adapted.exact,
        exclusive=adapted.softmax,
        notes=_notes(wish, adapted),
    )


def _notes(wish: Wish, adapted: Adapted) -> tuple[str, ...]:
    told = () if wish.mean else ("No normalisation was given: the network gets pixels in 0..1 as a viewer shows them.",)
    return told if adapted.exact else (*told, NO_MAPS)


def _load(path: Path) -> onnx.ModelProto:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types

    try:
        model = onnx.load(str(path), load_external_data=False)
        if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
            hint = "save the model as one file: onnx.save(onnx.load(FILE), NEW)"
            raise PluginError("the weights lie in another file, which no digest covers", about=str(path), hint=hint)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError) as error:
        reason = (str(error).splitlines() or ["no protocol buffer"])[0][:300]
        raise PluginError(f"this is no valid ONNX file: {reason}", about=str(path)) from error
    return model


def save(adapted: Adapted, folder: Path) -> None:
    """Write the graph below a plugin's folder."""
    (folder / ONNX).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(adapted.graph, str(folder / ONNX))
