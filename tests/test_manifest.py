"""The limits of an undetermined band, as they stand in a plugin's manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import PluginError
from node.manifest import read_manifest
from node.plugin import Manifest
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
