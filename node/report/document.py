"""The frame of every Structured Report: document modules (PS3.3 C.17) around a tree whose root is TID 1500."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from highdicom.sr import ContentItem
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import UID, Comprehensive3DSRStorage, ComprehensiveSRStorage

from node.report import codes, evidence, identity, provenance, source, summary, tree
from node.report.evidence import Reference
from node.report.schemes import add_private_schemes
from node.study import MANUFACTURER, Analysis


def document(
    analysis: Analysis,
    sources: Mapping[str, Dataset],
    kind: str,
    body: Sequence[ContentItem],
    made: Sequence[Reference] = (),
) -> Dataset:
    """A Comprehensive 3D SR, or a Comprehensive SR for the kind so called, complete with File Meta Information.

    Both allow this tree; the older class is for archives that refuse the newer one (PS3.3 A.35.3 and A.35.13).

    Args:
        analysis: what is reported.
        sources: headers by SOP Instance UID.
        kind: ``sr``, ``comprehensive-sr`` or ``viewer-sr``.
        body: children of the root after its context.
        made: results that the tree refers to; evidence like the sources.
    """
    origin = source.main_source(analysis, sources)
    ds = provenance.head(analysis, origin, provenance.Role(kind, _sop_class(kind), "SR"))
    _add_flags(ds, analysis)
    listed = (*evidence.references(analysis, sources), *made)
    ds.ReferencedPerformedProcedureStepSequence = []
    ds.PerformedProcedureCodeSequence = []
    evident = evidence.by_study_and_series(analysis.study_instance_uid, listed)
    if evident:
        ds.CurrentRequestedProcedureEvidenceSequence = evident
    if others := evidence.of_priors(analysis):
        ds.PertinentOtherEvidenceSequence = others
    evidence.add_predecessor(ds, analysis, kind)
    _add_request(ds, analysis, origin)
    _plant(ds, tree.container(codes.REPORT, [*_context(analysis), *body], relation=None, template="1500"))
    add_private_schemes(ds)
    return provenance.finished(ds, origin)


def _sop_class(kind: str) -> UID:
    return ComprehensiveSRStorage if kind == "comprehensive-sr" else Comprehensive3DSRStorage


def _plant(ds: Dataset, root: ContentItem) -> None:
    for found in root:
        ds[found.tag] = found


def _add_flags(ds: Dataset, analysis: Analysis) -> None:
    gaps = summary.gaps(analysis)
    ds.CompletionFlag = "PARTIAL" if gaps else "COMPLETE"
    if gaps:
        ds.CompletionFlagDescription = "Not all images of the study could be assessed"
    ds.VerificationFlag = "UNVERIFIED"
    ds.PreliminaryFlag = "PRELIMINARY"


def _add_request(ds: Dataset, analysis: Analysis, origin: Dataset) -> None:
    """The orders that the source names (PS3.3 C.17.2, Referenced Request Sequence)."""
    requests = [_request(item, analysis, ds) for item in source.items(origin, "RequestAttributesSequence")]
    if requests:
        ds.ReferencedRequestSequence = requests


def _request(attributes: Dataset, analysis: Analysis, ds: Dataset) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID = source.value(attributes, "StudyInstanceUID") or analysis.study_instance_uid
    item.ReferencedStudySequence = []
    item.AccessionNumber = source.value(attributes, "AccessionNumber") or ds.AccessionNumber
    item.PlacerOrderNumberImagingServiceRequest = ""
    item.FillerOrderNumberImagingServiceRequest = ""
    item.RequestedProcedureID = source.value(attributes, "RequestedProcedureID")
    item.RequestedProcedureDescription = source.value(attributes, "RequestedProcedureDescription")
    item.RequestedProcedureCodeSequence = DicomSequence(source.items(attributes, "RequestedProcedureCodeSequence"))
    return item


def _context(analysis: Analysis) -> list[ContentItem]:
    """Language (TID 1204), observer (TID 1004) and the procedure that is reported."""
    manifest = analysis.manifest
    return [
        tree.code(codes.LANGUAGE, codes.ENGLISH, tree.MODIFIER),
        tree.code(codes.OBSERVER_TYPE, codes.DEVICE, tree.CONTEXT),
        tree.uidref(codes.DEVICE_UID, identity.device_uid(analysis)),
        tree.text(codes.DEVICE_NAME, analysis.station_name or MANUFACTURER, tree.CONTEXT),
        tree.text(codes.DEVICE_MANUFACTURER, manifest.manufacturer, tree.CONTEXT),
        tree.text(codes.DEVICE_MODEL, f"{manifest.name} {manifest.version}", tree.CONTEXT),
        tree.text(codes.DEVICE_SERIAL, manifest.digest, tree.CONTEXT),
        tree.code(codes.PROCEDURE_REPORTED, codes.IMAGING_PROCEDURE, tree.MODIFIER),
    ]
