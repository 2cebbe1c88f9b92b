"""The heatmap as Secondary Capture Image (PS3.3 A.8.1): the object every viewer and PACS can show."""

from __future__ import annotations

from collections.abc import Mapping

from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from node.errors import ReportError
from node.report import anatomy, evidence, provenance, source
from node.study import Analysis, Picture

KIND = "sc"
_DIRECTIONS = (("L", "R"), ("P", "A"), ("H", "F"))  # PS3.3 C.7.6.1.1.1, along +x, -x, +y, -y, +z, -z


def secondary_capture(analysis: Analysis, sources: Mapping[str, Dataset], picture: Picture, index: int) -> Dataset:
    """One picture as an instance of the plugin's heatmap series; `index` is its place in the stack, from 0."""
    origin = sources.get(picture.sop_instance_uid) or source.main_source(analysis, sources)
    role = provenance.Role(KIND, SecondaryCaptureImageStorage, "OT", index)
    ds = provenance.head(analysis, origin, role)
    anatomy.add_part(ds, origin)
    anatomy.add_side(ds, origin)
    ds.PatientOrientation = list(_orientation(origin))
    ds.SourceImageSequence = [_source_image(analysis, sources, picture)]
    _add_derivation(ds, picture)
    _add_pixels(ds, picture)
    return provenance.finished(ds, origin)


def _orientation(origin: Dataset) -> tuple[str, ...]:
    stated = source.values(origin, "PatientOrientation")
    if len(stated) == 2 and all(set(word) <= set("LRAPHF") and word for word in stated):
        return stated
    cosines = source.numbers(origin, "ImageOrientationPatient")
    return (_direction(cosines[:3]), _direction(cosines[3:])) if len(cosines) == 6 else ()


def _direction(cosines: tuple[float, ...]) -> str:
    """The patient's direction closest to the cosines of a row or column."""
    axis = max(range(3), key=lambda i: abs(cosines[i]))
    plus, minus = _DIRECTIONS[axis]
    return plus if cosines[axis] > 0 else minus


def _source_image(analysis: Analysis, sources: Mapping[str, Dataset], picture: Picture) -> Dataset:
    image = evidence.images_of(analysis).get((picture.sop_instance_uid, picture.frame))
    known = "" if image is None else image.sop_class_uid
    item = Dataset()
    item.ReferencedSOPClassUID = evidence.sop_class(picture.sop_instance_uid, known, sources)
    item.ReferencedSOPInstanceUID = picture.sop_instance_uid
    if source.is_multi_frame(sources.get(picture.sop_instance_uid, Dataset())):
        item.ReferencedFrameNumber = picture.frame
    return item


def _add_derivation(ds: Dataset, picture: Picture) -> None:
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.DerivationDescription = picture.description[:1024]
    ds.ConversionType = "WSD"
    ds.BurnedInAnnotation = "YES"
    ds.DateOfSecondaryCapture, ds.TimeOfSecondaryCapture = ds.ContentDate, ds.ContentTime


def _add_pixels(ds: Dataset, picture: Picture) -> None:
    shape = picture.pixels.shape
    if picture.pixels.dtype != "uint8" or len(shape) != 3 or shape[2] != 3:
        raise ReportError(
            f"a picture must be uint8 RGB, not {picture.pixels.dtype} {shape}", about=picture.sop_instance_uid
        )
    ds.Rows, ds.Columns = shape[:2]
    ds.SamplesPerPixel = 3
    ds.PhotometricInterpretation = "RGB"
    ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit = 7
    ds.PixelRepresentation = 0
    data = picture.pixels.tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
