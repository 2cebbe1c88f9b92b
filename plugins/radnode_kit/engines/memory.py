"""Remembers which engine was the fastest, in one small JSON file; without a file each process finds out for itself."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from radnode_kit.bundle import INFERENCE, ONNX
from radnode_kit.engines.choice import Choice, Trial
from radnode_kit.engines.machine import this_machine

_MOST = 64  # of old models and old versions


def key_of(folder: Path, threads: int) -> str:
    """What a choice depends on: the model, its calibration, the versions of the engines, the processor, the threads."""
    model = b"".join((folder / name).read_bytes() for name in (ONNX, INFERENCE))
    versions = [_version(name) for name in ("onnxruntime", "openvino")]
    facts = [sha256(model).hexdigest(), *versions, str(this_machine()), str(threads)]
    return sha256(json.dumps(facts).encode()).hexdigest()


def recall(memory: Path | None, key: str) -> Choice | None:
    """The choice that was made before; None when there is none, or the file cannot be read."""
    entry = _entries(memory).get(key)
    try:
        return Choice(**{**entry, "trials": tuple(_trial(trial) for trial in entry["trials"])}) if entry else None
    except (TypeError, KeyError):
        return None  # of another version of ours, or damaged: it is measured again


def remember(memory: Path | None, key: str, choice: Choice) -> bool:
    """Keep a choice; False where that is not possible, and the next process measures again."""
    if memory is None:
        return False
    entries = {**_entries(memory), key: asdict(choice)}
    text = json.dumps(dict(list(entries.items())[-_MOST:]), indent=1)
    part = memory.with_name(f".{memory.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(memory)  # several workers may do so at one time: each writes a whole file
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        return False
    return True


def _entries(memory: Path | None) -> Mapping[str, Any]:  # Any: JSON's values
    if memory is None:
        return {}
    try:
        entries = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _trial(entry: Mapping[str, Any]) -> Trial:
    return Trial(**{**entry, "seconds": tuple(entry["seconds"])})


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
