"""The same image in another encoding is the same picture."""

import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image as Picture
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from node.assemble import read_images

LIMIT = 1 << 24
DEFLATED_FRAMES = b"1.2.840.10008.1.2.8.1\0"


def pixels(path):
    return np.stack([image.pixels for image in read_images(path, LIMIT)])


def values(path):
    return np.stack([image.values for image in read_images(path, LIMIT)])


@pytest.fixture
def ct(data):
    """A signed 16-bit CT slice with a window."""
    ds = dcmread(data / "CT_small.dcm")
    ds.WindowCenter, ds.WindowWidth = 40, 400
    return ds


@pytest.fixture
def reference(ct, write):
    return pixels(write.save(ct))


@pytest.mark.parametrize("transfer_syntax", [JPEGLSLossless, JPEG2000Lossless, RLELossless])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_lossless_compression_changes_no_pixel(ct, reference, write, transfer_syntax):
    ct.compress(transfer_syntax)
    np.testing.assert_array_equal(pixels(write.save(ct)), reference)


@pytest.mark.parametrize("transfer_syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_implicit_vr_and_deflation_change_no_pixel(ct, reference, write, transfer_syntax):
    ct.file_meta.TransferSyntaxUID = transfer_syntax
    implicit = transfer_syntax == ImplicitVRLittleEndian
    path = write.save(ct, implicit_vr=implicit, little_endian=True)
    np.testing.assert_array_equal(pixels(path), reference)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32])
def test_big_endian_changes_no_pixel(make, write, kind):
    stored = np.arange(63).astype(kind).reshape(7, 9)
    ds = make(stored, RescaleSlope=1, RescaleIntercept=-10)
    little = values(write.save(ds))
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    swapped = stored.astype(stored.dtype.newbyteorder(">")).tobytes()
    if stored.itemsize == 1:  # OB
        ds["PixelData"].VR = "OB"
    ds.PixelData = swapped + b"\0" * (len(swapped) % 2)
    np.testing.assert_array_equal(values(write.save(ds, implicit_vr=False, little_endian=False)), little)


