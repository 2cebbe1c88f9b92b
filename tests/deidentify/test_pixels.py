"""Text in pixels: blanked where it is known to be, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from node.confidentiality import Choices
from node.deidentify import Deidentifier, LeftOut, Pseudonyms, Region, known_regions, read_regions
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


def regions(*boxes: tuple[int, int, int, int]) -> list[Dataset]:
    """Sequence of Ultrasound Regions; corners are part of them."""
    found = []
    for left, top, right, bottom in boxes:
        one = Dataset()
        one.RegionLocationMinX0, one.RegionLocationMinY0 = left, top
        one.RegionLocationMaxX1, one.RegionLocationMaxY1 = right, bottom
        found.append(one)
    return found


def test_between_two_regions_all_is_blanked(hospital: Hospital) -> None:
    ds = hospital.image(modality="US")
    ds.PixelData = np.full((32, 32), 100, np.uint16).tobytes()
    ds.SequenceOfUltrasoundRegions = regions((0, 4, 31, 9), (0, 20, 31, 29))
    after = cleaned(ds).pixel_array
    assert [row for row in range(32) if after[row].all()] == [*range(4, 10), *range(20, 30)]
    assert int((after > 0).sum()) == 16 * 32


@pytest.mark.parametrize(
    "changes",
    [
        {"SequenceOfUltrasoundRegions": regions((0, 0, 31, 31))},  # no room for text around it: it is within
        {"SequenceOfUltrasoundRegions": regions((4, 4, 90, 20))},
        {"SequenceOfUltrasoundRegions": regions((9, 9, 4, 4))},
        {"SequenceOfUltrasoundRegions": [Dataset()]},
        {"SequenceOfUltrasoundRegions": regions((4, 4, 20, 20)), "BurnedInAnnotation": "YES"},
        {"BurnedInAnnotation": "NO"},  # a claim, and often a wrong one
        {"Modality": "CT", "BurnedInAnnotation": "YES"},
        {"Modality": "CT", "RecognizableVisualFeatures": "YES"},
        {"Modality": "CT", "ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]},
    ],
)
def test_what_may_bear_a_name_all_the_same_is_left_out(hospital: Hospital, changes: dict[str, Any]) -> None:
    with pytest.raises(LeftOut):
        cleaned(hospital.image(modality="US", **changes))


def test_an_overlay_in_unused_bits_of_the_pixels_is_not_overlooked(hospital: Hospital) -> None:
    ds = hospital.image(modality="CT")
    ds.add_new(0x60000102, "US", 12)
    with pytest.raises(LeftOut, match="unused bits"):
        cleaned(ds)


def test_a_bomb_is_not_decoded(hospital: Hospital) -> None:
    ds = hospital.image(modality="US", Rows=65535, Columns=65535)
    with pytest.raises(LeftOut, match="too many"):
        cleaned(ds, Region(boxes=((0, 0, 4, 4),)))


def test_colour_of_two_samples_becomes_colour_of_three(hospital: Hospital) -> None:
    ds = hospital.image(modality="US", size=4)
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "YBR_FULL_422", 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelData = 7, bytes([50, 60, 128, 128]) * 8
    copy = cleaned(ds, Region(boxes=((0, 0, 4, 1),)))
    assert copy.PhotometricInterpretation == "YBR_FULL"
    assert copy.PixelData == bytes([0, 128, 128]) * 4 + bytes([50, 128, 128, 60, 128, 128]) * 6


def test_offsets_of_compressed_frames_do_not_stay_beside_plain_pixels(hospital: Hospital) -> None:
    ds = hospital.image(modality="US")
    ds.compress(RLELossless, generate_instance_uid=False, encapsulate_ext=True)
    assert "ExtendedOffsetTable" in ds
    copy = cleaned(ds, Region(boxes=((0, 0, 4, 4),)))
    assert "ExtendedOffsetTable" not in copy
    assert "ExtendedOffsetTableLengths" not in copy


def test_a_lossy_history_is_kept(hospital: Hospital) -> None:
    ds = hospital.image(modality="US", LossyImageCompression="01", LossyImageCompressionRatio="10")
    copy = cleaned(ds, Region(boxes=((0, 0, 4, 4),)))
    assert (copy.LossyImageCompression, str(copy.LossyImageCompressionRatio)) == ("01", "10")


def test_somebody_who_has_looked_is_believed(hospital: Hospital) -> None:
    ds = hospital.image(modality="US")
    with pytest.raises(LeftOut):
        cleaned(ds)
    assert cleaned(ds, believed=True).PixelData == ds.PixelData
    assert cleaned(ds, Region(modality="US")).PixelData == ds.PixelData, "a kind that is known to bear none"


def test_floating_point_pixels_with_text_do_not_leave(hospital: Hospital) -> None:
    ds = hospital.image(modality="CT", BitsAllocated=32)
    ds.FloatPixelData = ds.PixelData * 2
    del ds.PixelData
    with pytest.raises(LeftOut):
        cleaned(ds, Region(boxes=((0, 0, 4, 4),)))


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


def test_the_banners_of_known_machines_are_blanked(hospital: Hospital) -> None:
    known = known_regions()
    assert len(known) > 50
    assert all(one.modality == "US" and one.model and one.rows and one.boxes for one in known)
    ds = hospital.image(modality="US", Manufacturer="Philips Medical Systems", ManufacturerModelName="EPIQ 7G")
    ds.Rows, ds.Columns = 768, 64
    ds.PixelData = np.full((768, 64), 100, np.uint16).tobytes()
    after = cleaned(ds, *known).pixel_array
    assert not after[:49].any()
    assert (after[49:] == 100).all()


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


REAL = Path(__file__).parents[1] / "data" / "assemble"


def real_images() -> list[Path]:
    found = sorted(REAL.glob("*.dcm"))
    return [path for path in found if "StudyInstanceUID" in pydicom.dcmread(path, stop_before_pixels=True)]


#: Nothing here decodes these without risk, or blanks them: they stay.
STAY = {"CT_jpeg_process_10_12.dcm", "JPEG-lossy.dcm", "liver_1frame.dcm", "parametric_map_float.dcm"}


@pytest.mark.parametrize("path", real_images(), ids=lambda path: path.name)
def test_of_real_images_in_any_transfer_syntax_the_region_alone_is_changed(path: Path) -> None:
    ds, region = pydicom.dcmread(path), Region(boxes=((0, 0, 9, 8),))
    if path.name in STAY:
        with pytest.raises(LeftOut, match="its pixels bear text and"):
            cleaned(ds, region)
        return
    copy = cleaned(ds, region)
    is_several = int(ds.get("NumberOfFrames", 1) or 1) > 1
    before, after = (one.pixel_array if is_several else one.pixel_array[np.newaxis] for one in (ds, copy))
    assert (before[:, 8:] == after[:, 8:]).all()
    corner = after[:, :8, :9].reshape(-1, after.shape[3] if after.ndim == 4 else 1)
    assert len(np.unique(corner, axis=0)) == 1
    assert copy.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
