"""Builds the wheel of an imported model's folder (PEP 517), with Python's standard library and no network.

It is copied beside the ``pyproject.toml`` that names it: a hospital's node may reach no package index, and pip fetches
a build tool for every other backend.
"""

import base64
import hashlib
import tomllib
import zipfile
from pathlib import Path


def build_wheel(
    wheel_directory: str, config_settings: dict[str, str] | None = None, metadata_directory: str | None = None
) -> str:
    """Write the wheel of the current folder into `wheel_directory` and answer its file name."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    package = project["name"].replace("-", "_")
    files = {path.as_posix(): path.read_bytes() for path in sorted(Path(package).rglob("*")) if _belongs(path)}
    files |= {f"{stem}.dist-info/{name}": text.encode() for name, text in _metadata(project).items()}
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{stem}.dist-info/RECORD"] = f"{record}{stem}.dist-info/RECORD,,\n".encode()
    name = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w", zipfile.ZIP_STORED) as wheel:
        for path, data in files.items():
            wheel.writestr(path, data)
    return name


def _belongs(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _metadata(project: dict) -> dict[str, str]:  # type: ignore[type-arg]  # TOML's values
    points = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in table.items())
        for group, table in project["entry-points"].items()
    ]
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    return {
        "METADATA": head + "".join(f"Requires-Dist: {need}\n" for need in project.get("dependencies", ())),
        "WHEEL": "Wheel-Version: 1.0\nGenerator: radnode\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": "\n".join(points),
    }
