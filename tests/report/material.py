"""One builder of source headers and one of analyses, for all tests of the reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    EnhancedMRImageStorage,
    MRImageStorage,
    UltrasoundMultiFrameImageStorage,
    VLPhotographicImageStorage,
)

from node.comparison import Answer, Aspect, Assessment, Comparison, SeriesAssessment
from node.plugin import (
    Accepts,
    Code,
    EvidenceMap,
    Finding,
    FindingSpec,
    Image,
    ImageSet,
    Interval,
    Manifest,
    OperatingPoint,
    Prediction,
)
from node.report import build
from node.study import Analysed, Analysis, Contribution, Explanation, NotAssessed, Picture, Region

STUDY = "1.2.826.0.1.3680043.8.498.1"
STARTED = 1_750_000_000.0  # 2025-06-15 15:06:40 UTC

SOP_CLASSES = {
    "DX": DigitalXRayImageStorageForPresentation,
    "CR": ComputedRadiographyImageStorage,
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "US": UltrasoundMultiFrameImageStorage,
    "XC": VLPhotographicImageStorage,
    "MRE": EnhancedMRImageStorage,
}


def header(modality: str = "DX", *, series: int = 1, image: int = 1, **tags: Any) -> Dataset:
    """A source header without pixel data; a tag given as None is left out."""
    ds = Dataset()
    ds.SOPClassUID = SOP_CLASSES[modality]
    ds.SOPInstanceUID = f"{STUDY}.{series}.{image}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = STUDY, f"{STUDY}.{series}"
    ds.PatientName, ds.PatientID, ds.IssuerOfPatientID = "Doe^Jane", "P-1", "HOSPITAL"
    ds.PatientBirthDate, ds.PatientSex = "19600102", "F"
    ds.StudyDate, ds.StudyTime, ds.StudyID = "20250614", "101112", "S1"
    ds.AccessionNumber, ds.ReferringPhysicianName, ds.StudyDescription = "A-77", "Ref^Erring", "Thorax"
    ds.Modality, ds.InstanceNumber = modality[:2], image
    ds.Rows, ds.Columns, ds.SamplesPerPixel = 64, 48, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    _geometry(ds, modality, image)
    for keyword, value in tags.items():
        if value is None:
            ds.pop(keyword, None)
        else:
            setattr(ds, keyword, value)
    return ds


def _geometry(ds: Dataset, modality: str, image: int) -> None:
    if modality in ("CT", "MR"):
        ds.BodyPartExamined = "BRAIN"
        ds.PixelSpacing, ds.SliceThickness = [1.0, 1.0], 5
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.ImagePositionPatient = [0, 0, 5.0 * image]
        ds.FrameOfReferenceUID = f"{STUDY}.99"
    elif modality == "DX":
        ds.BodyPartExamined, ds.ViewPosition = "CHEST", "PA"
        ds.ImagerPixelSpacing, ds.PatientOrientation = [0.5, 0.5], ["L", "F"]
    elif modality in ("US", "MRE"):
        ds.NumberOfFrames = 3
    elif modality == "XC":
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 3, "RGB"


def spec(name: str = "opacity", **changes: Any) -> FindingSpec:
    """A claimed finding."""
    point = OperatingPoint(0.5, Interval(0.95, 0.92, 0.97), Interval(0.88, 0.84, 0.91), "300 films kept aside")
    values: dict[str, Any] = {
        "label": f"{name.capitalize()} of the lung",
        "code": Code("128477000", "SCT", "Abscess") if name != "opacity" else Code("125147008", "SCT", "Opacity"),
        "operating_point": point,
        "site": Code("39607008", "SCT", "Lung"),
    }
    return FindingSpec(name=name, **(values | changes))


def unmeasured(name: str = "opacity", **changes: Any) -> FindingSpec:
    """A claimed finding whose sensitivity and specificity nobody measured."""
    nothing = Interval(0.0, 0.0, 1.0)
    return spec(name, operating_point=OperatingPoint(0.5, nothing, nothing, "a paper's threshold"), **changes)


def banded(name: str = "opacity", **changes: Any) -> FindingSpec:
    """A claimed finding that is undetermined from 30 % to below 70 %."""
    plain = spec(name, **changes)
    return replace(plain, operating_point=replace(plain.operating_point, undetermined=(0.3, 0.7), error_rate=0.1))


def manifest(**changes: Any) -> Manifest:
    """What a plugin says of itself."""
    values: dict[str, Any] = {
        "name": "chest-radiograph",
        "version": "1.2.0",
        "title": "Chest radiograph: opacity",
        "manufacturer": "radnode authors",
        "intended_use": "Research on chest films.",
        "licence": "Apache-2.0",
        "level": "image",
        "series_number": 9000,
        "accepts": Accepts(modality=("DX", "CR")),
        "findings": (spec(),),
        "weights": {"model.onnx": "ab" * 32},
        "parameters": {"input size": "320 x 320", "calibration": "temperature 1.3"},
    }
    return Manifest(**(values | changes))


def image(ds: Dataset, frame: int = 1) -> Image:
    """The decoded frame of a header."""
    shape = (64, 48, 3) if ds.SamplesPerPixel == 3 else (64, 48)
    pixels = np.linspace(0.0, 1.0, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    spacing = ds.get("PixelSpacing")
    return Image(
        pixels=pixels,
        values=None,
        sop_instance_uid=ds.SOPInstanceUID,
        sop_class_uid=ds.SOPClassUID,
        frame=frame,
        spacing=None if spacing is None else (float(spacing[0]), float(spacing[1])),
    )


def evidence_map(picture: Image, finding: str = "opacity", logit: float = 2.0) -> EvidenceMap:
    """A map with one warm place, which adds up."""
    grid = np.zeros((8, 6), np.float32)
    grid[2:4, 3:5] = 0.5
    bias = logit - float(grid.sum())
    return EvidenceMap(finding, grid, bias, logit, picture.sop_instance_uid, picture.frame, (0.0, 0.0, 64.0, 48.0))


def analysis(*sources: Dataset, probability: float = 0.87, abstained: str = "", **changes: Any) -> Analysis:
    """An analysis of these sources: image by image, or as one series where the manifest says so."""
    told = changes.pop("manifest", None) or manifest()
    images = [image(ds) for ds in sources]
    sets = [tuple(images)] if told.level == "series" else [(one,) for one in images]
    analysed = tuple(
        Analysed(
            ImageSet(members, source.SeriesInstanceUID, source.Modality),
            prediction(told, members, probability, abstained),
        )
        for members, source in zip(sets, sources, strict=False)
        if members
    )
    values: dict[str, Any] = {
        "study_instance_uid": STUDY,
        "revision": 1,
        "manifest": told,
        "analysed": analysed,
        "not_assessed": (),
        "started": STARTED,
        "station_name": "NODE1",
        "ae_title": "RADNODE",
    }
    return Analysis(**(values | changes))


def prediction(told: Manifest, members: tuple[Image, ...], probability: float, abstained: str) -> Prediction:
    """One answer for each claimed finding, the first with the given probability."""
    if abstained:
        return Prediction(abstained=abstained)
    key = members[len(members) // 2]
    findings = tuple(
        Finding(one.name, 2.0, probability if i == 0 else 0.1, key.sop_instance_uid, key.frame)
        for i, one in enumerate(told.findings)
    )
    maps = tuple(evidence_map(member, one.name) for one in told.findings for member in members)
    return Prediction(findings=findings, maps=maps)


def comparison(probability: float = 0.12, name: str = "opacity", study: str = f"{STUDY}.77") -> Comparison:
    """With an earlier study, made in March, on which the model gave this answer."""
    return Comparison(assessed(probability, name, study))


def assessed(
    probability: float, name: str = "opacity", study: str = f"{STUDY}.77", day: str = "20250301", view: str = ""
) -> Assessment:
    """What the model said of an earlier study."""
    said = "present" if probability >= 0.5 else "absent"
    images = ((str(DigitalXRayImageStorageForPresentation), f"{study}.1.1"),)
    series = SeriesAssessment(f"{study}.1", Aspect(view=view), images, (Answer(name, said, probability, -2.0),))
    return Assessment(study, day, "101500", "", "", "chest-radiograph", "1.2.0", "digest", (series,))


def not_assessed(ds: Dataset, reason: str = "pixel data cannot be decoded") -> NotAssessed:
    """An instance that could not be looked at."""
    return NotAssessed(ds.SOPInstanceUID, ds.SOPClassUID, ds.SeriesInstanceUID, reason)


def region(ds: Dataset, finding: str = "opacity", frame: int = 1, share: float = 0.8) -> Region:
    """A place in the middle of the image."""
    return Region(finding, ds.SOPInstanceUID, frame, ((10.0, 10.0), (30.5, 12.0), (28.0, 40.25)), share)


def contribution(ds: Dataset, finding: str = "opacity", frame: int = 1) -> Contribution:
    """What the parts of the image contribute, in words."""
    words = "The upper right region of the image as displayed contributes +1.90 of 2.40 logits; the baseline +0.50."
    return Contribution(finding, ds.SOPInstanceUID, frame, (("upper right", 1.9),), 0.0, 0.5, 2.4, words)


def picture(ds: Dataset, finding: str = "opacity", frame: int = 1) -> Picture:
    """A small picture."""
    pixels = np.full((33, 65, 3), 90, np.uint8)
    return Picture(pixels, ds.SOPInstanceUID, frame, ds.SeriesInstanceUID, "Class activation over the film.", finding)


def by_uid(*sources: Dataset) -> dict[str, Dataset]:
    """The sources as the builder wants them."""
    return {ds.SOPInstanceUID: ds for ds in sources}


def read_back(ds: Dataset) -> Dataset:
    """The object as another program reads it."""
    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return pydicom.dcmread(BytesIO(buffer.getvalue()))


def built(
    told: Analysis,
    sources: Mapping[str, Dataset],
    regions: Sequence[Region],
    pictures: Sequence[Picture],
    kinds: Sequence[str] = ("sc", "sr", "viewer-sr"),
    contributions: Sequence[Contribution] = (),
) -> tuple[tuple[str, Dataset], ...]:
    """The objects of an analysis with these places, pictures and words."""
    return build(told, sources, Explanation(tuple(regions), tuple(pictures), tuple(contributions)), kinds)
