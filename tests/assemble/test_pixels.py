"""Monochrome images: from stored values to what a viewer shows."""

import numpy as np
import pytest

from node.assemble import read_images
from node.errors import DecodeError

LIMIT = 1 << 24
RAMP = np.arange(256, dtype=np.uint16).reshape(16, 16)


def image(path):
    (only,) = read_images(path, LIMIT)
    return only


def test_an_image_without_window_shows_its_lowest_value_black_and_its_highest_white(write):
    shown = image(write(RAMP + 1000))
    assert shown.pixels.dtype == np.float32
    np.testing.assert_allclose(shown.pixels, RAMP / 255, atol=1e-6)
    np.testing.assert_array_equal(shown.values, RAMP + 1000)
    assert shown.padding is None


def test_monochrome1_shows_its_lowest_value_white(write):
    shown = image(write(RAMP, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_allclose(shown.pixels, 1 - RAMP / 255, atol=1e-6)
    np.testing.assert_array_equal(shown.values, RAMP)


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", "IDENTITY", False),
    ],
)
def test_the_presentation_lut_shape_says_whether_low_is_white(write, photometric, shape, inverted):
    shown = image(write(RAMP, PhotometricInterpretation=photometric, PresentationLUTShape=shape))
    assert shown.pixels[0, 0] == (1 if inverted else 0)


def test_rescale_makes_hounsfield_units(write):
    shown = image(write(RAMP, RescaleSlope=2, RescaleIntercept=-1024))
    np.testing.assert_array_equal(shown.values, RAMP * 2.0 - 1024)


def test_a_rescale_slope_of_zero_is_no_slope(write):
    np.testing.assert_array_equal(image(write(RAMP, RescaleSlope=0, RescaleIntercept=5)).values, RAMP + 5)


def test_the_linear_window_is_that_of_the_standard(write):
    shown = image(write(RAMP, WindowCenter=100, WindowWidth=51))
    expected = np.clip((RAMP - 74.5) / 50, 0, 1)  # PS3.3 C.11.2.1.2.1: from 100 - 0.5 - 50 / 2 on
    np.testing.assert_allclose(shown.pixels, expected, atol=1e-6)


def test_a_linear_window_of_width_one_is_a_threshold(write):
    shown = image(write(RAMP, WindowCenter=100, WindowWidth=1))
    np.testing.assert_array_equal(shown.pixels, (RAMP > 99.5).astype(np.float32))


def test_the_linear_exact_window_is_that_of_the_standard(write):
    shown = image(write(RAMP, WindowCenter=100, WindowWidth=50, VOILUTFunction="LINEAR_EXACT"))
    np.testing.assert_allclose(shown.pixels, np.clip((RAMP - 75.0) / 50, 0, 1), atol=1e-6)


def test_the_sigmoid_window_is_that_of_the_standard(write):
    shown = image(write(RAMP, WindowCenter=100, WindowWidth=50, VOILUTFunction="SIGMOID"))
    np.testing.assert_allclose(shown.pixels, 1 / (1 + np.exp(-4 * (RAMP - 100.0) / 50)), atol=1e-6)


def test_of_several_windows_the_first_is_used(write):
    first = image(write(RAMP, WindowCenter=100, WindowWidth=51))
    several = image(write(RAMP, WindowCenter=[100, 50], WindowWidth=[51, 10]))
    np.testing.assert_array_equal(first.pixels, several.pixels)


@pytest.mark.parametrize("width", [0, -5])
def test_a_window_without_width_is_no_window(write, width):
    np.testing.assert_allclose(image(write(RAMP, WindowCenter=5, WindowWidth=width)).pixels, RAMP / 255, atol=1e-6)


def test_a_window_narrower_than_one_serves_fractional_units(write):
    shown = image(write(RAMP, RescaleSlope=0.001, RescaleIntercept=0, WindowCenter=0.1, WindowWidth=0.1))
    np.testing.assert_allclose(shown.pixels, np.clip((RAMP * 0.001 - 0.05) / 0.1, 0, 1), atol=1e-5)


