"""Key Object Selection Documents (PS3.3 A.35.4): a list of objects under a title that says why; its tree is TID 2010.

The manifest lists the whole result set of an analysis, so that every object can be reached from one root.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from highdicom.sr import CodedConcept, ContentItem
from pydicom.dataset import Dataset
from pydicom.uid import (
    KeyObjectSelectionDocumentStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from node.errors import ReportError
from node.plugin import Outcome
from node.report import codes, evidence, provenance, source, tree
from node.report.evidence import Reference
from node.report.verdict import verdicts
from node.study import Analysis

KIND = "ko"
MANIFEST = CodedConcept("113030", "DCM", "Manifest")
MODIFIER = CodedConcept("113011", "DCM", "Document Title Modifier")
DESCRIPTION = CodedConcept("113012", "DCM", "Key Object Description")

#: The results that are images; the others are referred to as COMPOSITE (PS3.3 C.18.3).
_IMAGES = frozenset({SecondaryCaptureImageStorage, SegmentationStorage, ParametricMapStorage})
#: It stands in for the report where that is refused, and says the same.
_STAND_IN = "comprehensive-sr"


@dataclass(frozen=True)
class KeyObject:
    """An object that is listed; an image by its frame where it has several."""

    reference: Reference
    is_image: bool
    frame: int | None = None


def manifest(analysis: Analysis, sources: Mapping[str, Dataset], made: Sequence[tuple[str, Dataset]]) -> Dataset:
    """The list of all results of an analysis, the report first, and of the source images that show what is present.

    Args:
        analysis: what was found.
        sources: header of each source instance by SOP Instance UID.
        made: every other result with its kind, complete.

    Raises:
        ReportError: when there is nothing to list.
    """
    origin = source.main_source(analysis, sources)
    ds = provenance.head(analysis, origin, provenance.Role(KIND, KeyObjectSelectionDocumentStorage, "KO"))
    images = list(_key_images(analysis, sources))
    _add_request(ds, made)
    fill(ds, [MANIFEST], _words(analysis, bool(images)), [*_results(made), *images])
    return provenance.finished(ds, origin)


def listed_result(reference: Reference) -> KeyObject:
    """A result of this node as it is listed: by its SOP class an image or not."""
    return KeyObject(reference, reference.sop_class_uid in _IMAGES)


def fill(ds: Dataset, title: Sequence[CodedConcept], words: str, listed: Sequence[KeyObject]) -> None:
    """Put the evidence and the tree into `ds`, which has patient, study, series, equipment and times already.

    Args:
        ds: the head; the device that observes is read from its equipment.
        title: of CID 7010, and what modifies it.
        words: Key Object Description.
        listed: one or more; else :class:`ReportError`.
    """
    if not listed:
        raise ReportError("a list of objects must name one at least (PS3.16 TID 2010)", about=ds.StudyInstanceUID)
    ds.ReferencedPerformedProcedureStepSequence = []
    ds.CurrentRequestedProcedureEvidenceSequence = evidence.by_study_and_series(
        ds.StudyInstanceUID, dict.fromkeys(one.reference for one in listed)
    )
    children = [
        *(tree.code(MODIFIER, modifier, tree.MODIFIER) for modifier in title[1:]),
        tree.code(codes.LANGUAGE, codes.ENGLISH, tree.MODIFIER),
        *_observer(ds),
        tree.text(DESCRIPTION, words),
        *(_item(one) for one in listed),
    ]
    for found in tree.container(title[0], children, relation=None, template="2010"):
        ds[found.tag] = found


def _observer(ds: Dataset) -> Iterator[ContentItem]:
    """The algorithm as the device that observes (TID 1004), as it stands in the equipment."""
    (algorithm,) = ds.ContributingEquipmentSequence
    yield tree.code(codes.OBSERVER_TYPE, codes.DEVICE, tree.CONTEXT)
    yield tree.uidref(codes.DEVICE_UID, algorithm.DeviceUID)
    yield tree.text(codes.DEVICE_NAME, ds.get("StationName") or ds.Manufacturer, tree.CONTEXT)
    yield tree.text(codes.DEVICE_MANUFACTURER, algorithm.Manufacturer, tree.CONTEXT)
    model = f"{algorithm.ManufacturerModelName} {algorithm.SoftwareVersions}"
    yield tree.text(codes.DEVICE_MODEL, model, tree.CONTEXT)
    yield tree.text(codes.DEVICE_SERIAL, algorithm.DeviceSerialNumber, tree.CONTEXT)


def _item(one: KeyObject) -> Dataset:
    """An IMAGE or COMPOSITE; without a concept name (TID 2010, rows 8 to 10), which those of highdicom always have."""
    target = Dataset()
    target.ReferencedSOPClassUID = one.reference.sop_class_uid
    target.ReferencedSOPInstanceUID = one.reference.sop_instance_uid
    if one.frame is not None:
        target.ReferencedFrameNumber = one.frame
    item = Dataset()
    item.RelationshipType = tree.CONTAINS
    item.ValueType = "IMAGE" if one.is_image else "COMPOSITE"
    item.ReferencedSOPSequence = [target]
    return item


def _results(made: Sequence[tuple[str, Dataset]]) -> Iterator[KeyObject]:
    """Every object but what stands in for the report; the report first, the others in the order in which they came."""
    apart = [(kind, ds) for kind, ds in made if kind != _STAND_IN]
    for _, ds in sorted(apart, key=lambda one: one[0] != "sr"):
        yield listed_result(Reference(ds.SOPClassUID, ds.SOPInstanceUID, ds.SeriesInstanceUID))


def _key_images(analysis: Analysis, sources: Mapping[str, Dataset]) -> Iterator[KeyObject]:
    """The image that shows a present finding best, each frame once."""
    present = (found for found in verdicts(analysis, ()) if found.outcome is Outcome.PRESENT)
    shown = {(one.image.sop_instance_uid, one.image.frame) for one in present if one.image is not None}
    for item in analysis.analysed:
        for image in item.image_set.images:
            if (image.sop_instance_uid, image.frame) in shown:
                sop_class_uid, uid, frame = evidence.pointer(image, sources)
                series = item.image_set.series_instance_uid
                yield KeyObject(Reference(sop_class_uid, uid, series), is_image=True, frame=frame)


def _add_request(ds: Dataset, made: Sequence[tuple[str, Dataset]]) -> None:
    """The orders that the report names (PS3.3 C.17.6.2)."""
    for kind, other in made:
        if kind == "sr" and "ReferencedRequestSequence" in other:
            ds.ReferencedRequestSequence = deepcopy(other.ReferencedRequestSequence)


def _words(analysis: Analysis, has_images: bool) -> str:
    told = analysis.manifest
    images = ", and the images that show what is present" if has_images else ""
    by = f"{told.title} ({told.name} {told.version})"
    return f"All results of {by} for this study{images}; made by a computer program, verified by no person."
