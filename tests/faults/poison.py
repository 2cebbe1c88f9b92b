"""Fault 43: weights, bundles and configurations that run code, or lie."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from node.states import AnalysisState
from tests.faults.campaign import Fault, Scene, Seen
from tests.faults.modality import send_until_taken
from tests.peers import RunningNode, install_plugin

_SAID = ("--labels", "a,b", "--modality", "DX", "--activation", "softmax", "--size", "32")
_METADATA = {
    "network_data_format": {
        "inputs": {"image": {"num_channels": 3, "spatial_shape": [32, 32], "modality": "DX"}},
        "outputs": {"pred": {"format": "classes", "num_channels": 2, "channel_def": {"0": "a", "1": "b"}}},
    }
}


#: A plugin that reads its weights as it must not.
_LOADS = """

def _load(self, device):
    import pickle

    pickle.loads(Path(__file__).with_name("weights.pt").read_bytes())


Brightness.load = _load
"""


class _Payload:
    """Unpickled, it makes a file."""

    def __init__(self, marker: Path) -> None:
        self._marker = str(marker)

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self._marker, "w")


@dataclass(frozen=True)
class Bait:
    """What is given to `radnode models import`. `taken`: it is sound but for what it tries beside."""

    source: Path
    kind: str
    more: tuple[str, ...] = ()
    taken: bool = False


class Lure:
    """Makes baits; every marker that they make when they succeed lies in one folder, or where they escape to."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.markers = folder, folder / "markers"
        self.markers.mkdir(parents=True)
        self._count = 0

    def marker(self) -> Path:
        """Of the next bait."""
        self._count += 1
        return self.markers / f"marker-{self._count}"

    def appeared(self) -> list[Path]:
        """Of all of them."""
        return [*self.markers.iterdir(), *self._folder.parent.rglob("escaped-marker")]

    def file(self, name: str, data: bytes) -> Path:
        """A file with that content."""
        path = self._folder / name
        path.write_bytes(data)
        return path

    def bundle(self, configuration: str, suffix: str = "json", weights: bytes = b"") -> Path:
        """A MONAI bundle with that configuration. Args: weights: the file of its weights."""
        folder = self._folder / f"bundle-{self._count}"
        for name in ("configs", "models"):
            (folder / name).mkdir(parents=True)
        (folder / "configs" / "metadata.json").write_text(json.dumps(_METADATA), encoding="utf-8")
        (folder / "configs" / f"inference.{suffix}").write_text(configuration, encoding="utf-8")
        (folder / "models" / "model.pt").write_bytes(weights)
        return folder


def _pickles(lure: Lure) -> Iterator[Bait]:
    for name, content in (
        ("whole.pt", lambda one: one),
        ("table.ckpt", lambda one: {"state_dict": {"w": one}, "hyper_parameters": {}}),
    ):
        data = pickle.dumps(content(_Payload(lure.marker())), protocol=2)
        yield Bait(lure.file(name, data), "chexnet")
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for entry, body in (("data.pkl", data), ("version", b"3\n"), ("byteorder", b"little")):
                archive.writestr(f"archive/{entry}", body)
        yield Bait(lure.file(f"zipped-{name}", stream.getvalue()), "chexnet")
    yield Bait(lure.file("cache.pkl", pickle.dumps(_Payload(lure.marker()))), "torchxrayvision")
    yield Bait(lure.file("pickle.onnx", pickle.dumps(_Payload(lure.marker()))), "onnx")


def _liars(lure: Lure) -> Iterator[Bait]:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1 << 20, 1 << 20], "data_offsets": [0, 4]}}).encode()
    yield Bait(lure.file("endless.safetensors", struct.pack("<Q", 1 << 40) + b"{}"), "chexnet")
    yield Bait(lure.file("huge.safetensors", struct.pack("<Q", len(header)) + header + bytes(4)), "chexnet")


