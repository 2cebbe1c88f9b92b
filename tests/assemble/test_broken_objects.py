"""Whatever arrives ends in images or in a DecodeError, and before any decoder has allocated what it was told to."""

import contextlib
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLSLossless,
    RLELossless,
)

from node.assemble import read_images
from node.errors import DecodeError

LIMIT = 1 << 24


def refused(path, match, limit=LIMIT):
    with pytest.raises(DecodeError, match=match) as raised:
        read_images(path, limit)
    return raised.value


def compressed(make, transfer_syntax, *frames, **changes):
    ds = make(np.zeros((8, 8), np.uint8), **changes)
    ds.PixelData = encapsulate(list(frames))
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.file_meta.TransferSyntaxUID = transfer_syntax
    return ds


def jpeg_header(rows=8, columns=8, samples=1):
    return b"\xff\xd8" + struct.pack(">BBHBHHB", 0xFF, 0xC0, 8 + 3 * samples, 8, rows, columns, samples) + bytes(9)


def jpeg2000_header(rows=8, columns=8):
    return (
        b"\xff\x4f\xff\x51"
        + struct.pack(">HH8IHBBB", 41, 0, columns, rows, 0, 0, columns, rows, 0, 0, 1, 7, 1, 1)
        + bytes(20)
    )


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated", "SamplesPerPixel"])
def test_an_image_without_its_size_is_refused(write, keyword):
    refused(write(**{keyword: None}), f"{keyword} is missing")


@pytest.mark.parametrize("keyword", ["PhotometricInterpretation", "PixelRepresentation"])
def test_whether_black_is_white_and_values_have_a_sign_is_never_guessed(write, keyword):
    refused(write(**{keyword: None}), f"{keyword} is missing")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"Rows": 0}, "0 rows"),
        ({"NumberOfFrames": -5}, "-5 frames"),
        ({"NumberOfFrames": 2_000_000_000}, "the limit is"),
        ({"Rows": 65535, "Columns": 65535}, "the limit is"),
        ({"Rows": 1000}, "16000 bytes of pixel data are declared"),
        ({"PixelData": b""}, "128 bytes of pixel data are declared"),
        ({"BitsAllocated": 7}, "7 bits allocated"),
        ({"BitsStored": 40}, "40 bits stored"),
        ({"SamplesPerPixel": 4}, "4 samples"),
        ({"SamplesPerPixel": 3}, "3 samples"),
        ({"PhotometricInterpretation": "CMYK"}, "do not go together"),
        ({"PhotometricInterpretation": "RGB"}, "do not go together"),
    ],
)
def test_an_impossible_declaration_is_refused(write, changes, match):
    assert refused(write(**changes), match).about == "1.2.3.4"


def test_more_samples_than_the_limit_are_refused(write):
    assert len(read_images(write(), 64)) == 1
    error = refused(write(), "64 pixel values, the limit is 63", limit=63)
    assert "max_pixels" in error.hint


def test_too_much_pixel_data_is_no_reason_to_refuse(write):
    assert len(read_images(write(PixelData=bytes(1000)), LIMIT)) == 1


def test_zero_frames_mean_one(write):
    assert len(read_images(write(NumberOfFrames=0), LIMIT)) == 1


@pytest.mark.parametrize("sop_class", ["1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.104.1"])
def test_an_object_that_is_no_image_has_no_pixels(write, sop_class):
    refused(write(SOPClassUID=sop_class, PixelData=None), "has no pixels")


def test_a_video_is_refused_by_the_name_of_its_encoding(make, write):
    refused(write.save(compressed(make, MPEG4HP41, b"\0\0")), "MPEG-4")


@pytest.mark.parametrize(
    "transfer_syntax", [JPEGBaseline8Bit, JPEGLossless, JPEGLSLossless, JPEG2000Lossless, JPEG2000]
)
@pytest.mark.parametrize("frame", [b"\0\0", b"garbage!" * 9, b"\xff\xd8\xff\xd9"])
def test_a_frame_without_header_is_refused(make, write, transfer_syntax, frame):
    refused(write.save(compressed(make, transfer_syntax, frame)), "no readable header")


@pytest.mark.parametrize(
    ("transfer_syntax", "frame"),
    [
        (JPEGBaseline8Bit, jpeg_header(60000, 60000)),
        (JPEGBaseline8Bit, jpeg_header(samples=3)),
        (JPEG2000, jpeg2000_header(60000, 60000)),
    ],
)
def test_a_frame_larger_than_its_object_declares_is_refused_before_it_is_decoded(make, write, transfer_syntax, frame):
    refused(write.save(compressed(make, transfer_syntax, frame)), "the compressed frame has")


@pytest.mark.parametrize(
    ("transfer_syntax", "frame"),
    [
        (JPEGBaseline8Bit, jpeg_header()),
        (JPEG2000, jpeg2000_header()),
        (RLELossless, b"\x09" + bytes(63)),
        (RLELossless, bytes(3)),
    ],
)
def test_a_frame_that_breaks_off_is_refused_with_its_encoding(make, write, transfer_syntax, frame):
    error = refused(write.save(compressed(make, transfer_syntax, frame)), "its pixel data")
    assert transfer_syntax.name in error.what


