"""What a MONAI bundle does to an image before its network, told in the terms of a plugin's input.

The node hands over an image in memory, in 0..1 as a viewer shows it. Transforms that read a file or order its axes
therefore have nothing to do. A scaling says what 0 and 1 become, a normalisation is a subtraction and a division, a
resize is the size. Anything else changes pixels in a way that a plugin's bundle cannot say: such a bundle is refused
with the transform's name, because leaving it out would make another model of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from node.errors import PluginError
from radnode_kit.foreign.model import Input, Wish, entry_of

Table = Mapping[str, Any]  # JSON's values

#: Base names without the final ``d``, ``D`` or ``Dict``; what they do has been done before the plugin is called.
IN_MEMORY = frozenset(
    {
        "LoadImage",
        "EnsureChannelFirst",
        "AsChannelFirst",
        "AddChannel",
        "EnsureType",
        "CastToType",
        "ToTensor",
        "ToDevice",
        "Identity",
        "DeleteItems",
        "SelectItems",
    }
)
_SCALINGS = frozenset({"ScaleIntensityRange", "ScaleIntensity", "NormalizeIntensity"})
_KNOWN = IN_MEMORY | _SCALINGS | {"RepeatChannel", "Resize", "SpatialPad", "ResizeWithPadOrCrop"}
_HINT = "export the network as ONNX with this step inside it, and import that"


@dataclass(frozen=True)
class Steps:
    """What has been understood so far: ``value = pixels * scale + shift``, for each channel.

    Attributes:
        scale: factor of pixels in 0..1.
        shift: added to it.
        size: side of the square; 0: not said yet.
        fit: ``squash`` or ``letterbox``.
        scaled: whether a scaling told what 0 and 1 become.
    """

    scale: tuple[float, ...]
    shift: tuple[float, ...]
    size: int = 0
    fit: str = "squash"
    scaled: bool = False


def base_name(target: str) -> str:
    """``monai.transforms.LoadImaged`` -> ``LoadImage``."""
    name = target.rpartition(".")[2]
    stems = (name.removesuffix(end) for end in ("Dict", "d", "D", ""))  # SpatialPad itself ends in d
    return next((stem for stem in stems if stem in _KNOWN), name)


def input_from(transforms: Sequence[Table], shape: Table, wish: Wish) -> Input:
    """The network's input.

    Args:
        transforms: tables of the pre-processing, references resolved.
        shape: ``network_data_format.inputs.image`` of ``metadata.json``.
        wish: what the operator said; it is taken instead of what the bundle says.

    Raises:
        PluginError: for a transform that a plugin cannot express, or a size that nothing tells.
    """
    channels = int(shape["num_channels"])
    low, high = (float(value) for value in shape.get("value_range") or (0, 1))
    steps = Steps((1.0,) * channels, (0.0,) * channels)
    for transform in transforms:
        steps = _step(steps, base_name(str(transform["_target_"])), transform)
    if not steps.scaled and high > 1:  # no scaling: the network is given the values of the file
        steps = _affine(steps, high - low, low, before=True)
    size = steps.size or _square(shape.get("spatial_shape"), "spatial_shape")
    mean = tuple(0.0 - shift / scale for scale, shift in zip(steps.scale, steps.shift, strict=True))
    entry = Input(size, channels, mean, tuple(1.0 / scale for scale in steps.scale), steps.fit)
    chosen = wish if wish.fit != "squash" else replace(wish, fit=steps.fit)
    return entry_of(chosen, entry)


def _step(steps: Steps, name: str, table: Table) -> Steps:
    if name in IN_MEMORY or name == "RepeatChannel":  # a grey image goes to all channels anyway
        return steps
    if name == "ScaleIntensityRange":
        low, high = float(table["b_min"]), float(table["b_max"])
        return replace(_affine(steps, high - low, low), scaled=True)
    if name == "ScaleIntensity" and table.get("minv", 0.0) is not None:
        low, high = float(table.get("minv", 0.0)), float(table.get("maxv", 1.0))
        return replace(_affine(steps, high - low, low), scaled=True)
    if name == "NormalizeIntensity" and table.get("subtrahend") is not None and table.get("divisor") is not None:
        return _normalised(steps, table)
    if name == "Resize":
        fit = "letterbox" if table.get("size_mode") == "longest" else steps.fit
        return replace(steps, size=_square(table["spatial_size"], name), fit=fit)
    if name in ("SpatialPad", "ResizeWithPadOrCrop") and steps.fit == "letterbox":
        return replace(steps, size=_square(table["spatial_size"], name))
    how = " by each image's own figures" if name in _SCALINGS else ""
    raise PluginError(f"the bundle's pre-processing does {name}{how}, which a plugin cannot express", hint=_HINT)


def _affine(steps: Steps, factor: float, offset: float, *, before: bool = False) -> Steps:
    """With ``value * factor + offset`` after what there is, or done to the pixels before it."""
    if before:
        shift = tuple(old + scale * offset for scale, old in zip(steps.scale, steps.shift, strict=True))
        return replace(steps, scale=tuple(scale * factor for scale in steps.scale), shift=shift)
    return replace(
        steps,
        scale=tuple(scale * factor for scale in steps.scale),
        shift=tuple(shift * factor + offset for shift in steps.shift),
    )


def _normalised(steps: Steps, table: Table) -> Steps:
    channels = len(steps.scale)
    means, divisors = (_each(table[key], channels) for key in ("subtrahend", "divisor"))
    if 0.0 in divisors:
        raise PluginError("the bundle's normalisation divides by zero")
    return replace(
        steps,
        scale=tuple(scale / divisor for scale, divisor in zip(steps.scale, divisors, strict=True)),
        shift=tuple((s - m) / d for s, m, d in zip(steps.shift, means, divisors, strict=True)),
    )


def _each(value: Any, channels: int) -> tuple[float, ...]:
    values = tuple(float(v) for v in value) if isinstance(value, list | tuple) else (float(value),) * channels
    if len(values) != channels:
        raise PluginError(f"the normalisation has {len(values)} values for {channels} channels", hint=_HINT)
    return values


def _square(value: Any, where: str) -> int:
    """The side, from a number or two equal ones; raises :class:`PluginError`."""
    sides = [value] if isinstance(value, int) else list(value or ())
    if not sides or not all(isinstance(side, int) and side == sides[0] and side > 0 for side in sides):
        raise PluginError(f"{where} is {value!r}, needed is the one size of a square image", hint=_HINT)
    return int(sides[0])
