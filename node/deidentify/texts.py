"""Texts that say nothing of a patient by what they are for: makers, codes, processing. Any other text that table E.1-1
does not name is replaced, unless all its words are of the trade: it holds what somebody typed."""

from __future__ import annotations

from pydicom.datadict import tag_for_keyword

_KEYWORDS = (
    # Codes (PS3.3 8.8): their meanings are the scheme's own words.
    "CodeValue", "LongCodeValue", "URNCodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning",
    "CodingSchemeName", "CodingSchemeRegistry", "CodingSchemeExternalID", "ContextIdentifier", "MappingResource",
    "MappingResourceName", "TemplateIdentifier",
    # Who made the machine and the program.
    "Manufacturer", "ManufacturerModelName", "SoftwareVersions", "AlgorithmName", "AlgorithmVersion",
    "AlgorithmSource", "AlgorithmParameters",
    # How an image was made.
    "ConvolutionKernel", "SequenceName", "FilterType", "ScanOptions", "ReceiveCoilName", "TransmitCoilName",
    "DetectorConfiguration", "AcquisitionDeviceProcessingCode", "ImagingFrequency", "GridAbsorbingMaterial",
    "PixelIntensityRelationship", "RescaleType", "LUTExplanation", "WindowCenterWidthExplanation",
    "PaletteColorLookupTableUID", "ContrastBolusIngredient", "ImagedNucleus", "PulseSequenceName",
    "PositionReferenceIndicator", "TypeOfData", "DimensionDescriptionLabel",
    # Of result objects, by programs.
    "SegmentLabel", "SegmentAlgorithmName", "ContentLabel", "PresentationLabel", "LossyImageCompressionMethod",
    "MeasurementUnitsCodeSequence", "GraphicLayer",
)  # fmt: skip
KEPT_TEXTS = frozenset(tag_for_keyword(name) for name in _KEYWORDS)
