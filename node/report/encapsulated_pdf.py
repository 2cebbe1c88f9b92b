"""The report of one page as Encapsulated PDF (PS3.3 A.45.1): what a person reads, prints and files."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from node.report import codes, evidence, provenance, source
from node.report.evidence import Reference
from node.report.page import page
from node.study import Analysis, Explanation

KIND = "pdf"


def encapsulated_pdf(analysis: Analysis, sources: Mapping[str, Dataset], explanation: Explanation) -> Dataset:
    """The page, made always; one of the pictures is on it, if there are any.

    Raises:
        ReportError: where the SOP class of a source is not known, so that it cannot be referred to.
    """
    origin = source.main_source(analysis, sources)
    ds = provenance.head(analysis, origin, provenance.Role(KIND, EncapsulatedPDFStorage, "DOC"))
    ds.ConversionType = "WSD"  # PS3.3 C.8.6.1, SC Equipment
    _add_document(ds, analysis, origin)
    _add_sources(ds, analysis, sources)
    evidence.add_predecessor(ds, analysis, KIND)
    _add_bytes(ds, page(analysis, ds, sources, explanation))
    return provenance.finished(ds, origin)


def _add_document(ds: Dataset, analysis: Analysis, origin: Dataset) -> None:
    """What the document is (PS3.3 C.24.2)."""
    ds.AcquisitionDateTime = _acquired(origin)
    ds.BurnedInAnnotation = "YES"  # the patient's name stands on the page
    ds.DocumentTitle = analysis.manifest.title[:1024]
    ds.ConceptNameCodeSequence = [deepcopy(codes.REPORT)]
    ds.VerificationFlag = "UNVERIFIED"


def _acquired(origin: Dataset) -> str:
    """When the data in the document were made, as the source tells it; empty where it does not (type 2)."""
    moment = source.element(origin, "AcquisitionDateTime")
    if moment is not None and moment.value and source.is_valid(moment):
        return str(moment.value)
    parts = [source.element(origin, keyword) for keyword in ("AcquisitionDate", "AcquisitionTime")]
    told = [str(part.value) for part in parts if part is not None and part.value and source.is_valid(part)]
    return "".join(told) if len(told) == len(parts) else ""


def _add_sources(ds: Dataset, analysis: Analysis, sources: Mapping[str, Dataset]) -> None:
    """Every instance that the document was derived from (type 1C: left out where there is none)."""
    items = [_referenced(reference) for reference in evidence.references(analysis, sources)]
    if items:
        ds.SourceInstanceSequence = items


def _referenced(reference: Reference) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = reference.sop_class_uid
    item.ReferencedSOPInstanceUID = reference.sop_instance_uid
    return item


def _add_bytes(ds: Dataset, document: bytes) -> None:
    """Padded to even length; the true one stands beside (PS3.3 C.24.2, Encapsulated Document Length)."""
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    ds.EncapsulatedDocumentLength = len(document)
