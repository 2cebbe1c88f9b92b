from __future__ import annotations

from pathlib import Path

import pytest
import torch

from node.config import Settings
from node.device import Device, Wishes


def test_a_device_is_the_string_that_every_plugin_knows() -> None:
    device = Device("cpu", Wishes("openvino", 2))
    assert device == "cpu"
    assert f"{device}" == "cpu"
    assert torch.device(device).type == "cpu"


def test_a_plain_string_wishes_for_nothing() -> None:
    assert Device("cuda:1").wishes == Wishes("", 0, None)


def test_wishes_stay_when_a_device_is_read_again() -> None:
    wishes = Wishes("torch", 4, Path("memory.json"))
    assert Device(Device("cpu", wishes)).wishes == wishes
    assert Device(Device("cpu", wishes), Wishes("auto")).wishes == Wishes("auto")


def test_the_settings_say_what_plugins_are_loaded_for(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"node": {"data_dir": tmp_path}, "worker": {"device": "cuda:0", "engine": "torch", "threads": 3}}
    )
    assert settings.device == "cuda:0"
    assert settings.device.wishes == Wishes("torch", 3, tmp_path / "cache" / "engines.json")


def test_an_engine_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="'auto', 'onnxruntime', 'openvino' or 'torch'"):
        Settings.model_validate({"worker": {"engine": "abacus"}})
