"""Where the findings of a volume are: Segmentation, binary (PS3.3 A.51, C.8.20)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from highdicom.color import CIELabColor
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.uid import SegmentationStorage

from node.report import codes, group, multi_frame, provenance
from node.report.multi_frame import PLACE, SEGMENT
from node.report.provenance import Role
from node.report.schemes import add_private_schemes
from node.report.verdict import Verdict, verdicts_of
from node.report.volume import Slice, Volume, volumes
from node.study import Analysis, Explanation, Layer

KIND = "seg"

_CATEGORY = CodedConcept(
    value="49755003", scheme_designator="SCT", meaning="Morphologically Abnormal Structure"
)  # in CID 7150
_SEGMENTATION = CodedConcept(value="113076", scheme_designator="DCM", meaning="Segmentation")
_DESCRIPTION = "Places that together hold half of the evidence for the finding"
#: L*, a* and b* of the colours by Okabe and Ito, which the colour blind tell apart; by place in the manifest.
_COLOURS = (
    (71.2, 20.1, 74.7),
    (69.3, -16.8, -35.5),
    (57.6, -44.7, 12.2),
    (61.2, 37.7, -10.1),
    (89.5, -8.5, 75.0),
    (54.9, 45.3, 64.2),
    (45.3, -8.9, -42.3),
)

#: SOP Instance UID and frame -> evidence.
Layers = Mapping[tuple[str, int], Layer]


@dataclass(frozen=True)
class _Segment:
    """One finding in one volume.

    Attributes:
        verdict: what is said of it.
        layers: its evidence by slice.
        slices: those that have evidence, in the order of space; the others were not looked at for it.
    """

    verdict: Verdict
    layers: Layers
    slices: tuple[Slice, ...]

    def mask(self, one: Slice) -> npt.NDArray[np.bool_]:
        """Where it is, (rows, columns)."""
        return self.layers[one.key].inside


def segmentations(analysis: Analysis, sources: Mapping[str, Dataset], explanation: Explanation) -> Iterator[Dataset]:
    """One for each source volume in which something is marked, a segment for each finding that is.

    A segment has a frame for every slice that has evidence, also where nothing is inside: that says that the slice was
    looked at. A volume whose Frame of Reference or geometry cannot be read has none, nor has a single slice of unknown
    thickness, which a Segmentation has to tell (PS3.3 C.7.6.16.2.1).

    Args:
        analysis: what is reported.
        sources: header of each source instance by SOP Instance UID; missing ones are tolerated.
        explanation: with evidence over volumes.
    """
    index = 0
    for item in analysis.analysed:
        told = list(verdicts_of(analysis, item, explanation.regions, explanation.contributions))
        for volume in volumes(item, sources):
            segments = list(_segments(told, volume, explanation.layers))
            if segments and volume.thickness is not None:
                yield _segmentation(analysis, sources, volume, segments, index)
                index += 1


def _segments(told: Iterable[Verdict], volume: Volume, layers: Sequence[Layer]) -> Iterator[_Segment]:
    for verdict in told:
        own = {(one.sop_instance_uid, one.frame): one for one in layers if one.finding == verdict.spec.name}
        slices = tuple(one for one in volume.slices if one.key in own)
        if any(own[one.key].inside.any() for one in slices):
            yield _Segment(verdict, own, slices)


def _segmentation(
    analysis: Analysis, sources: Mapping[str, Dataset], volume: Volume, segments: Sequence[_Segment], index: int
) -> Dataset:
    origin = sources[volume.slices[0].image.sop_instance_uid]
    ds = multi_frame.begun(analysis, volume, origin, Role(KIND, SegmentationStorage, "SEG", index))
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.ContentLabel, ds.ContentDescription = "EVIDENCE", _DESCRIPTION[:64]
    ds.SegmentSequence = [_item(analysis, number, one.verdict) for number, one in enumerate(segments, start=1)]
    ds.SegmentsOverlap = "YES" if _overlap(segments) else "NO"
    add_private_schemes(ds)
    multi_frame.add_frames(ds, volume, list(_frames(segments, volume, sources)), (SEGMENT, PLACE), sources)
    _add_pixels(ds, segments)
    return provenance.finished(ds, origin)


def _frames(
    segments: Sequence[_Segment], volume: Volume, sources: Mapping[str, Dataset]
) -> Iterator[tuple[Slice, Dataset]]:
    used = {one.key for segment in segments for one in segment.slices}
    in_order = [one.key for one in volume.slices if one.key in used]
    for number, segment in enumerate(segments, start=1):
        for one in segment.slices:
            groups = multi_frame.frame(one, sources, _SEGMENTATION, (number, in_order.index(one.key) + 1))
            which = Dataset()
            which.ReferencedSegmentNumber = number
            groups.SegmentIdentificationSequence = [which]
            yield one, groups


def _item(analysis: Analysis, number: int, verdict: Verdict) -> Dataset:
    """The segment's description (PS3.3 C.8.20.2, Table C.8.20-4)."""
    manifest, spec = analysis.manifest, verdict.spec
    identifier, uid = group.tracking(analysis, verdict)
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = spec.label[:64]
    item.SegmentDescription = f"{_DESCRIPTION}: {spec.label}"[:1024]
    item.SegmentAlgorithmType = "AUTOMATIC"
    item.SegmentAlgorithmName = f"{manifest.name} {manifest.version}"[:64]
    item.SegmentationAlgorithmIdentificationSequence = [_algorithm(analysis, verdict)]
    item.SegmentedPropertyCategoryCodeSequence = [deepcopy(_CATEGORY)]
    item.SegmentedPropertyTypeCodeSequence = [codes.concept(spec.code)]
    item.RecommendedDisplayCIELabValue = _colour(analysis, verdict)
    item.TrackingID, item.TrackingUID = identifier.TextValue, uid.UID
    if spec.site is not None:
        item.AnatomicRegionSequence = [_region(verdict, deepcopy(codes.concept(spec.site)))]
    return item


