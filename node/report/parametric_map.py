"""The evidence for a finding over a volume, pixel by pixel: Parametric Map of floats (PS3.3 A.75, C.8.32)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.uid import ParametricMapStorage

from node.plugin import Array, FindingSpec
from node.report import anatomy, codes, multi_frame, provenance, source
from node.report.multi_frame import PLACE
from node.report.provenance import Role
from node.report.schemes import add_private_schemes
from node.report.volume import Slice, Volume, volumes
from node.study import Analysis, Explanation, Layer

KIND = "pm"

_DERIVATION = CodedConcept(value="112187", scheme_designator="DCM", meaning="Unspecified method of calculation")
_QUANTITY = CodedConcept(value="246205007", scheme_designator="SCT", meaning="Quantity")
_UNIT = CodedConcept(value="1", scheme_designator="UCUM", meaning="no units")
_LABEL = "Evidence"
_EXPLANATION = "Logits for the finding, per one per cent of the image's area"
_FILLED = "No evidence map was made of this slice; it is filled with 0."
#: The window never ends below this, as the pictures' colour bar does not: weak evidence must look weak.
_FLOOR = 0.25
#: A larger map has frames for those slices only that have evidence.
_MOST_BYTES = 128 * 2**20


@dataclass(frozen=True)
class _Map:
    """The evidence for one finding in one volume.

    Attributes:
        spec: the finding.
        volume: where it lies.
        layers: the evidence by SOP Instance UID and frame; never none.
    """

    spec: FindingSpec
    volume: Volume
    layers: Mapping[tuple[str, int], Layer]

    @property
    def slices(self) -> tuple[Slice, ...]:
        """Those that have a frame, in the order of space."""
        rows, columns = self.volume.grid.shape
        if 4 * rows * columns * len(self.volume.slices) <= _MOST_BYTES:
            return self.volume.slices
        return tuple(one for one in self.volume.slices if one.key in self.layers)

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value, 0 among them."""
        values = [layer.density for layer in self.layers.values()]
        return min(0.0, *(float(each.min()) for each in values)), max(0.0, *(float(each.max()) for each in values))

    def values(self, one: Slice, nothing: Array) -> Array:
        """Of one frame; `nothing` where there is no evidence."""
        return np.ascontiguousarray(self.layers[one.key].density, "<f4") if one.key in self.layers else nothing


def parametric_maps(analysis: Analysis, sources: Mapping[str, Dataset], explanation: Explanation) -> Iterator[Dataset]:
    """One for each finding with evidence and each source volume.

    It covers all slices of the volume, because viewers lay it over the source frame by frame and show none that is
    shorter; a slice without evidence is filled with 0, and its frame says so. Only where that would take more than
    128 MiB are they left out. A volume whose Frame of Reference or geometry cannot be read has none.

    Args:
        analysis: what is reported.
        sources: header of each source instance by SOP Instance UID; missing ones are tolerated.
        explanation: with evidence over volumes.
    """
    for index, one in enumerate(_maps(analysis, sources, explanation.layers)):
        yield _parametric_map(analysis, sources, one, index)


def _maps(analysis: Analysis, sources: Mapping[str, Dataset], layers: Sequence[Layer]) -> Iterator[_Map]:
    for item in analysis.analysed:
        for volume in volumes(item, sources):
            held = {one.key for one in volume.slices}
            for spec in analysis.manifest.findings:
                own = [one for one in layers if one.finding == spec.name]
                found = {key: one for one in own if (key := (one.sop_instance_uid, one.frame)) in held}
                if found:
                    yield _Map(spec, volume, found)