def test_run_lengths_that_cannot_hold_the_declared_pixels_are_refused(make, write):
    refused(write.save(compressed(make, RLELossless, bytes(100), Rows=4000, Columns=4000)), "run lengths")


def test_more_frames_than_fragments_are_refused(make, write):
    ds = compressed(make, RLELossless, bytes(80), NumberOfFrames=1000)
    refused(write.save(ds), "1000 frames are declared, the pixel data has 1 fragments")


def deflated(make, write, inflated, private=b""):
    """An object that deflates to little and inflates to `inflated` and its pixels."""
    ds = make(ImageComments="x")
    if private:
        ds.file_meta.PrivateInformationCreatorUID, ds.file_meta.PrivateInformation = "1.2.3", private
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = write.save(ds, implicit_vr=False, little_endian=True)
    whole = path.read_bytes()
    start = 144 + struct.unpack("<I", whole[140:144])[0]
    squeezer = zlib.compressobj(wbits=-15)
    plain = zlib.decompress(whole[start:], -15)
    path.write_bytes(whole[:start] + squeezer.compress(plain + inflated) + squeezer.flush())
    return path


@pytest.mark.parametrize("private", [b"", bytes(1 << 14)], ids=["plain", "long file meta information"])
def test_a_deflated_object_is_inflated_no_further_than_its_pixels(make, write, private):
    bomb = struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 160 << 20) + bytes(160 << 20)
    path = deflated(make, write, bomb, private)
    del bomb
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        assert len(read_images(path, LIMIT)) == 1
        assert tracemalloc.get_traced_memory()[1] < 130 << 20
    finally:
        tracemalloc.stop()


def test_what_is_no_deflate_stream_is_refused(make, write):
    path = deflated(make, write, b"")
    path.write_bytes(path.read_bytes()[:400] + b"\xde\xad" * 400)
    refused(path, "its header cannot be read")


def test_a_missing_file_is_refused(tmp_path):
    refused(tmp_path / "absent.dcm", "its header cannot be read")


def test_what_is_no_dicom_file_is_refused(tmp_path):
    path = tmp_path / "noise.dcm"
    path.write_bytes(b"noise" * 100)
    refused(path, "its header cannot be read")


def test_sequences_nested_without_end_are_refused(write):
    whole = write().read_bytes()
    start = 144 + struct.unpack("<I", whole[140:144])[0]
    nested = struct.pack("<HH2sHIHHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF) * 3000
    path = write.folder / "nested.dcm"
    path.write_bytes(whole[:start] + nested)
    refused(path, "its header cannot be read")


def test_neither_error_nor_log_quotes_anything_of_the_object_but_its_uid(write, make, caplog):
    ds = make(PatientName="CANARY", PatientID="CANARY")
    ds.add_new("NumberOfFrames", "LO", "CANARY")
    ds.add_new("SeriesDescription", "LO", "CANARY")
    error = refused(write.save(ds), "NumberOfFrames")
    assert "CANARY" not in str(error)
    assert "CANARY" not in caplog.text
    assert error.__cause__ is None
    assert error.__suppress_context__


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_RLE.dcm", "US1_J2KI.dcm", "SC_rgb_dcmtk__eb_cr.dcm", "JPEG-lossy.dcm"]
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8), cut=st.floats(0, 1))
def test_a_damaged_object_gives_images_or_a_decode_error(data, tmp_path, name, edits, cut):
    damaged = bytearray((data / name).read_bytes())
    for place, byte in edits:
        damaged[int(place * (len(damaged) - 1))] = byte
    path = tmp_path / "damaged.dcm"
    path.write_bytes(damaged[: int(len(damaged) * (0.5 + cut / 2))])
    try:
        images = read_images(path, LIMIT)
    except DecodeError:
        return
    for image in images:
        assert np.isfinite(image.pixels).all()
        assert image.pixels.min() >= 0
        assert image.pixels.max() <= 1


def test_a_damaged_lossless_jpeg_frame_costs_no_more_than_itself(data, tmp_path):
    damaged = bytearray((data / "SC_rgb_jpeg_gdcm.dcm").read_bytes())
    for place, byte in {1111: 255, 1271: 255, 1373: 0, 1492: 14}.items():  # GDCM ends its process over these
        damaged[place] = byte
    path = tmp_path / "damaged.dcm"
    path.write_bytes(damaged)
    refused(path, "JPEG pixel data is damaged")
    assert read_images(data / "SC_rgb_jpeg_gdcm.dcm", LIMIT)[0].pixels.shape == (100, 100, 3)


def test_a_panic_of_the_run_length_decoder_is_refused(data, tmp_path):
    ds = dcmread(data / "MR_small_RLE.dcm")
    ds.PixelData = encapsulate([struct.pack("<16I", 2, 64, 66, *[0] * 13) + b"\x81\x00" * 100])
    path = tmp_path / "damaged.dcm"
    ds.save_as(path)
    refused(path, "RLE Lossless")


@pytest.mark.parametrize("keyword", ["PixelSpacing", "WindowCenter", "WindowWidth", "PixelPaddingValue", "PatientAge"])
def test_an_attribute_of_the_wrong_kind_never_raises_anything_else(write, make, keyword):
    ds = make()
    ds.add_new(keyword, "LO", "nonsense")
    path = write.save(ds)
    with contextlib.suppress(DecodeError):
        assert len(read_images(path, LIMIT)) == 1