def _archives(lure: Lure) -> Iterator[Bait]:
    """Who unpacks them writes beside the folder."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as slip:
        slip.writestr("bundle/configs/metadata.json", json.dumps(_METADATA))
        slip.writestr("../escaped-marker", "x")
    yield Bait(lure.file("bundle.zip", stream.getvalue()), "monai", ("--trust-code",))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as linked:
        link, inside = tarfile.TarInfo("bundle/out"), tarfile.TarInfo("bundle/out/escaped-marker")
        link.type, link.linkname, inside.size = tarfile.SYMTYPE, "../..", 1
        linked.addfile(link)
        linked.addfile(inside, io.BytesIO(b"x"))
    yield Bait(lure.file("bundle.tar.gz", stream.getvalue()), "monai", ("--trust-code",))


def _configurations(lure: Lure) -> Iterator[Bait]:
    """Each without permission, then with it: it runs then, where it can reach nothing."""

    def touch(marker: Path) -> str:
        return f"__import__('pathlib').Path({str(marker)!r}).touch()"

    makers: tuple[Callable[[Path], dict[str, Any]], ...] = (
        lambda marker: {"network_def": {"_target_": "builtins.open", "file": str(marker), "mode": "w"}},
        lambda marker: {"network_def": f"${touch(marker)}"},
        lambda marker: {"imports": [f"${touch(marker)}"], "network_def": "$1", "initialize": [f"${touch(marker)}"]},
        lambda marker: {"network_def": f"$__import__('os').system('touch {marker}')"},
    )
    for make in makers:
        for more in ((), ("--trust-code",)):
            yield Bait(lure.bundle(json.dumps(make(lure.marker()))), "monai", more)
    yaml = "network_def: !!python/object/apply:builtins.open ['{}', 'w']\n"
    yield Bait(lure.bundle(yaml.format(lure.marker()), "yaml"), "monai", ("--trust-code",))


def _sound_beside(lure: Lure) -> Bait:
    """Its network is one, and its weights are right; what it does beside that must come to nothing."""
    import torch

    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 32), torch.nn.Flatten())
    stream = io.BytesIO()
    torch.save(network.state_dict(), stream)
    marker = lure.marker()
    nn = "__import__('torch').nn"
    made = f"{nn}.Sequential({nn}.Conv2d(3, 2, 32), {nn}.Flatten())"
    expression = (
        f"$(__import__('os').system('touch {marker}; echo x > {marker}; cp /etc/hostname {marker}'), {made})[1]"
    )
    return Bait(
        lure.bundle(json.dumps({"network_def": expression}), weights=stream.getvalue()),
        "monai",
        ("--trust-code",),
        True,
    )


def poison(scene: Scene) -> Seen:
    lure = Lure(scene.folder / "lure")
    baits = [*_pickles(lure), *_liars(lure), *_archives(lure), *_configurations(lure), _sound_beside(lure)]
    if scene.short:
        baits = baits[1:2]  # what runs with permission takes longer, and has tests of its own
    node = _two_plugins(scene, lure.marker())
    wrong = [bait.source.name for bait in baits if not _answered(node, bait)]
    changed = _only_it_is_refused(scene, node)
    markers = lure.appeared()
    figure = (
        f"{len(baits)} files, bundles and configurations: {len(markers)} markers, "
        f"{len(baits) - len(wrong)} answered as they should be; a plugin whose weights were changed "
        f"{'refuses to load, the other goes on' if changed else 'is not refused'}"
    )
    return Seen(not markers and not wrong and changed, "; ".join([figure, *wrong]))


def _answered(node: RunningNode, bait: Bait) -> bool:
    """Refused with a reason and without a trace, or taken where it should be."""
    out = node.folder / f"imported-{bait.source.name}-{len(bait.more)}"
    asked = ("models", "import", str(bait.source), "--as", bait.kind, "--name", "theirs", "--out", str(out), *_SAID)
    done = node.run_cli(*asked, *bait.more, config=False)
    if bait.taken:
        return done.returncode == 0 and out.is_dir()
    return done.returncode != 0 and done.stderr.startswith("radnode: ") and not out.exists()


def _two_plugins(scene: Scene, marker: Path) -> RunningNode:
    """A node with `brightness`, and with `sealed`, whose declared weights were changed into some that run code."""
    folder, other = install_plugin(scene.folder / "plugins"), scene.folder / "sealed"
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        copy = other / str(path.relative_to(folder)).replace("brightness", "sealed")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8").replace("brightness", "sealed"), encoding="utf-8")
    package = other / "sealed_plugin"
    with (package / "manifest.toml").open("a", encoding="utf-8") as manifest:
        manifest.write(f'"weights.pt" = "{sha256(b"as declared").hexdigest()}"\n')
    with (package / "__init__.py").open("a", encoding="utf-8") as code:
        code.write(_LOADS)
    (package / "weights.pt").write_bytes(pickle.dumps(_Payload(marker)))
    names = ("brightness", "sealed")
    disk = {"name": "disk", "kind": "folder", "path": scene.folder / "results"}
    routes = [{"name": name, "plugin": name, "destinations": ["disk"]} for name in names]
    return scene.node(python_path=[folder, other], plugins=names, destinations=[disk], routes=routes)


def _only_it_is_refused(scene: Scene, node: RunningNode) -> bool:
    """The plugin whose weights were changed; the other one answers for the same study."""
    ds = scene.hospital.image()
    send_until_taken(node.port, [ds])
    node.await_ended([str(ds.StudyInstanceUID)])
    rows = {row.plugin: row for row in node.ledger.analyses.of_study(str(ds.StudyInstanceUID))}
    states = (rows["brightness"].state, rows["sealed"].state)
    verified = node.run_cli("plugins", "verify", config=False).returncode
    refused = "has sha256" in rows["sealed"].error and verified == os.EX_DATAERR
    return refused and states == (AnalysisState.DELIVERED, AnalysisState.FAILED)


POISON = (
    Fault(
        43,
        "poisoned weights, bundles and configurations",
        "pickles and zipped pickles, safetensors that lie, archives with paths that leave them, `_target_`, `$` and "
        "YAML tags that run code, without permission and with it; weights of an installed plugin changed",
        "0 markers, each refused with a reason, the plugin refuses to load and another goes on",
        poison,
    ),
)
