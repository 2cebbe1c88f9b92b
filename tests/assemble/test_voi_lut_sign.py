"""A VOI LUT begins below zero where values can be negative, whether or not this image has any (PS3.3 C.11.2.1.1)."""

import numpy as np
import pytest

from node.assemble import read_images

LIMIT = 1 << 24
RAMP = np.arange(256, dtype=np.int16).reshape(16, 16)
FROM_BELOW_ZERO = [0] * 256 + list(range(256))


def pixels(path):
    (image,) = read_images(path, LIMIT)
    return image.pixels


def table(sequence_item, first, vr, entries=FROM_BELOW_ZERO):
    item = sequence_item()
    item.add_new("LUTDescriptor", vr, [len(entries), first, 8])
    item.add_new("LUTData", "OW", np.array(entries, "<u2").tobytes())
    return item


@pytest.mark.parametrize(("first", "vr"), [(-256, "SS"), (65536 - 256, "US")])
def test_signed_pixels_without_a_negative_one_are_shown_through_it(write, sequence_item, first, vr):
    path = write(RAMP, VOILUTSequence=[table(sequence_item, first, vr)])
    np.testing.assert_allclose(pixels(path), RAMP / 255, atol=1e-6)


@pytest.mark.parametrize(("first", "vr"), [(-256, "SS"), (65536 - 256, "US")])
def test_an_intercept_below_zero_makes_them_signed(write, sequence_item, first, vr):
    stored = (RAMP + 256).astype(np.uint16)
    lut = table(sequence_item, first, vr)
    path = write(stored, RescaleSlope=1, RescaleIntercept=-256, VOILUTSequence=[lut])
    np.testing.assert_allclose(pixels(path), RAMP / 255, atol=1e-6)


def test_a_slope_below_zero_makes_them_signed(write, sequence_item):
    stored = (255 - RAMP).astype(np.uint16)
    lut = table(sequence_item, -256, "SS")
    path = write(stored, RescaleSlope=-1, RescaleIntercept=255, VOILUTSequence=[lut])
    np.testing.assert_allclose(pixels(path), RAMP / 255, atol=1e-6)


def test_values_that_cannot_be_negative_are_shown_from_the_upper_half(write, sequence_item):
    first = 65536 - 256
    lut = table(sequence_item, first, "US", list(range(256)))
    stored = (RAMP.astype(np.int32) + first).astype(np.uint16)
    np.testing.assert_allclose(pixels(write(stored, VOILUTSequence=[lut])), RAMP / 255, atol=1e-6)


def test_signed_pixels_lifted_above_zero_are_shown_from_the_upper_half(write, sequence_item):
    first = 65536 - 256
    lut = table(sequence_item, first, "US", list(range(256)))
    stored = (RAMP.astype(np.int32) + first - 32768).astype(np.int16)
    path = write(stored, RescaleSlope=1, RescaleIntercept=32768, VOILUTSequence=[lut])
    np.testing.assert_allclose(pixels(path), RAMP / 255, atol=1e-6)


def test_the_output_of_a_modality_lut_is_never_negative(write, sequence_item):
    first = 65536 - 256
    modality = table(sequence_item, 0, "SS", list(range(first, 65536)))
    modality.LUTDescriptor[2] = 16
    voi = table(sequence_item, first, "US", list(range(256)))
    path = write(RAMP, ModalityLUTSequence=[modality], VOILUTSequence=[voi])
    np.testing.assert_allclose(pixels(path), RAMP / 255, atol=1e-6)
