"""A wheelhouse as `deploy/wheelhouse.sh` makes it, with wheels that hold the node alone.

What the node needs comes from the environment of the tests, by a wheel that names its folder: `pip` runs as always.
"""

from __future__ import annotations

import base64
import hashlib
import platform
import sys
import sysconfig
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def wheel(
    folder: Path, name: str, version: str, files: Mapping[str, bytes], *, needs: str = "", script: str = ""
) -> Path:
    """A wheel with these files."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (
        f"Requires-Dist: {needs}\n" if needs else ""
    )
    whole = {
        **files,
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if script:
        whole[f"{info}/entry_points.txt"] = f"[console_scripts]\n{script}\n".encode()
    digests = {
        path: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=") for path, data in whole.items()
    }
    lines = [f"{path},sha256={digest.decode()},{len(whole[path])}" for path, digest in digests.items()]
    whole[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    made = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path, data in whole.items():
            archive.writestr(path, data)
    return made


def house(
    folder: Path,
    version: str,
    *changes: tuple[str, str, str],
    plugins: Sequence[str] = (),
    neighbours: str = sysconfig.get_paths()["purelib"],
) -> Path:
    """A wheelhouse of this program as another version.

    Args:
        folder: to be made.
        version: of it.
        changes: file, old, new; an empty old: at its end.
        plugins: names of shipped ones that it brings.
        neighbours: the folder of what it needs, as it is called where the wheels are installed.
    """
    folder.mkdir()
    files = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in (ROOT / "node").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and (plugins or "samples/data" not in path.as_posix())
    }
    packages = {name: f"radnode_{name.replace('-', '_')}" for name in plugins}
    for package in [*packages.values(), *(["radnode_kit"] if plugins else [])]:
        files |= _package(ROOT / "plugins" / package)
    for name, old, new in [*changes, ("node/__init__.py", "", f"\n__version__ = {version!r}\n")]:
        text = files[name].decode()
        assert old in text
        files[name] = (text.replace(old, new) if old else text + new).encode()
    made = wheel(folder, "radnode", version, files, needs="neighbours", script=_points(packages))
    wheel(folder, "neighbours", "1", {"neighbours.pth": f"{neighbours}\n".encode()})
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    machine = f"{platform.system()} {platform.machine()}"
    manifest = f"radnode {version}\nwheel {made.name}\nextras none\npython {python}\nmachine {machine}\n"
    (folder / "MANIFEST").write_text(manifest)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(sums))
    return folder


def _package(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder.parent).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _points(packages: Mapping[str, str]) -> str:
    """The entry points of such a wheel, after `[console_scripts]`."""
    lines = ["radnode = node.cli:main"]
    if packages:
        lines += ["", "[radnode.plugins]", *(f"{name} = {package}:plugin" for name, package in packages.items())]
    return "\n".join(lines)
