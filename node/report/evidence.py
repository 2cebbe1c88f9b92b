"""References to instances: which frame of which image, and the sequences that list them by study and series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset

from node.errors import ReportError
from node.plugin import Image
from node.report import identity, source
from node.study import Analysis


@dataclass(frozen=True)
class Reference:
    """An instance and the series it lies in."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str


def sop_class(uid: str, known: str, sources: Mapping[str, Dataset]) -> str:
    """SOP Class UID of an instance: what the analysis knows, else what its header says; else :class:`ReportError`."""
    found = known or source.value(sources.get(uid, Dataset()), "SOPClassUID")
    if not found:
        raise ReportError("the SOP class of a source is not known, so no result can refer to it", about=uid)
    return found


def pointer(image: Image, sources: Mapping[str, Dataset]) -> tuple[str, str, int | None]:
    """SOP Class UID, SOP Instance UID, and the frame where the instance has several."""
    ds = sources.get(image.sop_instance_uid, Dataset())
    several = source.is_multi_frame(ds) or image.frame > 1
    return (
        sop_class(image.sop_instance_uid, image.sop_class_uid, sources),
        image.sop_instance_uid,
        (image.frame if several else None),
    )


def images_of(analysis: Analysis) -> dict[tuple[str, int], Image]:
    """Every analysed image by SOP Instance UID and frame."""
    return {
        (image.sop_instance_uid, image.frame): image for item in analysis.analysed for image in item.image_set.images
    }


def references(analysis: Analysis, sources: Mapping[str, Dataset]) -> tuple[Reference, ...]:
    """Every analysed instance, once; when none could be, the instances that were not."""
    seen = [
        Reference(
            sop_class(image.sop_instance_uid, image.sop_class_uid, sources),
            image.sop_instance_uid,
            item.image_set.series_instance_uid,
        )
        for item in analysis.analysed
        for image in item.image_set.images
    ]
    unseen = [
        Reference(
            sop_class(item.sop_instance_uid, item.sop_class_uid, sources),
            item.sop_instance_uid,
            item.series_instance_uid,
        )
        for item in analysis.not_assessed
    ]
    return tuple(dict.fromkeys(seen or unseen))


def by_study_and_series(study_instance_uid: str, listed: Iterable[Reference]) -> list[Dataset]:
    """Items of an evidence sequence (PS3.3 C.17.2, Hierarchical SOP Instance Reference Macro)."""
    groups: dict[str, list[Dataset]] = {}
    for reference in listed:
        item = Dataset()
        item.ReferencedSOPClassUID = reference.sop_class_uid
        item.ReferencedSOPInstanceUID = reference.sop_instance_uid
        groups.setdefault(reference.series_instance_uid, []).append(item)
    study = Dataset()
    study.StudyInstanceUID = study_instance_uid
    study.ReferencedSeriesSequence = [_series(uid, members) for uid, members in groups.items()]
    return [study] if groups else []


def of_priors(analysis: Analysis) -> list[Dataset]:
    """The images of the prior studies that are compared with: acquired for other procedures (PS3.3 C.17.2)."""
    found = []
    for prior in analysis.comparison.priors if analysis.comparison else ():
        listed = [Reference(*pair, one.series_instance_uid) for one in prior.series for pair in one.instances]
        found += by_study_and_series(prior.study_instance_uid, listed)
    return found


def add_predecessor(ds: Dataset, analysis: Analysis, kind: str) -> None:
    """Predecessor Documents Sequence: the delivered object of an earlier revision, which this one replaces.

    An object is never its own: a late image that changes nothing for the plugin gives the same objects again.
    """
    sop_class_uid, sop_instance_uid = analysis.predecessors.get(kind, ("", ""))
    if sop_instance_uid and sop_instance_uid != ds.SOPInstanceUID:
        before = Reference(sop_class_uid, sop_instance_uid, identity.series_uid(analysis, kind))
        ds.PredecessorDocumentsSequence = by_study_and_series(analysis.study_instance_uid, [before])


def _series(series_instance_uid: str, members: list[Dataset]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = series_instance_uid
    item.ReferencedSOPSequence = members
    return item