@pytest.mark.parametrize(
    ("transfer_syntax", "signed", "bits"),
    [
        (transfer_syntax, signed, bits)
        for transfer_syntax in (JPEGLSLossless, JPEG2000Lossless, RLELossless, ExplicitVRLittleEndian)
        for signed in (False, True)
        for bits in (8, 12, 16)
        if (transfer_syntax, signed) != (JPEGLSLossless, True) or bits == 16  # pydicom does not write the others
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_depth_and_sign_change_no_pixel(make, write, transfer_syntax, signed, bits):
    base = np.random.default_rng(1).integers(0, 256, (64, 48))
    stored = (base - 128 if signed else base).astype(f"{'ui'[signed]}{1 if bits == 8 else 2}")
    ds = make(stored, BitsStored=bits, HighBit=bits - 1, WindowCenter=0 if signed else 128, WindowWidth=256)
    if transfer_syntax != ExplicitVRLittleEndian:
        ds.compress(transfer_syntax)
    np.testing.assert_allclose(pixels(write.save(ds))[0], base / 255, atol=0.003)


def test_monochrome1_with_inverted_values_is_the_same_picture(make, write):
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    ds = make(255 - stored, PhotometricInterpretation="MONOCHROME1", WindowCenter=128, WindowWidth=256)
    same = make(stored, WindowCenter=128, WindowWidth=256)
    np.testing.assert_allclose(pixels(write.save(ds)), pixels(write.save(same)), atol=1e-6)


@pytest.mark.parametrize("transfer_syntax", [JPEGLSLossless, JPEG2000Lossless, RLELossless])
@pytest.mark.parametrize("planar", [0, 1])
def test_lossless_compression_changes_no_colour(make, write, transfer_syntax, planar):
    rows, columns = np.mgrid[0:64, 0:48]
    colours = np.stack([rows * 4, columns * 5, rows + columns], -1).astype(np.uint8)
    ds = make(colours)
    ds.compress(transfer_syntax)
    if transfer_syntax != JPEGLSLossless:  # there the frame itself says how it is interleaved
        ds.PlanarConfiguration = planar
    np.testing.assert_allclose(pixels(write.save(ds))[0], colours / 255, atol=1e-6)


@pytest.mark.parametrize("bits", [1, 16])
def test_deflated_frames_hold_the_same_pixels(make, write, bits):
    frames = np.random.default_rng(3).integers(0, 2, (3, 5, 7)).astype(np.uint8 if bits == 1 else np.int16)
    ds = make(frames[0], NumberOfFrames=3, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1)

    def deflated(frame):
        plain = np.packbits(frame.ravel(), bitorder="little").tobytes() if bits == 1 else frame.tobytes()
        squeezer = zlib.compressobj(wbits=-15)
        body = squeezer.compress(plain) + squeezer.flush()
        return body + b"\0" * (len(body) % 2)

    ds.PixelData = encapsulate([deflated(frame) for frame in frames])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit  # pydicom does not know the right one yet
    path = write.save(ds)
    path.write_bytes(path.read_bytes().replace(JPEGBaseline8Bit.encode(), DEFLATED_FRAMES, 1))
    np.testing.assert_array_equal(values(path), frames)


def test_the_small_mr_slice_is_the_same_in_every_transfer_syntax(data):
    plain = pixels(data / "MR_small.dcm")
    for name in ("bigendian", "RLE", "jpeg_ls_lossless", "jp2klossless"):
        np.testing.assert_array_equal(pixels(data / f"MR_small_{name}.dcm"), plain)


def test_a_dose_of_32_bits_is_the_same_in_rle(data):
    np.testing.assert_array_equal(pixels(data / "rtdose_rle_1frame.dcm"), pixels(data / "rtdose_1frame.dcm"))


@pytest.mark.parametrize("name", ["GDCMJ2K_TextGBR", "SC_rgb_gdcm_KY", "US1_J2KI", "MR_small_jp2klossless"])
def test_two_decoders_agree_on_jpeg_2000(data, name):
    ds = dcmread(data / f"{name}.dcm")
    other, facts = get_decoder(ds.file_meta.TransferSyntaxUID).as_array(ds, decoding_plugin="gdcm")
    (image,) = read_images(data / f"{name}.dcm", LIMIT)
    if image.values is not None:
        np.testing.assert_array_equal(image.values, other)
    else:
        assert facts["photometric_interpretation"] == "RGB"
        np.testing.assert_allclose(image.pixels, other / 255, atol=1e-6)


ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x01"  # transform 1: luminance and chrominance


@pytest.mark.parametrize("marker", ["JFIF", "Adobe", "none"])
def test_a_jpeg_marker_never_converts_colours_twice(make, write, marker):
    rows, columns = np.mgrid[0:64, 0:48]
    colours = np.stack([rows * 4, columns * 5, 255 - rows * 4], -1).astype(np.uint8)
    encoded = BytesIO()
    Picture.fromarray(colours).save(encoded, "JPEG", quality=95, subsampling=0)
    frame = encoded.getvalue()
    if marker != "JFIF":  # it is 18 bytes long, behind the start of the image
        frame = frame[:2] + (ADOBE if marker == "Adobe" else b"") + frame[20:]
    ds = make(colours, PhotometricInterpretation="YBR_FULL_422")
    ds.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    np.testing.assert_allclose(pixels(write.save(ds))[0], colours / 255, atol=0.05)


def test_twelve_bit_jpeg_may_be_signed(data, write):
    ds = dcmread(data / "JPEG-lossy.dcm")
    unsigned = values(write.save(ds))
    ds.PixelRepresentation = 1
    np.testing.assert_array_equal(values(write.save(ds)), np.where(unsigned < 2048, unsigned, unsigned - 4096))


def test_parametric_maps_are_read(data):
    (image,) = read_images(data / "parametric_map_float.dcm", LIMIT)
    assert image.values.shape == (128, 128)
    assert image.values.min() < image.values.max()
    assert image.position is not None
