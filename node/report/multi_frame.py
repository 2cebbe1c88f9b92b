"""What a Segmentation and a Parametric Map share: a multi-frame image that lies slice by slice over a volume.

Frame of Reference (PS3.3 C.7.4.1), Common Instance Reference (C.12.2), Multi-frame Dimension (C.7.6.17) and the
functional groups (C.7.6.16) that say where each frame lies and what it was made from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy

from highdicom.sr import CodedConcept
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.valuerep import DSfloat

from node.report import anatomy, evidence, identity, provenance, source
from node.report.provenance import Role
from node.report.volume import Slice, Volume
from node.study import Analysis

#: What counts the frames: keyword of the attribute.
SEGMENT, PLACE = "ReferencedSegmentNumber", "ImagePositionPatient"
#: Functional group that holds it.
_HOLDERS = {SEGMENT: "SegmentIdentificationSequence", PLACE: "PlanePositionSequence"}
_MOST_CHARACTERS = 16
_SOURCE_IMAGE = CodedConcept(
    value="121322", scheme_designator="DCM", meaning="Source image for image processing operation"
)


def begun(analysis: Analysis, volume: Volume, origin: Dataset, role: Role, finding: str = "") -> Dataset:
    """A data set over the volume with all that does not depend on its frames.

    Each volume, and each finding that is told, has a series of its own: a series has one Frame of Reference
    (PS3.3 A.1.2.3), and viewers show one such object of a series.

    Args:
        analysis: what is reported.
        volume: where it lies.
        origin: header that patient, study and anatomy are copied from.
        role: which object it is.
        finding: name of the only finding that it speaks of; empty for all.
    """
    ds = provenance.head(analysis, origin, role)
    series = f"{role.kind} {volume.series_instance_uid} {volume.number} {finding}"
    ds.SeriesInstanceUID = identity.series_uid(analysis, series)
    anatomy.add_part(ds, origin)
    ds.FrameOfReferenceUID = volume.grid.frame_of_reference_uid
    ds.PositionReferenceIndicator = _position_reference(origin)
    ds.ContentCreatorName = ""
    ds.Rows, ds.Columns = volume.grid.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.PresentationLUTShape = "IDENTITY"
    ds.SharedFunctionalGroupsSequence = [_shared(volume)]
    return ds


def frame(one: Slice, sources: Mapping[str, Dataset], derivation: CodedConcept, indices: Sequence[int]) -> Dataset:
    """The functional groups of one frame.

    Args:
        one: where it lies, and what it was made from.
        sources: headers by SOP Instance UID.
        derivation: how it was made.
        indices: its place in each dimension, from 1.
    """
    content, place, derived, groups = Dataset(), Dataset(), Dataset(), Dataset()
    content.DimensionIndexValues = list(indices)
    place.ImagePositionPatient = [decimal(millimetres) for millimetres in one.position]
    derived.DerivationCodeSequence = [deepcopy(derivation)]
    derived.SourceImageSequence = [_source_image(one, sources)]
    groups.FrameContentSequence = [content]
    groups.PlanePositionSequence = [place]
    groups.DerivationImageSequence = [derived]
    return groups


def add_frames(
    ds: Dataset,
    volume: Volume,
    frames: Sequence[tuple[Slice, Dataset]],
    dimensions: Iterable[str],
    sources: Mapping[str, Dataset],
) -> None:
    """The frames, what counts them, and all instances that they refer to.

    Args:
        ds: what was begun.
        volume: that it was begun with.
        frames: each slice with its functional groups, in the order of the pixels; never none.
        dimensions: of :data:`SEGMENT` and :data:`PLACE`, in the order of the frames' indices.
        sources: headers by SOP Instance UID.
    """
    instances = tuple(dict.fromkeys(evidence.pointer(one.image, sources)[:2] for one, _ in frames))
    ds.NumberOfFrames = len(frames)
    ds.PerFrameFunctionalGroupsSequence = [groups for _, groups in frames]
    ds.ReferencedSeriesSequence = [_referenced(volume, instances)]
    _add_dimensions(ds, dimensions)
    _add_lossy_compression(ds, [sources[sop_instance_uid] for _, sop_instance_uid in instances])


def decimal(value: float) -> DSfloat:
    """A Decimal String of at most 16 characters (PS3.5 6.2): exact for any that a source spells so, else rounded.

    A viewer may lay a map over its source only where the two orientations are equal to the last bit.
    """
    text = repr(value)
    if len(text) > _MOST_CHARACTERS:  # without the zeros that DICOM does not ask for
        text = re.sub(r"e([+-])0", r"e\1", re.sub(r"^(-?)0\.", r"\1.", text))
    return DSfloat(text) if len(text) <= _MOST_CHARACTERS else DSfloat(value, auto_format=True)


def _position_reference(origin: Dataset) -> str:
    """Type 2: empty where the source tells none that is valid."""
    found = source.element(origin, "PositionReferenceIndicator")
    return str(found.value or "") if found is not None and source.is_valid(found) else ""


def _shared(volume: Volume) -> Dataset:
    """Pixel Measures and Plane Orientation, as in the source."""
    measures, turned, groups = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [decimal(millimetres) for millimetres in volume.grid.spacing]
    if volume.thickness is not None:
        measures.SliceThickness = decimal(volume.thickness)
    if volume.spacing_between_slices is not None:
        measures.SpacingBetweenSlices = decimal(volume.spacing_between_slices)
    turned.ImageOrientationPatient = [decimal(cosine) for cosine in volume.grid.orientation]
    groups.PixelMeasuresSequence = [measures]
    groups.PlaneOrientationSequence = [turned]
    return groups


def _source_image(one: Slice, sources: Mapping[str, Dataset]) -> Dataset:
    sop_class_uid, sop_instance_uid, number = evidence.pointer(one.image, sources)
    item = _instance(sop_class_uid, sop_instance_uid)
    if number is not None:
        item.ReferencedFrameNumber = number
    item.PurposeOfReferenceCodeSequence = [deepcopy(_SOURCE_IMAGE)]
    item.SpatialLocationsPreserved = "YES"
    return item


def _instance(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
    return item


def _referenced(volume: Volume, instances: Iterable[tuple[str, str]]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = volume.series_instance_uid
    item.ReferencedInstanceSequence = [_instance(*instance) for instance in instances]
    return item


def _add_dimensions(ds: Dataset, dimensions: Iterable[str]) -> None:
    organization = Dataset()
    organization.DimensionOrganizationUID = identity.derived_uid("dimensions", ds.SOPInstanceUID)
    ds.DimensionOrganizationSequence = [organization]
    ds.DimensionIndexSequence = [_dimension(organization.DimensionOrganizationUID, keyword) for keyword in dimensions]


def _dimension(organization_uid: str, keyword: str) -> Dataset:
    item = Dataset()
    item.DimensionOrganizationUID = organization_uid
    item.DimensionIndexPointer = tag_for_keyword(keyword)
    item.FunctionalGroupPointer = tag_for_keyword(_HOLDERS[keyword])
    item.DimensionDescriptionLabel = dictionary_description(keyword)
    return item


def _add_lossy_compression(ds: Dataset, headers: Iterable[Dataset]) -> None:
    """What is derived from lossy images is lossy (PS3.3 C.8.20.2, C.8.32.2); by how much and how is of type 1C then."""
    ds.LossyImageCompression = "00"
    for header in headers:
        told = [found for what in ("Ratio", "Method") if (found := _valid(header, f"LossyImageCompression{what}"))]
        if source.value(header, "LossyImageCompression") == "01" and len(told) == 2:
            ds.LossyImageCompression = "01"
            for found in told:
                ds[found.tag] = deepcopy(found)
            return


def _valid(header: Dataset, keyword: str) -> DataElement | None:
    found = source.element(header, keyword)
    return found if found is not None and not found.is_empty and source.is_valid(found) else None
