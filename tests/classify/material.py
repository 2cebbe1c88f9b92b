"""Plugins made for one test: a package with manifest, weights and entry point, as an installer would leave it."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from node.plugin import EvidenceMap, Finding, Image, ImageSet, Prediction

_MANIFEST = """\
name = "{name}"
version = "1.0"
title = "{name}"
manufacturer = "test"
intended_use = "tests"
licence = "Apache-2.0"
level = "image"
series_number = 9000
seconds_limit = {seconds}

[accepts]

[[findings]]
name = "bright"
label = "Bright"
code = ["1", "99TEST", "Bright"]
localises = false

[findings.operating_point]
threshold = 0.5
sensitivity = [0.9, 0.8, 1.0]
specificity = [0.9, 0.8, 1.0]
source = "nothing"
{point}

[weights]
"weights.bin" = "{digest}"
"""

#: A plugin that answers the brightness of the first image; `ASK` is replaced by what a test wants to go wrong.
CODE = """\
from pathlib import Path

from node.manifest import read_manifest
from node.plugin import EvidenceMap, Finding, Prediction


class Mean:
    manifest = read_manifest(Path(__file__).with_name("manifest.toml"))

    def load(self, device):
        {load}

    def classify(self, batch):
        {ask}
        return [self.one(image_set) for image_set in batch]

    def one(self, image_set):
        {one}
        p = min(1.0, max(0.0, float(image_set.images[0].pixels.mean())))
        return Prediction(findings=(Finding("bright", 1.0, p, image_set.images[0].sop_instance_uid),))


def plugin():
    return Mean()
"""


#: A plugin that says all that a plugin can say, and takes what lies between 20 % and 80 % for undetermined.
TALKATIVE_POINT = "undetermined = [0.2, 0.8]\nerror_rate = 0.1"
TALKATIVE = """\
from pathlib import Path

import numpy as np

from node.manifest import read_manifest
from node.plugin import EvidenceMap, Finding, Neighbour, Prediction

CASES = ("cxr_nih/00001280_004", "cxr_nih/00000013_001")


class Talkative:
    manifest = read_manifest(Path(__file__).with_name("manifest.toml"))

    def load(self, device):
        pass

    def classify(self, batch):
        return [self.one(image_set.images[0], len(image_set.images)) for image_set in batch]

    def one(self, image, count):
        rows, columns = image.pixels.shape[:2]
        grid = np.zeros((3, 3), np.float32)
        grid[0, 2] = 1.5
        evidence = EvidenceMap("bright", grid, -0.5, 1.0, image.sop_instance_uid, 1, (0, 0, rows, columns))
        finding = Finding("bright", 1.0, 0.5, image.sop_instance_uid, 1, (1, count))
        cases = tuple(Neighbour("bright", case, 0.93 - 0.1 * i, i == 0) for i, case in enumerate(CASES))
        return Prediction((finding,), (evidence,), neighbours=cases, remarks=("The header contradicts the pixels.",))


def plugin():
    return Talkative()
"""


def write_plugin(
    folder: Path,
    name: str = "mean",
    *,
    ask: str = "pass",
    one: str = "pass",
    load: str = "pass",
    code: str = CODE,
    seconds: float = 5,
    weights: bytes = b"weights",
    digest: str = "",
    point: str = "",
) -> Path:
    """Write the plugin `name` below `folder`; return its package."""
    module = f"radnode_test_{name}"
    package = folder / module
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(code.format(ask=ask, one=one, load=load) if code is CODE else code)
    (package / "weights.bin").write_bytes(weights)
    told = digest or sha256(weights).hexdigest()
    (package / "manifest.toml").write_text(_MANIFEST.format(name=name, digest=told, seconds=seconds, point=point))
    announce(folder, name, f"{module}:plugin")
    return package


def announce(folder: Path, name: str, target: str, distribution: str = "") -> None:
    """Write the metadata of a distribution with one entry point."""
    info = folder / f"{distribution or name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution or name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[radnode.plugins]\n{name} = {target}\n")


def importable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put `folder` on the path of this process and of those it starts."""
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
    for module in [m for m in sys.modules if m.startswith("radnode_test_")]:
        monkeypatch.delitem(sys.modules, module)


def image(uid: str = "1.2.3.1", value: float = 0.25) -> Image:
    return Image(pixels=np.full((4, 4), value, np.float32), values=None, sop_instance_uid=uid)


def image_set(series: str = "1.2.3", value: float = 0.25) -> ImageSet:
    return ImageSet((image(f"{series}.1", value),), series, "DX")


def prediction(uid: str = "1.2.3.1", probability: float = 0.5) -> Prediction:
    """With a map that adds up."""
    grid = np.full((2, 3), 0.5, np.float32)
    evidence = EvidenceMap("bright", grid, bias=-1.0, logit=2.0, sop_instance_uid=uid, frame=1, extent=(0, 0, 4, 4))
    return Prediction((Finding("bright", 2.0, probability, uid),), (evidence,), np.arange(3, dtype=np.float32))
