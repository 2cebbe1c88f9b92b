"""Who answers for the private coding schemes in a result (PS3.3 C.12.1.1.8)."""

from __future__ import annotations

from pydicom.dataset import Dataset


def add_private_schemes(ds: Dataset) -> None:
    """List each scheme of the plugin's own (``99...``) that a code anywhere in `ds` names."""
    named = {str(found.value) for found in ds.iterall() if found.keyword == "CodingSchemeDesignator"}
    items = [_scheme(designator, ds) for designator in sorted(named) if designator.startswith("99")]
    if items:
        ds.CodingSchemeIdentificationSequence = items


def _scheme(designator: str, ds: Dataset) -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator = designator
    item.CodingSchemeName = f"Private codes of {ds.ManufacturerModelName}"[:1024]
    item.CodingSchemeResponsibleOrganization = ds.ContributingEquipmentSequence[0].Manufacturer
    return item
