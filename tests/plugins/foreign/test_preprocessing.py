"""What a MONAI bundle does before its network, in the terms of a plugin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from node.errors import PluginError
from radnode_kit.foreign.model import Input, Wish
from radnode_kit.foreign.preprocessing import base_name, input_from

SHAPE = {"num_channels": 3, "spatial_shape": [64, 64], "value_range": [0, 1]}
WISH = Wish("x")


def step(target: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": target, "keys": "image", **arguments}


def value(entry: Input, pixel: float) -> list[float]:
    """What a pixel in 0..1 becomes in each channel."""
    return [(pixel - mean) / deviation for mean, deviation in zip(entry.mean, entry.deviation, strict=True)]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("LoadImaged", "LoadImage"),
        ("monai.transforms.LoadImageDict", "LoadImage"),
        ("EnsureChannelFirstD", "EnsureChannelFirst"),
        ("SpatialPad", "SpatialPad"),
        ("SpatialPadd", "SpatialPad"),
        ("scripts.own.Sharpend", "Sharpend"),
    ],
)
def test_transforms_are_known_under_all_their_names(target: str, name: str) -> None:
    assert base_name(target) == name


def test_reading_a_file_is_replaced_by_memory() -> None:
    steps = [step("LoadImaged"), step("EnsureChannelFirstd"), step("EnsureTyped"), step("RepeatChanneld", repeats=3)]
    entry = input_from(steps, SHAPE, WISH)
    assert (entry.size, entry.channels, entry.fit) == (64, 3, "squash")
    assert value(entry, 0.25) == [0.25] * 3


def test_a_scaling_from_stored_values_starts_at_the_window() -> None:
    entry = input_from([step("ScaleIntensityRanged", a_min=-1000, a_max=400, b_min=-1, b_max=1)], SHAPE, WISH)
    assert value(entry, 0.0) == [-1.0] * 3
    assert value(entry, 1.0) == [1.0] * 3


def test_scaling_and_normalisation_are_done_one_after_the_other() -> None:
    steps = [
        step("ScaleIntensityd", minv=0.0, maxv=1.0),
        step("NormalizeIntensityd", subtrahend=[0.485, 0.456, 0.406], divisor=[0.229, 0.224, 0.225], channel_wise=True),
    ]
    expected = (0.7 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    assert value(input_from(steps, SHAPE, WISH), 0.7) == pytest.approx(expected.tolist())


def test_normalisation_before_scaling_keeps_its_order() -> None:
    steps = [
        step("NormalizeIntensityd", subtrahend=0.5, divisor=0.5),
        step("ScaleIntensityRanged", a_min=0, a_max=1, b_min=0, b_max=255),
    ]
    assert value(input_from(steps, SHAPE, WISH), 1.0) == pytest.approx([255.0] * 3)


def test_without_scaling_the_network_gets_the_values_of_the_file() -> None:
    entry = input_from([step("LoadImaged")], SHAPE | {"value_range": [0, 255]}, WISH)
    assert value(entry, 1.0) == pytest.approx([255.0] * 3)
    normalised = [step("NormalizeIntensityd", subtrahend=127.5, divisor=127.5)]
    entry = input_from(normalised, SHAPE | {"value_range": [0, 255]}, WISH)
    assert value(entry, 0.0) == pytest.approx([-1.0] * 3)
    assert value(entry, 1.0) == pytest.approx([1.0] * 3)


def test_a_resize_says_the_size() -> None:
    assert input_from([step("Resized", spatial_size=[96, 96])], SHAPE, WISH).size == 96
    assert input_from([step("Resized", spatial_size=96)], SHAPE, WISH).fit == "squash"


def test_the_longest_side_and_padding_are_a_letterbox() -> None:
    steps = [step("Resized", spatial_size=96, size_mode="longest"), step("SpatialPadd", spatial_size=[96, 96])]
    entry = input_from(steps, SHAPE, WISH)
    assert (entry.size, entry.fit) == (96, "letterbox")


def test_what_the_operator_says_is_taken_instead() -> None:
    wish = Wish("x", size=128, fit="letterbox", mean=(0.5,), deviation=(0.5,))
    entry = input_from([step("Resized", spatial_size=96)], SHAPE, wish)
    assert entry == Input(128, 3, (0.5,) * 3, (0.5,) * 3, "letterbox")


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (step("scripts.own.Sharpend"), "does scripts.own.Sharpend|does Sharpend"),
        (step("NormalizeIntensityd"), "NormalizeIntensity by each image's own figures"),
        (step("NormalizeIntensityd", subtrahend=[0.1, 0.2], divisor=1.0), "2 values for 3 channels"),
        (step("NormalizeIntensityd", subtrahend=0.1, divisor=0.0), "divides by zero"),
        (step("Resized", spatial_size=[96, 64]), "one size of a square image"),
        (step("Resized", spatial_size=[96.5, 96.5]), "one size of a square image"),
        (step("SpatialPadd", spatial_size=[96, 96]), "does SpatialPad"),
        (step("CenterSpatialCropd", roi_size=[96, 96]), "does CenterSpatialCropd"),
    ],
)
def test_a_step_that_a_plugin_cannot_express_is_refused_by_name(table: dict[str, Any], match: str) -> None:
    with pytest.raises(PluginError, match=match):
        input_from([table], SHAPE, WISH)
