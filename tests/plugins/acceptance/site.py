"""A site with pictures of its own, and a plugin whose answers can be told from the colour of a picture."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from tests.classify.material import announce

NAME = "colour"

_MANIFEST = """\
name = "colour"
version = "1.0"
title = "Colour <of> pictures"
manufacturer = "test"
intended_use = "tests"
licence = "Apache-2.0"
level = "image"
series_number = 9000
mutually_exclusive = true

[accepts]
modality = ["XC"]

[[findings]]
name = "red"
label = "Red & hot"
code = ["1", "99TEST", "Red"]
{localises}

[findings.operating_point]
threshold = 0.5
sensitivity = [0.9, 0.8, 1.0]
specificity = [0.9, 0.8, 1.0]
source = "nothing"
undetermined = [0.4, 0.6]
error_rate = 0.1

[[findings]]
name = "green"
label = "Green"
code = ["2", "99TEST", "Green"]

[findings.operating_point]
threshold = 0.5
sensitivity = [0.9, 0.8, 1.0]
specificity = [0.9, 0.8, 1.0]
source = "nothing"

[weights]
"""

_CODE = """\
from pathlib import Path

import numpy as np

from node.manifest import read_manifest
from node.plugin import EvidenceMap, Finding, Prediction


class Colour:
    manifest = read_manifest(Path(__file__).with_name("manifest.toml"))

    def load(self, device):
        pass

    def classify(self, batch):
        return [self.one(image_set.images[0]) for image_set in batch]

    def one(self, image):
        if image.pixels.max() == 0:
            return Prediction(abstained="=black: 0.5 of it")
        if image.pixels.ndim == 2:
            raise ValueError("grey")
        red, green, _ = (float(value) for value in image.pixels.mean(axis=(0, 1)))
        uid, extent = image.sop_instance_uid, (0.0, 0.0, *(float(side) for side in image.pixels.shape[:2]))
        findings = tuple(Finding(name, p, p, uid) for name, p in (("red", red), ("green", green)))
        grid = np.full((2, 2), red / 4, np.float32)
        return Prediction(findings, (EvidenceMap("red", grid, {bias}, red, uid, 1, extent),))


def plugin():
    return Colour()
"""


def write_colour_plugin(folder: Path, bias: float = 0.0) -> None:
    """Install it below `folder`. Args: bias: by how much its map fails to add up."""
    package = folder / "radnode_test_colour"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(_CODE.replace("{bias}", str(bias)))
    (package / "manifest.toml").write_text(_MANIFEST.format(localises=""))
    announce(folder, NAME, "radnode_test_colour:plugin")


def picture(path: Path, red: float, green: float, blue: float | None = None) -> Path:
    """A picture of one colour; each of 0..1, and together one unless `blue` says otherwise."""
    rest = 1.0 - red - green if blue is None else blue
    pixels = np.zeros((8, 8, 3), dtype=np.uint8) + np.round(np.array([red, green, rest]) * 255).astype(np.uint8)
    Pillow.fromarray(pixels).save(path)
    return path


def write_csv(path: Path, rows: Sequence[Mapping[str, object]], columns: Sequence[str] = ()) -> Path:
    """Rows as a CSV file; columns: those of the first row unless named."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(columns or rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def colours(folder: Path, count: int = 60, good: float = 0.9, seed: int = 0) -> Path:
    """A CSV of `count` pictures, of which the share `good` has the colour of its label."""
    rng = np.random.default_rng(seed)
    rows = []
    for index in range(count):
        label = ("red", "green", "neither")[index % 3]
        shown = label if rng.random() < good else ("red", "green", "neither")[(index + 1) % 3]
        main = 0.75 + 0.2 * rng.random()
        side = (1 - main) * rng.random()
        red, green = {"red": (main, side), "green": (side, main), "neither": (side, 1 - main - side)}[shown]
        name = f"{index}.png"
        picture(folder / name, red, green)
        sex, age = ("F", "M")[index % 2], 20 + index
        rows.append({"file": name, "patient": f"p{index // 2}", "label": label, "sex": sex, "age": age})
    return write_csv(folder / "site.csv", rows)
