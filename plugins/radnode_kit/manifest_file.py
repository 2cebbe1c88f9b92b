"""Writes measured numbers and digests into a plugin's ``manifest.toml``; its words stay as their author wrote them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from node.plugin import Interval, OperatingPoint
from radnode_kit.bundle import GATE, INFERENCE, METADATA, ONNX, SAFETENSORS

SEALED = (METADATA, INFERENCE, GATE, ONNX, SAFETENSORS)


def seal(folder: Path) -> None:
    """Write the sha256 of every weight and configuration file into the table ``[weights]``."""
    path = folder / "manifest.toml"
    lines = [f'"{name}" = "{sha256((folder / name).read_bytes()).hexdigest()}"' for name in SEALED]
    table = "\n".join(["[weights]", *lines]) + "\n"
    text = re.sub(r"^\[weights\]\n(?:[^\[\n].*\n|\n(?!\[))*", lambda _: table, path.read_text("utf-8"), flags=re.M)
    path.write_text(text, encoding="utf-8")


def write_points(folder: Path, points: Mapping[str, OperatingPoint]) -> None:
    """Write the operating points, by name of the finding."""
    path = folder / "manifest.toml"
    sections = re.split(r"(?=^\[\[findings\]\]$)", path.read_text("utf-8"), flags=re.M)
    path.write_text("".join(_with_point(section, points) for section in sections), encoding="utf-8")


def _with_point(section: str, points: Mapping[str, OperatingPoint]) -> str:
    name = re.search(r'^name = "(.*)"$', section, flags=re.M)
    if not section.startswith("[[findings]]") or name is None or name[1] not in points:
        return section
    point = points[name[1]]
    values = {
        "threshold": f"{point.threshold:.3f}",
        "sensitivity": _interval(point.sensitivity),
        "specificity": _interval(point.specificity),
        "source": f'"{point.source}"',
    }
    for key, value in values.items():
        section = _set(section, key, value)
    return section


def _set(section: str, key: str, value: str) -> str:
    return re.sub(rf"^{key} = .*$", lambda _: f"{key} = {value}", section, count=1, flags=re.M)


def _interval(value: Interval) -> str:
    return f"[{value.value:.4f}, {value.low:.4f}, {value.high:.4f}]"
