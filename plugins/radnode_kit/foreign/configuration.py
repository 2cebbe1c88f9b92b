"""The texts of an imported plugin that programs read: manifest, bundle configuration, package."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from node.claims import Code
from radnode_kit.foreign.model import NOT_MEASURED, ForeignModel, Label

Table = dict[str, Any]  # JSON's values
VERSION = "0.1.0"
_SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20220324.json"


def package_of(name: str) -> str:
    """``my-chexnet`` -> ``radnode_my_chexnet``."""
    return "radnode_" + name.replace("-", "_")


def quoted(value: object) -> str:
    """A value as TOML writes it; JSON's strings, numbers, lists and truth values are TOML's too."""
    return json.dumps(value, ensure_ascii=False)


def pyproject(model: ForeignModel) -> str:
    """``pyproject.toml``: the package, its entry point, and a build backend that needs no network."""
    name = model.wish.name
    package = package_of(name)
    return f"""\
[build-system]
requires = []
build-backend = "build_backend"
backend-path = ["."]

[project]
name = "{package.replace("_", "-")}"
version = "{VERSION}"
dependencies = ["radnode"]

[project.entry-points."radnode.plugins"]
{name} = "{package}:plugin"
"""


def module(model: ForeignModel) -> str:
    """``__init__.py`` of the package."""
    return f'''\
"""{model.wish.name}: imported by `radnode models import`. See MODEL_CARD.md beside this file."""

from __future__ import annotations

from pathlib import Path

from radnode_kit.foreign.classifier import ForeignClassifier


def plugin() -> ForeignClassifier:
    """The classifier, not loaded yet; found through the entry point group ``radnode.plugins``."""
    return ForeignClassifier(Path(__file__).parent)
'''


def manifest(model: ForeignModel, weights: Mapping[str, str]) -> str:
    """``manifest.toml``; `weights` are the digests of the files beside it."""
    return "\n".join([*_head(model), *_accepts(model), *_findings(model), *_table("weights", weights)]) + "\n"


def _head(model: ForeignModel) -> Iterator[str]:
    wish = model.wish
    facts = {
        "name": wish.name,
        "version": VERSION,
        "title": model.title[:64],
        "manufacturer": "unknown: imported by radnode",
        "intended_use": "Research: a model made by others, not measured at this site; not a diagnosis.",
        "licence": model.origin.licence,
        "research_only": True,
        "level": "image",
        "series_number": wish.series_number or 9100 + int(sha256(wish.name.encode()).hexdigest(), 16) % 90 * 10,
        "mutually_exclusive": model.exclusive,
        "explanation": ["130402", "DCM", "Class activation"],
        "family": ["123110", "DCM", "Artificial Intelligence"],
        "seconds_limit": 120.0,
    }
    yield from (f"{key} = {quoted(value)}" for key, value in facts.items())
    yield from _table("parameters", parameters(model))


def parameters(model: ForeignModel) -> dict[str, str]:
    """Facts for the report: what the model is and from which bytes it was made."""
    entry, origin = model.input, model.origin
    files = next(iter(origin.files)) if len(origin.files) == 1 else f"{len(origin.files)} files"
    shape = "whole image on the square" if entry.fit == "squash" else "letterboxed"
    return {
        "Source": f"{origin.kind}: {files}",
        "Source sha256": origin.digest,
        "Input": f"{entry.size} x {entry.size} pixels, {'grey' if entry.channels == 1 else 'three channels'}, {shape}",
        "Calibration": f"none: the {'softmax' if model.exclusive else 'sigmoid'} of the logits as the model gives them",
        "Gate": "none: images unlike the training data are not refused",
        "Evidence map": "exact: bias plus the sum over positions is the logit" if model.exact else "none",
    }


def _accepts(model: ForeignModel) -> Iterator[str]:
    accepts = model.accepts
    lists = {
        "modality": accepts.modality,
        "body_part": accepts.body_part,
        "view": accepts.view,
        "exclude_image_type": accepts.exclude_image_type,
    }
    yield from ("", "[accepts]", *(f"{key} = {quoted(list(value))}" for key, value in lists.items() if value))
    yield f"accept_missing = {quoted(accepts.accept_missing)}"


def _findings(model: ForeignModel) -> Iterator[str]:
    for label in model.claims:
        finding = label.finding
        yield from ("", "[[findings]]", f"name = {quoted(finding.name)}", f"label = {quoted(finding.label)}")
        yield f"code = {quoted(_parts(finding.code))}"
        if finding.site:
            yield f"site = {quoted(_parts(finding.site))}"
        yield f"localises = {quoted(model.exact)}"
        yield from ("", "[findings.operating_point]", *_point(label))


def _point(label: Label) -> Iterator[str]:
    """Nothing was measured, so nothing is promised: at least 0, and anything up to 1."""
    yield f"threshold = {quoted(label.threshold)}"
    yield "sensitivity = [0.0, 0.0, 1.0]"
    yield "specificity = [0.0, 0.0, 1.0]"
    yield f"source = {quoted(f'{NOT_MEASURED} (threshold: {label.source})')}"


def _parts(code: Code) -> list[str]:
    return [code.value, code.scheme, code.meaning]


def _table(name: str, values: Mapping[str, str]) -> Iterator[str]:
    yield from ("", f"[{name}]", *(f"{quoted(key)} = {quoted(value)}" for key, value in values.items()))


def metadata(model: ForeignModel) -> Table:
    """``metadata.json`` with the keys that MONAI asks for."""
    entry, names = model.input, [label.finding.name for label in model.labels]
    image = {
        "type": "image",
        "format": "magnitude",
        "modality": ", ".join(model.accepts.modality),
        "num_channels": entry.channels,
        "spatial_shape": [entry.size, entry.size],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        "channel_def": {"0": "image"},
    }
    answer = {
        "type": "probabilities",
        "format": "classes",
        "num_channels": len(names),
        "spatial_shape": [1],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        "channel_def": {str(index): name for index, name in enumerate(names)},
    }
    return {
        "schema": _SCHEMA,
        "version": VERSION,
        "changelog": {VERSION: "imported"},
        "monai_version": "1.5.2",
        "pytorch_version": "2.10.0",
        "numpy_version": "2.0.0",
        "name": model.title,
        "task": "classification",
        "description": model.origin.what,
        "authors": "unknown",
        "copyright": f"{model.origin.licence}: the terms of the source apply",
        "intended_use": "research, not measured",
        "network_data_format": {"inputs": {"image": image}, "outputs": {"pred": answer}},
    }


def inference(model: ForeignModel) -> Table:
    """``inference.json``: network, pre-processing and calibration in MONAI's keys."""
    count = len(model.labels)
    platt = {"kind": "platt", "slope": [1.0] * count, "intercept": [0.0] * count}
    return {
        "imports": ["$from safetensors.torch import load_file"],
        "bundle_root": ".",
        "image": "",
        "network_def": dict(model.network),
        "weights": "$load_file(@bundle_root + '/models/model.safetensors')",
        "preprocessing": {"_target_": "Compose", "transforms": list(_transforms(model))},
        "inferer": {"_target_": "SimpleInferer"},
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "Activationsd", "keys": "pred", "softmax" if model.exclusive else "sigmoid": True}
            ],
        },
        "calibration": {"kind": "temperature", "slope": [1.0]} if model.exclusive else platt,
    }


def _transforms(model: ForeignModel) -> Iterator[Table]:
    entry = model.input
    yield {"_target_": "LoadImaged", "keys": "image", "reader": "PILReader", "ensure_channel_first": True}
    yield {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 255, "b_min": 0, "b_max": 1}
    resize: Table = {"_target_": "Resized", "keys": "image", "mode": "bilinear", "anti_aliasing": True}
    if entry.fit == "letterbox":
        yield resize | {"spatial_size": entry.size, "size_mode": "longest"}
        yield {"_target_": "SpatialPadd", "keys": "image", "spatial_size": [entry.size, entry.size]}
    else:
        yield resize | {"spatial_size": [entry.size, entry.size]}
    if entry.channels == 3:
        yield {"_target_": "RepeatChanneld", "keys": "image", "repeats": 3}
    mean, deviation = list(entry.mean), list(entry.deviation)
    each: Table = {"subtrahend": mean, "divisor": deviation, "channel_wise": True}
    yield {"_target_": "NormalizeIntensityd", "keys": "image", **each}
