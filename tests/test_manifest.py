"""What a plugin's manifest says of its undetermined bands and of its limits, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from node.claims import LONGEST_LIMIT, MOST_LIMITS
from node.errors import PluginError
from node.manifest import read_manifest
from node.plugin import Manifest
from radnode_kit.manifest_file import seal, write_points
from tests.classify.material import TALKATIVE_POINT, write_plugin


def read(folder: Path, point: str) -> Manifest:
    return read_manifest(write_plugin(folder, point=point) / "manifest.toml")


def test_the_limits_and_their_error_rate_are_read(tmp_path: Path) -> None:
    point = read(tmp_path, TALKATIVE_POINT).findings[0].operating_point
    assert (point.undetermined, point.error_rate) == ((0.2, 0.8), 0.1)


def test_without_limits_every_probability_is_an_answer(tmp_path: Path) -> None:
    point = read(tmp_path, "").findings[0].operating_point
    assert (point.undetermined, point.error_rate) == (None, 0.0)


@pytest.mark.parametrize(
    ("limits", "rate", "reason"),
    [
        ("[0.6, 0.8]", "0.1", r"undetermined of 'bright' is \[0.6, 0.8\], wanted is 0 <= low <= threshold \(0.5\)"),
        ("[0.2, 0.4]", "0.1", r"wanted is 0 <= low <= threshold"),
        ("[0.8, 0.2]", "0.1", r"wanted is 0 <= low <= threshold"),
        ("[-0.1, 0.8]", "0.1", r"wanted is 0 <= low"),
        ("[0.2, 1.1]", "0.1", r"high <= 1"),
        ("[nan, 0.8]", "0.1", r"wanted is 0 <= low"),
        ("[0.2, nan]", "0.1", r"wanted is 0 <= low"),
        ("[0.2]", "0.1", r"undetermined is \[0.2\], wanted are two probabilities, \[low, high\]"),
        ("[0.2, 0.5, 0.8]", "0.1", r"wanted are two probabilities"),
        ('["low", "high"]', "0.1", r"wanted are two probabilities"),
        ("[false, true]", "0.1", r"wanted are two probabilities"),
        ("0.2", "0.1", r"undetermined is 0.2, wanted are two probabilities"),
        ("[0.2, 0.8]", "0.0", r"undetermined of 'bright' comes without the error_rate"),
        ("[0.2, 0.8]", "1.0", r"error_rate of 'bright' is 1.0, allowed are 0 to below 1"),
        ("[0.2, 0.8]", "nan", r"error_rate of 'bright' is nan"),
        ("[0.2, 0.8]", "-0.1", r"error_rate of 'bright' is -0.1"),
    ],
)
def test_limits_that_cannot_be_are_refused_by_name(tmp_path: Path, limits: str, rate: str, reason: str) -> None:
    with pytest.raises(PluginError, match=reason) as caught:
        read(tmp_path, f"undetermined = {limits}\nerror_rate = {rate}")
    assert "manifest.toml" in str(caught.value)


def test_limits_alone_lack_their_error_rate(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="comes without the error_rate that its limits were set for"):
        read(tmp_path, "undetermined = [0.2, 0.8]")


def read_with(folder: Path, line: str) -> Manifest:
    """The manifest of a plugin with one more line above its tables."""
    path = write_plugin(folder) / "manifest.toml"
    path.write_text(path.read_text("utf-8").replace("[accepts]", f"{line}\n\n[accepts]", 1), encoding="utf-8")
    return read_manifest(path)


def test_views_that_may_be_compared_are_read_and_are_no_other_model(tmp_path: Path) -> None:
    told = read_with(tmp_path / "one", 'comparable_views = [["pa", "AP"]]')
    plain = read_manifest(write_plugin(tmp_path / "two") / "manifest.toml")
    assert (told.comparable_views, plain.comparable_views) == ((("PA", "AP"),), ())
    assert told.claims_digest == plain.claims_digest, "its earlier answers stay comparable"
    for number, wrong in enumerate(('[["PA"]]', '["PA", "AP"]', '"PA"')):
        with pytest.raises(PluginError, match="views"):
            read_with(tmp_path / f"wrong {number}", f"comparable_views = {wrong}")


def test_the_limits_of_a_model_are_read_in_their_order(tmp_path: Path) -> None:
    told = read_with(tmp_path, 'limits = ["Measured on few films.", " Children were not seen. "]')
    assert told.limits == ("Measured on few films.", "Children were not seen.")


def test_a_manifest_need_not_name_limits(tmp_path: Path) -> None:
    assert read(tmp_path, "").limits == ()


def test_as_many_and_as_long_limits_as_the_page_holds_are_read(tmp_path: Path) -> None:
    longest = "x" * LONGEST_LIMIT
    assert read_with(tmp_path, f"limits = {[longest] * MOST_LIMITS}").limits == (longest,) * MOST_LIMITS


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ('"one sentence"', r"limits is 'one sentence', wanted are sentences"),
        ("[1, 2]", r"limits is \[1, 2\], wanted are sentences"),
        ('["  "]', r"wanted are sentences"),
        ('["a", "b", "c", "d", "e", "f", "g"]', r"limits holds 7 sentences, allowed are up to 6"),
        (f'["{"y" * 161}"]', r"limits holds 'y+', allowed are up to 160 printable characters on one line"),
        (r'["two\nlines"]', r"printable characters on one line"),
    ],
)
def test_limits_that_the_page_cannot_hold_are_refused(tmp_path: Path, limits: str, reason: str) -> None:
    with pytest.raises(PluginError, match=reason) as caught:
        read_with(tmp_path, f"limits = {limits}")
    assert "manifest.toml" in str(caught.value)


@pytest.mark.parametrize("name", ["brain-tumour-mr", "chest-radiograph", "ct-contrast-phase", "skin-lesion"])
def test_every_shipped_plugin_names_its_limits(name: str) -> None:
    folder = Path(__file__).parents[1] / "plugins" / f"radnode_{name.replace('-', '_')}"
    assert len(read_manifest(folder / "manifest.toml").limits) >= 4


def test_writing_digests_and_operating_points_keeps_the_limits(tmp_path: Path) -> None:
    source = Path(__file__).parents[1] / "plugins" / "radnode_brain_tumour_mr"
    before = read_manifest(source / "manifest.toml")
    shutil.copy(source / "manifest.toml", tmp_path / "manifest.toml")
    write_points(tmp_path, {"glioma": before.finding("meningioma").operating_point})
    seal(tmp_path)
    after = read_manifest(tmp_path / "manifest.toml")
    assert (after.limits, after.weights) == (before.limits, {})
    assert after.finding("glioma").operating_point == before.finding("meningioma").operating_point
