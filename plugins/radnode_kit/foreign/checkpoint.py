"""Reads the tensors of a checkpoint and nothing else: safetensors, or torch's file with ``weights_only``.

A pickle is a program. Torch's restricted reader runs only what builds tensors; a file that names anything beyond that
is refused, with every name, and is converted by its owner outside the node.
"""

from __future__ import annotations

import pickle
import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from node.errors import PluginError

if TYPE_CHECKING:
    from torch import Tensor

#: What torch.save writes for tensors and their containers, and weights_only accepts.
_TENSOR_PARTS = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_\w+|torch \w+Storage|torch\.storage \w+"
    r"|torch (Tensor|Size|device|\w*\d+)|torch\.nn\.parameter Parameter"
)
_LEGACY_PICKLES = 4
#: What the restricted reader raises for bytes that are something else.
_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    struct.error,
)
_CONVERT = (
    "import torch; from safetensors.torch import save_file; "
    't = torch.load("FILE", map_location="cpu", weights_only=False); '
    'save_file({k: v.contiguous() for k, v in t["state_dict"].items()}, "model.safetensors")'
)
HOW_TO_CONVERT = f"where you trust the file, outside the node, run: python -c '{_CONVERT}'"


def digest(path: Path, expected: str = "") -> str:
    """sha256 (hex) of a file; raises :class:`PluginError` when it is not the expected one, or cannot be read."""
    try:
        with path.open("rb") as stream:
            actual = _digest(stream)
    except OSError as error:
        raise PluginError(f"the model cannot be read: {error.strerror}", about=str(path)) from error
    if expected and actual != expected.strip().lower():
        raise PluginError(
            f"the model has sha256 {actual}, demanded was {expected}",
            about=str(path),
            hint="it is not the file you meant; nothing of it was read",
        )
    return actual


def _digest(stream: IO[bytes]) -> str:
    total = sha256()
    while block := stream.read(2**20):
        total.update(block)
    return total.hexdigest()


def is_safetensors(path: Path) -> bool:
    """Whether the file begins as a safetensors file: the length of its header, then a JSON object."""
    with path.open("rb") as stream:
        start = stream.read(9)
    return len(start) == 9 and start[8:] == b"{" and struct.unpack("<Q", start[:8])[0] < 2**27


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Name -> tensor of a checkpoint; raises :class:`PluginError` with the reason when it holds anything else."""
    if is_safetensors(path):
        return _read_safetensors(path)
    return flat_tensors(_read_torch(path), path)


def metadata_of(path: Path) -> dict[str, str]:
    """The free metadata of a safetensors file; empty for another kind."""
    if not is_safetensors(path):
        return {}
    from safetensors import safe_open

    with safe_open(path, framework="pt") as stream:
        return dict(stream.metadata() or {})


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise PluginError(f"the safetensors file is damaged: {error}", about=str(path)) from error


def _read_torch(path: Path) -> Any:  # whatever weights_only lets through: tensors, numbers, text, lists, tables
    import torch
    from safetensors import SafetensorError  # torch reads such files by their names

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch asks for an issue about the file's protocol; it is refused anyway
            return torch.load(path, map_location="cpu", weights_only=True)
    except (*_UNREADABLE, SafetensorError) as error:
        named = foreign_names(path)
        if not named:
            raise PluginError(
                f"this is no checkpoint that torch can read without running it: {_first_line(error)}", about=str(path)
            ) from error
        raise PluginError(
            f"the checkpoint is refused: reading it would run {', '.join(named)}", about=str(path), hint=HOW_TO_CONVERT
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def foreign_names(path: Path) -> list[str]:
    """What a pickle would import beyond tensors, e.g. ``numpy.core.multiarray.scalar``, found without running it."""
    found = {name for name in _globals(path) if not _TENSOR_PARTS.fullmatch(name)}
    return sorted(name.replace(" ", ".") for name in found)


def _globals(path: Path) -> Iterator[str]:
    with path.open("rb") as stream:
        try:
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    inner = [name for name in archive.namelist() if name.endswith("data.pkl")]
                    for name in inner:
                        with archive.open(name) as part:
                            yield from _globals_of_pickle(part)
                return
            for _ in range(_LEGACY_PICKLES):
                yield from _globals_of_pickle(stream)
        except (ValueError, zipfile.BadZipFile):  # no pickle, or no more of them
            return


def _globals_of_pickle(stream: IO[bytes]) -> Iterator[str]:
    words: list[str] = []
    for code, argument, _ in pickletools.genops(stream):
        if code.name == "GLOBAL":
            yield str(argument)
        elif code.name == "STACK_GLOBAL":
            yield " ".join(words[-2:])
        elif isinstance(argument, str):
            words.append(argument)


def flat_tensors(content: Any, path: Path) -> dict[str, Tensor]:
    """The one table of tensors in a checkpoint, wherever it lies (``state_dict``, ``model``, ...); by names only.

    Raises :class:`PluginError` when there is none, or more than one of the same size.
    """
    tables = sorted(_tables(content, ""), key=lambda item: -len(item[1]))
    if not tables or (len(tables) > 1 and len(tables[0][1]) == len(tables[1][1])):
        where = ", ".join(name or "(top)" for name, _ in tables) or "none"
        raise PluginError(f"the checkpoint does not hold one table of tensors: found {where}", about=str(path))
    return tables[0][1]


def _tables(content: Any, name: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
    from torch import Tensor

    if not isinstance(content, Mapping):
        return
    tensors = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if tensors:
        yield name, tensors
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _tables(value, f"{name}.{key}".strip("."))
