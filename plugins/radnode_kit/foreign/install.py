"""Writes an imported model as a package folder that ``pip install`` takes.

On disk afterwards::

    DIR/pyproject.toml  build_backend.py
    DIR/radnode_<name>/__init__.py  manifest.toml  MODEL_CARD.md
    DIR/radnode_<name>/bundle/source.json              sha256 of every file it was made from
    DIR/radnode_<name>/bundle/configs/metadata.json  inference.json
    DIR/radnode_<name>/bundle/models/model.onnx  model.safetensors (where the network is one of ours)

A folder appears whole or not at all.
"""

from __future__ import annotations

import json
import re
import shutil
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from node.errors import PluginError
from node.manifest import read_manifest
from radnode_kit.bundle import INFERENCE, METADATA, ONNX, SAFETENSORS
from radnode_kit.foreign import build_backend, configuration
from radnode_kit.foreign.card import card
from radnode_kit.foreign.model import ForeignModel, Wish

if TYPE_CHECKING:
    from radnode_kit.foreign.monai_bundle import Build

SOURCE = "bundle/source.json"
#: What can be imported -> the module that reads it.
KINDS = {
    "chexnet": "chexnet",
    "torchxrayvision": "xrayvision",
    "monai": "monai_bundle",
    "onnx": "onnx_model",
}
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def import_model(
    kind: str, source: Path, wish: Wish, out: Path, sha256: str = "", build: Build | None = None
) -> ForeignModel:
    """Read a model of one of :data:`KINDS` and write its package; raises :class:`PluginError` and then writes nothing.

    Args:
        kind: what the file is.
        source: file, or the folder of a MONAI bundle.
        wish: what the operator says of it.
        out: folder that does not exist yet, or is empty.
        sha256: demanded digest, hex; empty: any. It is compared before the file is read.
        build: runs the code of a bundle, which runs here otherwise.
    """
    check(kind, source, wish, out)
    read = import_module(f"radnode_kit.foreign.{KINDS[kind]}").read
    model: ForeignModel = read(source, wish, sha256, **({"build": build} if kind == "monai" else {}))
    write(model, out)
    return model


def check(kind: str, source: Path, wish: Wish, out: Path) -> None:
    """Raise :class:`PluginError` for what is wrong before anything was read."""
    if kind not in KINDS:
        raise PluginError(f"there is no kind of model {kind!r}", hint=f"known are {', '.join(KINDS)}")
    if not _NAME.fullmatch(wish.name) or len(wish.name) > 32:
        hint = "use lower case words joined by hyphens, up to 32 characters, e.g. my-chexnet"
        raise PluginError(f"{wish.name!r} cannot be the name of a plugin", hint=hint)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PluginError("the folder to write is not empty", about=str(out), hint="give another --out")
    if not (source.is_dir() if kind == "monai" else source.is_file()):
        raise PluginError(f"there is no {'folder' if kind == 'monai' else 'file'}", about=str(source))


def write(model: ForeignModel, out: Path) -> None:
    """Write the package's folder."""
    if not model.claims:
        raise PluginError("the model assesses none of its labels", about=model.wish.name)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=".import-") as folder:
        whole = Path(folder) / "package"
        _write_package(model, whole)
        if out.exists():
            out.rmdir()
        whole.rename(out)


def _write_package(model: ForeignModel, folder: Path) -> None:
    package = folder / configuration.package_of(model.wish.name)
    (package / METADATA).parent.mkdir(parents=True)
    (package / ONNX).parent.mkdir(parents=True)
    model.save(package)
    _write_json(package / METADATA, configuration.metadata(model))
    _write_json(package / INFERENCE, configuration.inference(model))
    _write_json(package / SOURCE, {"kind": model.origin.kind, "sha256": dict(model.origin.files)})
    sealed = [name for name in (METADATA, INFERENCE, SOURCE, ONNX, SAFETENSORS) if (package / name).is_file()]
    digests = {name: sha256((package / name).read_bytes()).hexdigest() for name in sealed}
    texts = {
        folder / "pyproject.toml": configuration.pyproject(model),
        package / "__init__.py": configuration.module(model),
        package / "manifest.toml": configuration.manifest(model, digests),
        package / "MODEL_CARD.md": card(model),
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    shutil.copy(build_backend.__file__, folder / "build_backend.py")
    read_manifest(package / "manifest.toml")  # what the node could not read is not handed over


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