def test_a_voi_lut_goes_before_a_window(write, sequence_item):
    table = [0, 1000, 4095]
    lut = sequence_item(LUTDescriptor=[3, 10, 12], LUTData=np.array(table, "<u2").tobytes())
    lut["LUTData"].VR = "OW"
    shown = image(write(RAMP, VOILUTSequence=[lut], WindowCenter=1, WindowWidth=2))
    expected = np.full(256, 1.0)
    expected[:11] = 0
    expected[11] = 1000 / 4095
    np.testing.assert_allclose(shown.pixels.ravel(), expected, atol=1e-6)


def test_a_modality_lut_goes_before_rescale(write, sequence_item):
    lut = sequence_item(LUTDescriptor=[256, 0, 16], LUTData=(np.arange(256, dtype="<u2")[::-1] * 2).tobytes())
    lut["LUTData"].VR = "OW"
    shown = image(write(RAMP, ModalityLUTSequence=[lut], RescaleSlope=7, RescaleIntercept=7))
    np.testing.assert_array_equal(shown.values, (255 - RAMP) * 2)


@pytest.mark.parametrize(("relationship", "applied"), [("LOG", False), ("DISP", False), ("LIN", True)])
def test_the_modality_lut_of_an_angiogram_is_for_measuring_not_for_showing(write, relationship, applied):
    angiography = "1.2.840.10008.5.1.4.1.1.12.1"
    shown = image(
        write(
            RAMP, SOPClassUID=angiography, PixelIntensityRelationship=relationship, RescaleSlope=3, RescaleIntercept=0
        )
    )
    assert shown.values.max() == (765 if applied else 255)


def test_padding_is_black_and_does_not_stretch_the_range(write):
    stored = RAMP.astype(np.int16) + 100
    stored[0, :4] = -2000
    shown = image(write(stored, PixelPaddingValue=-2000))
    assert shown.padding.sum() == 4
    assert shown.padding[0, :4].all()
    assert not shown.pixels[0, :4].any()
    np.testing.assert_allclose(shown.pixels[0, 4:8], np.arange(4) / 251, atol=1e-6)
    assert shown.values[0, 0] == -2000


def test_padding_is_black_in_monochrome1_too(write):
    shown = image(write(RAMP, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0))
    assert shown.pixels[0, 0] == 0
    assert shown.pixels[0, 1] == 1


def test_a_padding_range_reaches_to_its_limit_in_either_order(write):
    up = image(write(RAMP, PixelPaddingValue=3, PixelPaddingRangeLimit=5))
    down = image(write(RAMP, PixelPaddingValue=5, PixelPaddingRangeLimit=3))
    assert up.padding.sum() == down.padding.sum() == 3


def test_a_padding_value_written_with_the_wrong_sign_is_understood(write, make):
    stored = RAMP.astype(np.int16)
    stored[0, 0] = -2000
    ds = make(stored)
    ds.add_new("PixelPaddingValue", "US", 65536 - 2000)
    assert image(write.save(ds)).padding.sum() == 1


def test_an_image_of_padding_alone_is_black(write):
    shown = image(write(np.zeros((4, 4), np.uint16), PixelPaddingValue=0))
    assert not shown.pixels.any()


def test_a_constant_image_is_black(write):
    assert not image(write(np.full((4, 4), 77, np.uint16))).pixels.any()


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32])
def test_every_width_and_sign_of_a_cell_is_read(write, kind):
    stored = (RAMP - 128).astype(kind) if np.dtype(kind).kind == "i" else RAMP.astype(kind)
    np.testing.assert_array_equal(image(write(stored)).values, stored)


@pytest.mark.parametrize("high_bit", [11, 13, 15])
@pytest.mark.parametrize("signed", [False, True])
def test_twelve_bits_are_taken_from_wherever_they_lie_in_the_cell(write, high_bit, signed):
    values = np.arange(-2048, 2048, 16) if signed else np.arange(0, 4096, 16)
    cells = ((values & 0xFFF) << (high_bit - 11)).astype(np.uint16)
    cells |= np.uint16(~(0xFFF << (high_bit - 11)) & 0xFFFF)  # overlays and rubbish in the unused bits
    path = write(cells.reshape(16, 16), BitsStored=12, HighBit=high_bit, PixelRepresentation=int(signed))
    np.testing.assert_array_equal(image(path).values, values.reshape(16, 16))


