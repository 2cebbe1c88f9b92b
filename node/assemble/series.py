"""One series to one image set: decoded, in the order of space, and with what could not be decoded named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from node.assemble.pixels import Slice, read_slices
from node.errors import DecodeError
from node.plugin import Image, ImageSet
from node.study import Instance, NotAssessed, Series

#: Cosine between two slice normals from which they count as the same orientation: a quarter of a degree.
_SAME_ORIENTATION = 0.99999


def read_image_set(series: Series, root: Path, max_pixels: int) -> tuple[ImageSet | None, tuple[NotAssessed, ...]]:
    """Decode a series.

    Args:
        series: its instances; `attributes` of the first are those of the set.
        root: folder to which the instances' paths are relative.
        max_pixels: most samples over all frames that one instance may declare.

    Returns:
        The images, sorted along the slice normal when all of them have a position and the same orientation, else by
        instance number, SOP Instance UID and frame; None when no instance could be decoded. And the instances that
        could not, each with its reason, in the order of the series.
    """
    slices: list[tuple[Instance, Slice]] = []
    not_assessed: list[NotAssessed] = []
    for instance in series.instances:
        try:
            decoded = read_slices(root / instance.path, max_pixels)
            slices += [(instance, _named(item, instance)) for item in decoded]
        except DecodeError as error:
            not_assessed.append(_not_assessed(instance, error))
    if not slices:
        return None, tuple(not_assessed)
    return _image_set(series, [item for _, item in slices], _sorted(slices)), tuple(not_assessed)


def _named(item: Slice, instance: Instance) -> Slice:
    """With the UIDs under which the ledger knows the instance."""
    image = replace(item.image, sop_instance_uid=instance.sop_instance_uid, sop_class_uid=instance.sop_class_uid)
    return replace(item, image=image)


def _not_assessed(instance: Instance, error: DecodeError) -> NotAssessed:
    reason = f"{error.what}; {error.hint}" if error.hint else error.what
    return NotAssessed(instance.sop_instance_uid, instance.sop_class_uid, instance.series_instance_uid, reason)


def _sorted(slices: list[tuple[Instance, Slice]]) -> tuple[Image, ...]:
    in_space = _is_in_space([item for _, item in slices])

    def place(pair: tuple[Instance, Slice]) -> tuple[float, int, str, int]:
        instance, item = pair
        position = round(item.image.position or 0.0, 3) if in_space else 0.0
        return position, instance.instance_number, instance.sop_instance_uid, item.image.frame

    return tuple(item.image for _, item in sorted(slices, key=place))


def _is_in_space(slices: list[Slice]) -> bool:
    """All have a position, along the same normal."""
    if any(item.normal is None or item.image.position is None for item in slices):
        return False
    normals = np.array([item.normal for item in slices])
    return bool((normals @ normals[0] > _SAME_ORIENTATION).all())


def _image_set(series: Series, slices: list[Slice], images: tuple[Image, ...]) -> ImageSet:
    attributes = series.attributes
    agents = (item.contrast_agent for item in slices)
    ages = (attributes.age_years, *(item.age_years for item in slices))
    return ImageSet(
        images=images,
        series_instance_uid=series.series_instance_uid,
        modality=attributes.modality,
        body_part=attributes.body_part,
        view=attributes.view,
        laterality=attributes.laterality,
        age_years=next((age for age in ages if age is not None), None),
        sex=attributes.sex,
        contrast_agent=next((agent for agent in agents if agent is not None), None),
    )