def _parametric_map(analysis: Analysis, sources: Mapping[str, Dataset], told: _Map, index: int) -> Dataset:
    origin = sources[told.volume.slices[0].image.sop_instance_uid]
    role = Role(KIND, ParametricMapStorage, _modality(origin), index)
    ds = multi_frame.begun(analysis, told.volume, origin, role, told.spec.name)
    anatomy.add_side(ds, origin)
    ds.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "QUANTITY"]
    ds.ContentLabel, ds.ContentDescription = "EVIDENCE", f"Evidence for {told.spec.label}"[:64]
    ds.setdefault("ContentQualification", "PRODUCT")  # type 1 here
    ds.PixelPresentation = "MONOCHROME"
    ds.BurnedInAnnotation = ds.RecognizableVisualFeatures = "NO"
    ds.AcquisitionContextSequence = []
    _add_shared_groups(ds, analysis, told)
    add_private_schemes(ds)
    multi_frame.add_frames(ds, told.volume, list(_frames(told, sources)), (PLACE,), sources)
    _add_pixels(ds, told)
    return provenance.finished(ds, origin)


def _modality(origin: Dataset) -> str:
    """The equipment that acquired what the map was made from (PS3.3 C.7.3.1.1.1)."""
    found = source.element(origin, "Modality")
    return str(found.value) if found is not None and found.value and source.is_valid(found) else "OT"


def _frames(told: _Map, sources: Mapping[str, Dataset]) -> Iterator[tuple[Slice, Dataset]]:
    for place, one in enumerate(told.slices, start=1):
        groups = multi_frame.frame(one, sources, _DERIVATION, (place,))
        if one.key not in told.layers:
            groups.FrameContentSequence[0].FrameComments = _FILLED
        yield one, groups


def _add_shared_groups(ds: Dataset, analysis: Analysis, told: _Map) -> None:
    """What the values are, and how they are shown (PS3.3 C.7.6.16.2.10, C.7.6.16.2.11 and C.8.32.3.1)."""
    groups = ds.SharedFunctionalGroupsSequence[0]
    low, high = told.limits
    kind, same = Dataset(), Dataset()
    kind.FrameType = ds.ImageType
    same.RescaleIntercept, same.RescaleSlope, same.RescaleType = 0, 1, "US"
    groups.ParametricMapFrameTypeSequence = [kind]
    groups.PixelValueTransformationSequence = [same]
    groups.FrameVOILUTSequence = [_window(max(high, _FLOOR))]
    groups.RealWorldValueMappingSequence = [_meaning(analysis, told.spec, low, high)]


def _window(end: float) -> Dataset:
    """From 0 to that value; LINEAR would ask for a width of 1 at least (PS3.3 C.11.2.1.2)."""
    item = Dataset()
    item.WindowCenter, item.WindowWidth = multi_frame.decimal(end / 2.0), multi_frame.decimal(end)
    item.WindowCenterWidthExplanation = "Evidence for the finding"
    item.VOILUTFunction = "LINEAR_EXACT"
    return item


def _meaning(analysis: Analysis, spec: FindingSpec, low: float, high: float) -> Dataset:
    """Stored values are the real world's (PS3.3 C.7.6.16.2.11)."""
    item = Dataset()
    item.LUTLabel, item.LUTExplanation = _LABEL, _EXPLANATION
    item.MeasurementUnitsCodeSequence = [deepcopy(_UNIT)]
    item.QuantityDefinitionSequence = [
        _fact(_QUANTITY, codes.concept(analysis.manifest.explanation)),
        _fact(codes.FINDING, codes.concept(spec.code)),
    ]
    item.RealWorldValueIntercept, item.RealWorldValueSlope = 0.0, 1.0
    item.DoubleFloatRealWorldValueFirstValueMapped, item.DoubleFloatRealWorldValueLastValueMapped = low, high
    return item


def _fact(name: CodedConcept, value: CodedConcept) -> Dataset:
    item = Dataset()
    item.ValueType = "CODE"
    item.ConceptNameCodeSequence, item.ConceptCodeSequence = [deepcopy(name)], [value]
    return item


def _add_pixels(ds: Dataset, told: _Map) -> None:
    ds.BitsAllocated = 32
    nothing = np.zeros(told.volume.grid.shape, "<f4")
    ds.FloatPixelData = b"".join(told.values(one, nothing).data.cast("B") for one in told.slices)