def _algorithm(analysis: Analysis, verdict: Verdict) -> Dataset:
    """Algorithm Identification Macro (PS3.3 10.16), with the parameters that the report tells."""
    manifest = analysis.manifest
    told = [item.TextValue for item in group.algorithm(analysis, verdict) if item.name == codes.ALGORITHM_PARAMETERS]
    item = Dataset()
    item.AlgorithmFamilyCodeSequence = [codes.concept(manifest.family)]
    item.AlgorithmName = manifest.name[:64]
    item.AlgorithmVersion = manifest.version[:64]
    item.AlgorithmSource = manifest.manufacturer[:64]
    item.AlgorithmParameters = "\n".join(told)[:10240]
    return item


def _region(verdict: Verdict, site: CodedConcept) -> Dataset:
    """The finding's site, with its side where one was looked at (PS3.3 10.5)."""
    side = codes.SIDES.get(verdict.laterality)
    if side is not None:
        site.AnatomicRegionModifierSequence = [deepcopy(side)]
    return site


def _colour(analysis: Analysis, verdict: Verdict) -> list[int]:
    """The same for a finding in every study."""
    place = analysis.manifest.findings.index(verdict.spec)
    return list(CIELabColor(*_COLOURS[place % len(_COLOURS)]).value)


def _overlap(segments: Sequence[_Segment]) -> bool:
    return any(
        bool((one.mask(place) & other.mask(place)).any())
        for one, other in combinations(segments, 2)
        for place in one.slices
        if place.key in other.layers
    )


def _add_pixels(ds: Dataset, segments: Sequence[_Segment]) -> None:
    """One bit for each pixel; frames follow each other without a gap (PS3.5 8.1.1)."""
    ds.SegmentationType = "BINARY"
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = ds.PixelRepresentation = 0
    masks = [segment.mask(one).ravel() for segment in segments for one in segment.slices]
    data = np.packbits(np.concatenate(masks), bitorder="little").tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
