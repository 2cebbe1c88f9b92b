"""A plugin that needs no weights: how bright an image is. In the wrong hands (body parts) it misbehaves on purpose."""

from __future__ import annotations

from pathlib import Path

NAME = "brightness"

_MANIFEST = """\
name = "brightness"
version = "1.0.0"
title = "Brightness"
manufacturer = "radnode tests"
intended_use = "Tests only."
licence = "Apache-2.0"
level = "series"
series_number = 9100
seconds_limit = {seconds_limit}
repeatability = 0.2

[accepts]

[[findings]]
name = "bright"
label = "Bright image"
code = ["125034", "DCM", "Echogenicity"]

[findings.operating_point]
threshold = 0.5
sensitivity = [0.9, 0.8, 0.95]
specificity = [0.9, 0.8, 0.95]
source = "nothing at all"

[weights]
"""

_CODE = """\
import ctypes
import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from node.manifest import read_manifest
from node.plugin import EvidenceMap, Finding, Prediction


def plugin():
    return Brightness()


class Brightness:
    manifest = read_manifest(Path(__file__).with_name("manifest.toml"))

    def load(self, device):
        pass

    def classify(self, batch):
        return [self.look(image_set) for image_set in batch]

    def look(self, image_set):
        if image_set.body_part in FAULTS:
            return FAULTS[image_set.body_part](image_set)
        return answer(image_set)


def answer(image_set, probability=None):
    means = [float(image.pixels.mean()) for image in image_set.images]
    key = max(range(len(means)), key=means.__getitem__)
    image = image_set.images[key]
    logit = means[key] * 4 + 0.5
    height, width = image.pixels.shape[:2]
    grid = np.full((4, 4), logit / 16, np.float32)
    evidence = EvidenceMap("bright", grid, 0.0, logit, image.sop_instance_uid, image.frame, (0, 0, height, width))
    if probability is None:
        probability = 1 / (1 + math.exp(-logit))
    return Prediction((Finding("bright", logit, probability, image.sop_instance_uid, image.frame),), (evidence,))


def raises(image_set):
    raise RuntimeError("KANARI^InException")


def hangs(image_set):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)", __file__])
    time.sleep(3600)


def connects(image_set):
    with socket.create_connection(("127.0.0.1", 9), 1):
        return answer(image_set)


def steals(image_set):
    ledger = Path(Path("/proc/self/cmdline").read_text().split("\\0")[3]).with_name("ledger.db")
    ledger.read_bytes()
    return answer(image_set)


def overwrites(image_set):
    data = Path(Path("/proc/self/cmdline").read_text().split("\\0")[3]).parent
    for path in (data / "spool" / "instances").glob("*/*.dcm"):
        path.write_bytes(b"")
    return answer(image_set)


def leaks(image_set):
    return bytearray(1 << 40)


def prints(image_set):
    print("KANARI^OnStdout", flush=True)
    print("KANARI^OnStderr", file=sys.stderr, flush=True)
    return answer(image_set)


FAULTS = {
    "RAISES": raises,
    "HANGS": hangs,
    "EXITS": lambda image_set: os._exit(3),
    "SEGFAULTS": lambda image_set: ctypes.string_at(0),
    "NAN": lambda image_set: answer(image_set, math.nan),
    "SEVEN": lambda image_set: answer(image_set, 7.3),
    "WRONGTYPE": lambda image_set: "no prediction",
    "LEAKS": leaks,
    "CONNECTS": connects,
    "STEALS": steals,
    "OVERWRITES": overwrites,
    "PRINTS": prints,
    "SLOW": lambda image_set: (time.sleep(1.5), answer(image_set))[1],
}
"""


def install_plugin(folder: Path, seconds_limit: float = 60) -> Path:
    """A folder that brings the plugin `brightness` when it stands on PYTHONPATH."""
    _install(folder, "brightness_plugin", NAME, _MANIFEST.format(seconds_limit=float(seconds_limit)))
    return folder


def install_version(folder: Path, version: str) -> None:
    """Beside the plugin `brightness` of that folder, another version of it."""
    manifest = _MANIFEST.format(seconds_limit=60.0).replace('version = "1.0.0"', f'version = "{version}"')
    _install(folder, "brightness_next", f"{NAME}@{version}", manifest)


def _install(folder: Path, package: str, name: str, manifest: str) -> None:
    module, info = folder / package, folder / f"{package}-1.0.0.dist-info"
    module.mkdir(parents=True)
    info.mkdir()
    (module / "manifest.toml").write_text(manifest, encoding="utf-8")
    (module / "__init__.py").write_text(_CODE, encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[radnode.plugins]\n{name} = {package}:plugin\n", encoding="utf-8")
