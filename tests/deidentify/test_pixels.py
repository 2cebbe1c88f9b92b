"""Text in pixels: blanked where it is known to be, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from node.confidentiality import Choices
from node.deidentify import Deidentifier, LeftOut, Pseudonyms, Region, read_regions
from node.errors import PermanentError
from tests.peers import Hospital

RIGHT, DOWN = 20, 12


def cleaned(ds: Dataset, *regions: Region, believed: bool = False) -> Dataset:
    choices = Choices(pixels_are_clean=believed)
    return Deidentifier(Pseudonyms(b"k" * 32), choices, regions).apply(ds, is_ours=False)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_region_is_blanked_and_the_rest_stays_as_it_was(hospital: Hospital, compressed: bool) -> None:
    ds = hospital.image(modality="US")
    before = ds.pixel_array.copy()
    if compressed:
        ds.compress(RLELossless, generate_instance_uid=False)
    copy = cleaned(ds, Region(boxes=((0, 0, RIGHT, DOWN),), modality="US"))
    after = copy.pixel_array
    assert not after[:DOWN, :RIGHT].any()
    assert (after[DOWN:] == before[DOWN:]).all()
    assert (after[:, RIGHT:] == before[:, RIGHT:]).all()
    assert copy.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert copy.BurnedInAnnotation == "NO"
    assert [one.CodeValue for one in copy.DeidentificationMethodCodeSequence] == ["113100", "113101"]


def test_colour_and_frames_are_blanked_as_well(hospital: Hospital) -> None:
    ds = hospital.image(modality="US")
    frames = np.full((3, 16, 16, 3), 200, np.uint8)
    ds.Rows = ds.Columns = 16
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration, ds.NumberOfFrames = 3, "RGB", 0, 3
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelData = 7, frames.tobytes()
    after = cleaned(ds, Region(boxes=((0, 0, 16, 4),))).pixel_array
    assert not after[:, :4].any()
    assert (after[:, 4:] == 200).all()


def test_pixels_without_text_are_the_same_bytes(hospital: Hospital) -> None:
    ds = hospital.image(modality="CT")
    assert cleaned(ds).PixelData == ds.PixelData


def test_around_the_regions_that_an_ultrasound_image_declares_all_is_blanked(hospital: Hospital) -> None:
    ds = hospital.image(modality="US")
    ds.PixelData = np.full((32, 32), 100, np.uint16).tobytes()
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 4, 8
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 27, 30
    ds.SequenceOfUltrasoundRegions = [region]
    after = cleaned(ds).pixel_array
    assert (after[8:31, 4:28] == 100).all()
    assert int((after > 0).sum()) == 23 * 24


def test_somebody_who_has_looked_is_believed(hospital: Hospital) -> None:
    ds = hospital.image(modality="US")
    with pytest.raises(LeftOut):
        cleaned(ds)
    assert cleaned(ds, believed=True).PixelData == ds.PixelData
    assert cleaned(ds, Region(modality="US")).PixelData == ds.PixelData, "a kind that is known to bear none"


def test_what_cannot_be_decoded_does_not_leave(hospital: Hospital) -> None:
    ds = hospital.image(modality="US")
    ds.PixelData = ds.PixelData[:100]
    with pytest.raises(LeftOut, match="cannot be decoded"):
        cleaned(ds, Region(boxes=((0, 0, 4, 4),)))


def test_a_region_fits_by_all_its_conditions(hospital: Hospital) -> None:
    ds = hospital.image(modality="US", Manufacturer="ACME Medical", ManufacturerModelName="Sono 7")
    assert Region(manufacturer="acme", model="sono", rows=32, columns=32, modality="US").fits(ds)
    for changes in ({"manufacturer": "other"}, {"model": "8"}, {"rows": 31}, {"columns": 1}, {"modality": "CT"}):
        assert not Region(**changes).fits(ds)  # type: ignore[arg-type]


def test_regions_are_read_from_a_file_and_errors_are_named(tmp_path: Path) -> None:
    path = tmp_path / "regions.toml"
    path.write_text('[[regions]]\nmodality = "US"\nboxes = [[0, 0, 640, 40]]\n')
    assert read_regions(path) == [Region(boxes=((0, 0, 640, 40),), modality="US")]
    for text in (
        "[[regions]]\nboxes = [[1, 2, 3]]",
        "[[regions]]\ncolour = 1",
        "x",
        "[[regions]]\nboxes = [[5,5,1,1]]",
    ):
        path.write_text(text)
        with pytest.raises(PermanentError, match="no table of regions"):
            read_regions(path)
