"""Wheels made for one test."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.classify.material import write_plugin


def write_wheel(folder: Path, name: str = "mean", more: Mapping[str, str] | None = None, points: str = "") -> Path:
    """The wheel of the plugin `name`, in `folder`.

    Args:
        folder: for it, and for what it is made from.
        name: of the plugin.
        more: path in the wheel -> text, of further files.
        points: text of its entry points, instead of that of one plugin.
    """
    package = write_plugin(folder / "source", name)
    info = f"{name}-1.0.dist-info"
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: no-such-library>=3\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": points or f"[radnode.plugins]\n{name} = {package.name}:plugin\n",
        **(more or {}),
    }
    files = {f"{package.name}/{path.name}": path.read_bytes() for path in sorted(package.iterdir())}
    files |= {path: text.encode() for path, text in texts.items()}
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]).encode()
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return wheel
