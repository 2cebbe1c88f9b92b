"""The plugin's veto: what its manifest accepts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.body_part import normal_body_part
from node.plugin import Accepts
from node.route.check import Check, either, shown
from node.study import Attributes, Instance, Series


@dataclass(frozen=True)
class _Listed:
    """A list of the manifest, and the value it is compared with."""

    what: str
    wanted: Callable[[Accepts], Sequence[str]]
    found: Callable[[Attributes], str]
    normal: Callable[[str], str] = str.upper
    may_be_missing: bool = False


_LISTED: tuple[_Listed, ...] = (
    _Listed("modality", lambda a: a.modality, lambda i: i.modality),
    _Listed("SOP class", lambda a: a.sop_class, lambda i: i.sop_class_uid),
    _Listed("body part", lambda a: a.body_part, lambda i: i.body_part, normal_body_part, may_be_missing=True),
    _Listed("view", lambda a: a.view, lambda i: i.view, may_be_missing=True),
)


def checks(accepts: Accepts, series: Series) -> tuple[Check, ...]:
    """Every condition of the manifest that is given, against the series."""
    listed = (_in_list(row, accepts, series.attributes) for row in _LISTED if row.wanted(accepts))
    return (*listed, *_image_type(accepts, series), *_images(accepts, series))


def _in_list(row: _Listed, accepts: Accepts, attributes: Attributes) -> Check:
    found, wanted = row.found(attributes), row.wanted(accepts)
    excused = not found and row.may_be_missing and accepts.accept_missing
    holds = excused or row.normal(found) in {row.normal(value) for value in wanted}
    return Check(row.what, shown(found), either(wanted), holds)


def _refused(accepts: Accepts, instance: Instance) -> bool:
    excluded = {value.upper() for value in accepts.exclude_image_type}
    return any(value.upper() in excluded for value in instance.attributes.image_type)


def _image_type(accepts: Accepts, series: Series) -> tuple[Check, ...]:
    if not accepts.exclude_image_type:
        return ()
    found = shown("\\".join(series.attributes.image_type))
    holds = not all(_refused(accepts, instance) for instance in series.instances)
    return (Check("image type", found, f"none with {either(accepts.exclude_image_type)}", holds),)


def _images(accepts: Accepts, series: Series) -> tuple[Check, ...]:
    """Images are frames: a multi-frame instance holds as many as it says."""
    if accepts.min_images <= 1:
        return ()
    usable = (instance for instance in series.instances if not _refused(accepts, instance))
    count = sum(max(1, instance.attributes.frames) for instance in usable)
    return (Check("number of images", str(count), f"at least {accepts.min_images}", count >= accepts.min_images),)
