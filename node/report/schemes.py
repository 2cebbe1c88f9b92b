"""Who answers for the private coding schemes in a result (PS3.3 C.12.1.1.8)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from node.report import source

#: Where codes of the source stand, whose schemes the plugin does not answer for.
_COPIED = ("ReferencedRequestSequence", "IssuerOfPatientIDQualifiersSequence", "IssuerOfAccessionNumberSequence")
_DESIGNATOR = 0x00080102  # Coding Scheme Designator


def add_private_schemes(ds: Dataset) -> None:
    """List each scheme of the plugin's own (``99...``) that a code in `ds` names."""
    own = [item for found in ds if found.VR == "SQ" and found.keyword not in _COPIED for item in found.value]
    named = {str(found.value) for found in source.everything(own) if found.tag == _DESIGNATOR}
    items = [_scheme(designator, ds) for designator in sorted(named) if designator.startswith("99")]
    if items:
        ds.CodingSchemeIdentificationSequence = items


def _scheme(designator: str, ds: Dataset) -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator = designator
    item.CodingSchemeName = f"Private codes of {ds.ManufacturerModelName}"[:1024]
    item.CodingSchemeResponsibleOrganization = ds.ContributingEquipmentSequence[0].Manufacturer
    return item
