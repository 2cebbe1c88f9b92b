from __future__ import annotations

import re
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from node.manifest import read_manifest
from node.plugin import Interval, OperatingPoint
from radnode_kit.commands import folder_of
from radnode_kit.manifest_file import SEALED, seal, write_points, write_repeatability


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(folder_of("brain-tumour-mr"), tmp_path / "plugin")
    return tmp_path / "plugin"


def test_sealing_writes_the_digest_of_every_file(folder: Path) -> None:
    (folder / SEALED[0]).write_text("{}")
    seal(folder)
    weights = read_manifest(folder / "manifest.toml").weights
    there = [name for name in SEALED if (folder / name).is_file()]
    assert weights == {name: sha256((folder / name).read_bytes()).hexdigest() for name in there}
    assert len(there) >= 5


def test_sealing_twice_changes_nothing(folder: Path) -> None:
    seal(folder)
    before = (folder / "manifest.toml").read_text()
    seal(folder)
    assert (folder / "manifest.toml").read_text() == before


def test_points_go_to_their_finding_alone(folder: Path) -> None:
    before = read_manifest(folder / "manifest.toml")
    point = OperatingPoint(0.123, Interval(0.9, 0.8, 0.95), Interval(0.7, 0.6, 0.8), "a test", (0.1, 0.4), 0.05)
    write_points(folder, {"meningioma": point})
    after = read_manifest(folder / "manifest.toml")
    assert after.finding("meningioma").operating_point == point
    for name in ("glioma", "pituitary"):
        assert after.finding(name) == before.finding(name)
    assert after.weights == before.weights


def test_a_band_that_is_no_longer_needed_goes(folder: Path) -> None:
    figures = Interval(0.9, 0.8, 0.95), Interval(0.7, 0.6, 0.8), "a test"
    for band in ((0.1, 0.4), None):
        write_points(folder, {"glioma": OperatingPoint(0.3, *figures, band, 0.05 if band else 0.0)})
        assert read_manifest(folder / "manifest.toml").finding("glioma").operating_point.undetermined == band


@pytest.mark.parametrize("states_one", [True, False])
def test_the_repeatability_is_written_once(folder: Path, states_one: bool) -> None:
    path = folder / "manifest.toml"
    if not states_one:
        path.write_text(re.sub(r"^repeatability.*\n", "", path.read_text(), flags=re.MULTILINE))
    before = read_manifest(path)
    for value in (0.3, 0.1234):
        write_repeatability(folder, value)
    assert path.read_text().count("repeatability =") == 1
    assert read_manifest(path) == replace(before, repeatability=0.123)
