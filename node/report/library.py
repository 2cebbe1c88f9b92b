"""The Image Library of a report (PS3.16 TID 1600): each analysed image with what describes it (TID 1602)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from highdicom.sr import ContentItem
from pydicom.dataset import Dataset

from node.plugin import Image, ImageSet
from node.report import codes, evidence, source, tree
from node.study import Analysis


def library(analysis: Analysis, sources: Mapping[str, Dataset]) -> ContentItem | None:
    """One group for each series; None when nothing was analysed."""
    groups = [
        tree.container(codes.IMAGE_LIBRARY_GROUP, _entries(item.image_set, sources)) for item in analysis.analysed
    ]
    return tree.container(codes.IMAGE_LIBRARY, groups) if groups else None


def _entries(image_set: ImageSet, sources: Mapping[str, Dataset]) -> Iterator[ContentItem]:
    first_frames = {image.sop_instance_uid: image for image in reversed(image_set.images)}
    for image in reversed(list(first_frames.values())):
        sop_class_uid, sop_instance_uid, _ = evidence.pointer(image, sources)
        ds = sources.get(sop_instance_uid, Dataset())
        described = [*_coded(image_set, ds), *_measured(image, ds)]
        yield tree.image_above(codes.SOURCE, (sop_class_uid, sop_instance_uid, None), described)


def _coded(image_set: ImageSet, ds: Dataset) -> Iterator[ContentItem]:
    """Modality, view and laterality, as far as they are known and have a code."""
    view = image_set.view or source.value(ds, "ViewPosition")
    side = source.value(ds, "ImageLaterality") or source.value(ds, "Laterality") or image_set.laterality
    described = (
        (codes.MODALITY, codes.MODALITIES.get(image_set.modality)),
        (codes.IMAGE_LATERALITY, codes.SIDES.get(side)),
        (codes.IMAGE_VIEW, codes.VIEWS.get(view.upper())),
    )
    for name, value in described:
        if value is not None:
            yield tree.code(name, value, tree.ACQUISITION)


def _measured(image: Image, ds: Dataset) -> Iterator[ContentItem]:
    """Rows, columns and the spacing between pixels; the spacing at the detector where nothing better is known."""
    rows, columns = image.pixels.shape[:2]
    yield tree.num(codes.ROWS, rows, codes.PIXELS, tree.ACQUISITION)
    yield tree.num(codes.COLUMNS, columns, codes.PIXELS, tree.ACQUISITION)
    spacing = image.spacing or source.numbers(ds, "ImagerPixelSpacing")
    if len(spacing) == 2:
        yield tree.num(codes.HORIZONTAL_SPACING, float(spacing[1]), codes.MILLIMETRE, tree.ACQUISITION)
        yield tree.num(codes.VERTICAL_SPACING, float(spacing[0]), codes.MILLIMETRE, tree.ACQUISITION)
