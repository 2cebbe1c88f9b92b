"""The installed plugins, found through their entry points and known by their manifests; nothing of them is imported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from node.errors import PluginError
from node.manifest import read_manifest
from node.pins import package_digest
from node.plugin import Manifest
from node.stages import plain_name

GROUP = "radnode.plugins"


@dataclass(frozen=True)
class Found:
    """An installed plugin: its manifest, or why it cannot be used."""

    name: str
    entry_point: EntryPoint
    manifest: Manifest | None
    error: str = ""


class Catalogue:
    """What is installed; a further version of the plugin `chest` goes by the name of its entry point, `chest@1.1`.

    Args:
        only: names to use; a plain one means all its versions; empty: all.
        pins: plugin -> sha256 its package must have.
    """

    def __init__(self, only: Iterable[str] = (), pins: Mapping[str, str] | None = None) -> None:
        wanted, self._pins = set(only), pins or {}
        points = [
            point for point in entry_points(group=GROUP) if not wanted or wanted & {point.name, plain_name(point.name)}
        ]
        found = {point.name: _look_at(point) for point in points}
        for name, count in Counter(point.name for point in points).items():
            if count > 1:  # which one would be taken is chance
                error = "two packages offer a plugin of this name: uninstall one of them"
                found[name] = Found(name, found[name].entry_point, None, error)
        self.found: tuple[Found, ...] = tuple(found[name] for name in sorted(found))

    @property
    def manifests(self) -> Mapping[str, Manifest]:
        """Usable plugins by name."""
        return {item.name: item.manifest for item in self.found if item.manifest is not None}

    def get(self, name: str) -> Found:
        """The plugin of that name; raises :class:`~node.errors.PluginError`."""
        for item in self.found:
            if item.name == name:
                return item
        known = ", ".join(item.name for item in self.found) or "none"
        raise PluginError("there is no such plugin", about=name, hint=f"installed are: {known}")

    def problems(self, name: str) -> list[str]:
        """Why the plugin of that name must not be loaded, a sentence each; raises :class:`~node.errors.PluginError`."""
        found = self.get(name)
        if found.manifest is None:
            return [found.error]
        changed = [_changed(name, found.manifest.folder, self._pins[name])] if name in self._pins else []
        return verify_weights(found.manifest) + [problem for problem in changed if problem]


def _look_at(point: EntryPoint) -> Found:
    try:
        spec = _spec(point.module)
        if spec is None or spec.origin is None:
            raise PluginError("the plugin's package is not importable", about=point.value)
        manifest = read_manifest(Path(spec.origin).with_name("manifest.toml"))
        name, _, version = point.name.partition("@")
        if manifest.name != name or version not in ("", manifest.version):
            raise PluginError(f"the manifest calls it {manifest.name!r}, {manifest.version}", about=point.name)
    except (PluginError, ImportError, ValueError) as error:
        return Found(point.name, point, None, str(error))
    return Found(point.name, point, manifest)


def _spec(module: str) -> ModuleSpec | None:
    """Where a module lies; `find_spec` alone would import the packages it lies in."""
    top, *inner = module.split(".")
    spec, name = find_spec(top), top
    for part in inner:
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations) if spec else None
    return spec


def verify_weights(manifest: Manifest) -> list[str]:
    """What is wrong with the weight files of a plugin: one sentence each; empty when their sha256 are as declared."""
    changed = [
        problem for name, digest in manifest.weights.items() if (problem := _verify(manifest.folder / name, digest))
    ]
    return changed + [
        f"{path.name} lies beside a graph, and the manifest has no sha256 of it" for path in _beside(manifest)
    ]


def _changed(name: str, folder: Path, pinned: str) -> str:
    actual = package_digest(folder)
    if actual == pinned:
        return ""
    how = f"`radnode plugins add {name}` accepts it"
    return f"its package has sha256 {actual[:12]}..., accepted was {pinned[:12]}...: {how}"


def _beside(manifest: Manifest) -> list[Path]:
    """Undeclared files in the folder of an ONNX graph: it may name any of them as its weights.

    Where the graph lies beside the plugin's code there are others, and nothing is said of them.
    """
    declared = {manifest.folder / name for name in manifest.weights}
    folders = {path.parent for path in declared if path.suffix == ".onnx"} - {manifest.folder}
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file() and path not in declared)


def _verify(path: Path, digest: str) -> str:
    try:
        actual = sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"{path.name} cannot be read: {error.strerror}"
    return "" if actual == digest else f"{path.name} has sha256 {actual[:12]}..., the manifest says {digest[:12]}..."
