"""What is shown is what DCMTK draws: on real objects, and on built ones for what no real one here has."""

import subprocess

import numpy as np
import pytest

from node.assemble import read_images

pytestmark = pytest.mark.integration

LIMIT = 1 << 24
STEP = 1 / 255

#: Object, and the options that make DCMTK choose as a viewer does: its first VOI LUT, its first window, or all values.
GREY = {
    "CT_small.dcm": "+Ww 136 2064",  # DCMTK stretches to the padding, so its range is given
    "MR_small.dcm": "+Wi 1",
    "MR_small_bigendian.dcm": "+Wi 1",
    "MR_small_RLE.dcm": "+Wi 1",
    "MR_small_jpeg_ls_lossless.dcm": "+Wi 1",
    "image_dfl.dcm": "+Wm",
    "JPEG-lossy.dcm": "+Wm",
    "JPEGLSNearLossless_16.dcm": "+Wm",
    "JLSL_16_15_1_1F.dcm": "+Wm",
    "emri_small_jpeg_ls_lossless.dcm": "+Wm",
    "CR_mono1.dcm": "+Wi 1",
    "dx_image.dcm": "+Wi 1",
    "Fake_MONOHR1.dcm": "+Wm",
    "sample-op.dcm": "+Wm",
    "CT_jpeg_process_10_12.dcm": "+Wi 1",
    "CT0012.fragmented_no_bot_jpeg_lossless.57.dcm": "+Ww 49 102",
    "liver_1frame.dcm": "+Wm",
    "rtdose_1frame.dcm": "+Wm",
}
COLOUR = [
    "ExplVR_BigEnd.dcm",
    "OBXXXX1A_rle.dcm",
    "SC_jpeg_no_color_transform.dcm",
    "SC_rgb_dcmtk__eb_cr.dcm",
    "SC_rgb_dcmtk__eb_cy_np.dcm",
    "SC_rgb_dcmtk__eb_cy_s4.dcm",
    "SC_rgb_jls_lossy_line.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "SC_rgb_rle_16bit.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_small_odd_big_endian.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "seg_image_sm_control_labelmap_palette_color.dcm",
]


def difference(path, viewer, *options):
    """Mean absolute difference of the first and the last frame; of the first where DCMTK finds no other."""
    images = read_images(path, LIMIT)
    chosen = [images[0]] if "no_bot" in path.name else [images[0], images[-1]]
    colour = images[0].values is None
    drawn = [viewer(path, *options, frame=image.frame, colour=colour) for image in chosen]
    return max(np.abs(image.pixels - seen).mean() for image, seen in zip(chosen, drawn, strict=True))


@pytest.mark.parametrize("name", GREY)
def test_a_grey_image_looks_as_in_a_viewer(data, viewer, name):
    assert difference(data / name, viewer, *GREY[name].split()) < STEP


@pytest.mark.parametrize("name", COLOUR)
def test_a_colour_image_looks_as_in_a_viewer(data, viewer, name):
    assert difference(data / name, viewer) < STEP


RAMP = np.arange(-2048, 2048, 16, dtype=np.int16).reshape(16, 16)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("shape", [None, "IDENTITY", "INVERSE"])
def test_polarity_is_that_of_a_viewer(write, viewer, photometric, shape):
    attributes = {"PresentationLUTShape": shape} if shape else {}
    assert difference(write(RAMP, PhotometricInterpretation=photometric, **attributes), viewer, "+Wm") < STEP


@pytest.mark.parametrize(
    ("center", "width", "function"),
    [(40, 400, "LINEAR"), (-600, 1500, "LINEAR"), (0.5, 2, "LINEAR"), (40, 400, "SIGMOID"), (100, 1, "LINEAR")],
)
def test_windows_are_those_of_a_viewer(write, viewer, center, width, function):
    path = write(
        RAMP, WindowCenter=center, WindowWidth=width, VOILUTFunction=function, RescaleSlope=0.5, RescaleIntercept=-24
    )
    assert difference(path, viewer, "+Wi", "1") < STEP


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("first", [-500, 0, 100])
def test_voi_luts_are_those_of_a_viewer(write, viewer, sequence_item, bits, first):
    table = (np.linspace(0, 1, 1000) ** 2 * (2**bits - 1)).astype("<u2")
    lut = sequence_item(LUTDescriptor=[1000, first & 0xFFFF, bits], LUTData=table.tobytes())
    lut["LUTDescriptor"].VR, lut["LUTData"].VR = "US", "OW"
    path = write(RAMP, VOILUTSequence=[lut], RescaleSlope=1, RescaleIntercept=0)
    assert difference(path, viewer, "+Wl", "1") < STEP


def test_modality_luts_are_those_of_a_viewer(write, viewer, sequence_item):
    table = (np.linspace(1, 0, 4096) ** 2 * 60000).astype("<u2")
    lut = sequence_item(LUTDescriptor=[4096, -2048 & 0xFFFF, 16], LUTData=table.tobytes(), ModalityLUTType="US")
    lut["LUTDescriptor"].VR, lut["LUTData"].VR = "US", "OW"
    assert difference(write(RAMP, ModalityLUTSequence=[lut]), viewer, "+Wm") < STEP


@pytest.mark.parametrize("high_bit", [11, 13, 15])
def test_unusual_high_bits_are_read_as_by_a_viewer(write, viewer, high_bit):
    cells = (RAMP.view(np.uint16) & 0xFFF) << (high_bit - 11)
    path = write(cells, BitsStored=12, HighBit=high_bit, PixelRepresentation=1)
    assert difference(path, viewer, "+Wm") < STEP


@pytest.mark.parametrize(
    "command", ["dcmcjpls +el", "dcmcjpeg +e1", "dcmcjpeg +el", "dcmcrle", "dcmconv +tb", "dcmconv +td", "dcmconv +ti"]
)
@pytest.mark.parametrize("name", ["CT_small.dcm", "SC_rgb_small_odd_big_endian.dcm"])
def test_what_dcmtk_compresses_without_loss_is_the_same_picture(data, viewer, tmp_path, command, name):
    path = converted(command, data / name, tmp_path)
    np.testing.assert_array_equal(read_images(path, LIMIT)[0].pixels, read_images(data / name, LIMIT)[0].pixels)


@pytest.mark.parametrize(
    ("command", "name", "options"),
    [
        ("dcmcjpeg +eb", "image_dfl.dcm", "+Wm"),
        ("dcmcjpeg +eb", "ExplVR_BigEnd.dcm", ""),
        ("dcmcjpeg +eb +cr", "ExplVR_BigEnd.dcm", ""),
        ("dcmcjpeg +ee", "image_dfl.dcm", "+Wm"),
        ("dcmcjpeg +ee", "CR_mono1.dcm", "+Wi 1"),
        ("dcmcjpeg +es", "CR_mono1.dcm", "+Wi 1"),
        ("dcmcjpeg +ep", "CR_mono1.dcm", "+Wi 1"),
        ("dcmcjpls +en", "CR_mono1.dcm", "+Wi 1"),
    ],
)
def test_what_dcmtk_compresses_with_loss_looks_as_in_a_viewer(data, viewer, tmp_path, command, name, options):
    assert difference(converted(command, data / name, tmp_path), viewer, *options.split()) < STEP


def converted(command, source, folder):
    """`source` after a tool of DCMTK."""
    target = folder / "converted.dcm"
    subprocess.run([*command.split(), str(source), str(target)], check=True, capture_output=True, timeout=30)
    return target