@pytest.mark.parametrize(("keyword", "kind"), [("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")])
def test_floating_point_pixels_are_read_and_what_is_no_number_is_padding(write, make, keyword, kind):
    values = np.linspace(-1, 1, 64).reshape(8, 8)
    values[0, 0] = np.nan
    ds = make(np.zeros((8, 8), np.uint32), BitsAllocated=np.dtype(kind).itemsize * 8)
    for attribute in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(ds, attribute)
    setattr(ds, keyword, values.astype(kind).tobytes())
    shown = image(write.save(ds))
    assert shown.padding.sum() == 1
    assert shown.values[0, 0] == shown.values[0, 1]
    np.testing.assert_allclose(shown.values.ravel()[1:], values.ravel()[1:], rtol=1e-6)
    assert shown.pixels[-1, -1] == 1


def test_a_binary_mask_is_read(write, make):
    mask = np.eye(10, dtype=np.uint8)
    ds = make(mask, BitsAllocated=1, BitsStored=1, HighBit=0)
    ds.PixelData = np.packbits(mask.ravel(), bitorder="little").tobytes() + b"\0"
    np.testing.assert_array_equal(image(write.save(ds)).values, mask)


def test_an_enhanced_image_has_rescale_window_and_place_for_each_frame(write, sequence_item):
    stored = np.stack([RAMP, RAMP])

    def groups(slope, z):
        return sequence_item(
            PixelValueTransformationSequence=[sequence_item(RescaleSlope=slope, RescaleIntercept=0)],
            FrameVOILUTSequence=[sequence_item(WindowCenter=128 * slope, WindowWidth=256 * slope)],
            PlanePositionSequence=[sequence_item(ImagePositionPatient=[0, 0, z])],
        )

    shared = sequence_item(
        PixelMeasuresSequence=[sequence_item(PixelSpacing=[0.5, 0.25])],
        PlaneOrientationSequence=[sequence_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
    )
    path = write(
        RAMP,
        NumberOfFrames=2,
        PixelData=stored.astype("<u2").tobytes(),
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=[groups(1, 10), groups(2, 7.5)],
    )
    first, second = read_images(path, LIMIT)
    assert (first.frame, second.frame) == (1, 2)
    assert (first.position, second.position) == (10, 7.5)
    assert first.spacing == second.spacing == (0.5, 0.25)
    np.testing.assert_array_equal(second.values, RAMP * 2)
    np.testing.assert_allclose(first.pixels, RAMP / 255, atol=1e-6)
    np.testing.assert_allclose(second.pixels, np.clip((RAMP * 2 - 0.0) / 511, 0, 1), atol=1e-6)


def test_functional_groups_too_long_to_be_kept_in_memory_are_read_from_the_file(write, sequence_item):
    long = sequence_item(ImageComments="x" * 10000)
    groups = [long] * 120  # above the length from which elements stay in the file
    voi = sequence_item(WindowCenter=100, WindowWidth=51)
    groups[0] = sequence_item(FrameVOILUTSequence=[voi])
    shown = image(write(RAMP, PerFrameFunctionalGroupsSequence=groups))
    np.testing.assert_allclose(shown.pixels, np.clip((RAMP - 74.5) / 50, 0, 1), atol=1e-6)


def test_an_image_knows_whose_it_is(write):
    shown = image(write(RAMP))
    assert (shown.sop_instance_uid, shown.sop_class_uid, shown.frame) == ("1.2.3.4", "1.2.840.10008.5.1.4.1.1.2", 1)


def test_values_beyond_every_number_are_refused(write):
    with pytest.raises(DecodeError, match="finite"):
        read_images(write(RAMP, RescaleSlope="1e308", RescaleIntercept="1e308"), LIMIT)
