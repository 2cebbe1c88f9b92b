"""Writes measured numbers and digests into a plugin's ``manifest.toml``; its words stay as their author wrote them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from node.plugin import Interval, OperatingPoint
from radnode_kit.bundle import GATE, INFERENCE, METADATA, ONNX, PROTOTYPES, PROTOTYPES_NAMES, SAFETENSORS
from radnode_kit.whole import whole

SEALED = (METADATA, INFERENCE, PROTOTYPES_NAMES, GATE, ONNX, SAFETENSORS, PROTOTYPES)


def seal(folder: Path) -> None:
    """Write the sha256 of every weight and configuration file into the table ``[weights]``."""
    path = folder / "manifest.toml"
    there = [name for name in SEALED if (folder / name).is_file()]
    for name in there:
        (folder / name).chmod(0o644)  # safetensors writes files that only their owner may read
    lines = [f'"{name}" = "{sha256((folder / name).read_bytes()).hexdigest()}"' for name in there]
    table = "\n".join(["[weights]", *lines]) + "\n"
    text = re.sub(r"^\[weights\]\n(?:[^\[\n].*\n|\n(?!\[))*", lambda _: table, path.read_text("utf-8"), flags=re.M)
    with whole(path) as new:
        new.write_text(text, encoding="utf-8")


def write_points(folder: Path, points: Mapping[str, OperatingPoint]) -> None:
    """Write the operating points, by name of the finding."""
    path = folder / "manifest.toml"
    sections = re.split(r"(?=^\[\[findings\]\]$)", path.read_text("utf-8"), flags=re.M)
    with whole(path) as new:
        new.write_text("".join(_with_point(section, points) for section in sections), encoding="utf-8")


def write_repeatability(folder: Path, value: float) -> None:
    """Write how far the probability of an unchanged patient moves, beside the facts at the head of the manifest."""
    path = folder / "manifest.toml"
    head, mark, rest = path.read_text("utf-8").partition("\n[")
    line = f"repeatability = {value:.3f}"
    replaced, count = re.subn(r"^repeatability = .*$", line, head, flags=re.M)
    with whole(path) as new:
        new.write_text((replaced if count else f"{head.rstrip()}\n{line}\n") + mark + rest, encoding="utf-8")


def _with_point(section: str, points: Mapping[str, OperatingPoint]) -> str:
    name = re.search(r'^name = "(.*)"$', section, flags=re.M)
    if not section.startswith("[[findings]]") or name is None or name[1] not in points:
        return section
    point = points[name[1]]
    lines = [
        f"threshold = {point.threshold:.3f}",
        f"sensitivity = {_interval(point.sensitivity)}",
        f"specificity = {_interval(point.specificity)}",
        f'source = "{point.source}"',
    ]
    if point.undetermined is not None:
        low, high = point.undetermined
        lines += [f"undetermined = [{low:.3f}, {high:.3f}]", f"error_rate = {point.error_rate:g}"]
    table = "\n".join(["[findings.operating_point]", *lines, ""])
    return re.sub(r"^\[findings\.operating_point\]\n(?:\w.*\n)*", lambda _: table, section, flags=re.M)


def _interval(value: Interval) -> str:
    return f"[{value.value:.4f}, {value.low:.4f}, {value.high:.4f}]"
