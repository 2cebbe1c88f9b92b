import numpy as np
import pytest

from node.assemble import read_images

AXIAL = [1, 0, 0, 0, 1, 0]
CORONAL = [1, 0, 0, 0, 0, -1]


def image(path):
    return read_images(path, 1 << 20)[0]


@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"])
def test_spacing_is_between_rows_then_between_columns(write, keyword):
    assert image(write(**{keyword: [0.5, 0.25]})).spacing == (0.5, 0.25)


def test_spacing_in_the_patient_goes_before_spacing_at_the_detector(write):
    assert image(write(PixelSpacing=[0.4, 0.4], ImagerPixelSpacing=[0.5, 0.5])).spacing == (0.4, 0.4)


@pytest.mark.parametrize("spacing", [[0, 0], [-1, 1], ["", ""], 0.5])
def test_an_impossible_spacing_is_unknown(write, spacing):
    assert image(write(PixelSpacing=spacing)).spacing is None


def test_a_pixel_aspect_ratio_alone_gives_no_millimetres(write):
    shown = image(write(PixelAspectRatio=[2, 1]))
    assert shown.spacing is None
    assert shown.pixels.shape == (8, 8)
    assert (shown.aspect_ratio, shown.pixel_height) == (2.0, 2.0)


@pytest.mark.parametrize("ratio", [[0, 1], [-1, 1], ["", ""], 2, [1, 2, 3]])
def test_an_impossible_aspect_ratio_is_unknown_and_pixels_count_as_square(write, ratio):
    shown = image(write(PixelAspectRatio=ratio))
    assert (shown.aspect_ratio, shown.pixel_height) == (None, 1.0)


def test_spacing_says_more_of_the_shape_of_a_pixel_than_an_aspect_ratio(write):
    assert image(write(PixelAspectRatio=[2, 1], ImagerPixelSpacing=[0.2, 0.8])).pixel_height == pytest.approx(0.25)


@pytest.mark.parametrize(("spacing", "height"), [([1e30, 1e-30], 100.0), ([1e-30, 1e30], 0.01)])
def test_no_header_makes_a_pixel_endless(write, spacing, height):
    assert image(write(PixelSpacing=spacing)).pixel_height == height


def test_one_calibrated_region_gives_an_ultrasound_image_its_spacing(write, sequence_item):
    region = sequence_item(
        PhysicalUnitsXDirection=3, PhysicalUnitsYDirection=3, PhysicalDeltaX=0.02, PhysicalDeltaY=-0.03
    )
    assert image(write(SequenceOfUltrasoundRegions=[region])).spacing == pytest.approx((0.3, 0.2))
    assert image(write(SequenceOfUltrasoundRegions=[region, region])).spacing is None


@pytest.mark.parametrize("units", [0, 4])
def test_a_region_in_other_units_than_centimetres_gives_none(write, sequence_item, units):
    region = sequence_item(
        PhysicalUnitsXDirection=3, PhysicalUnitsYDirection=units, PhysicalDeltaX=0.02, PhysicalDeltaY=0.03
    )
    assert image(write(SequenceOfUltrasoundRegions=[region])).spacing is None


def test_the_position_of_an_axial_slice_is_its_height(write):
    assert image(write(ImageOrientationPatient=AXIAL, ImagePositionPatient=[5, 6, -70.5])).position == -70.5


def test_the_position_of_a_coronal_slice_is_its_depth(write):
    assert image(write(ImageOrientationPatient=CORONAL, ImagePositionPatient=[5, 6, 7])).position == pytest.approx(6)


def test_the_position_of_an_oblique_slice_lies_on_its_normal(write):
    half = np.sqrt(0.5)
    shown = image(write(ImageOrientationPatient=[1, 0, 0, 0, half, half], ImagePositionPatient=[0, 3, 5]))
    assert shown.position == pytest.approx(2 * half, abs=1e-4)


@pytest.mark.parametrize("orientation", [[0, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0], [1, 0, 0]])
def test_an_impossible_orientation_gives_no_position(write, orientation):
    assert image(write(ImageOrientationPatient=orientation, ImagePositionPatient=[0, 0, 1])).position is None


def test_a_projection_has_no_position(write):
    assert image(write(ImagerPixelSpacing=[0.2, 0.2])).position is None


def test_one_position_does_not_serve_several_frames(write):
    path = write(NumberOfFrames=2, PixelData=bytes(256), ImageOrientationPatient=AXIAL, ImagePositionPatient=[0, 0, 1])
    assert [shown.position for shown in read_images(path, 1 << 20)] == [None, None]
