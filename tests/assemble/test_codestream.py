import struct

import pytest

from node.assemble.codestream import Codestream, read_codestream
from node.errors import DecodeError

JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"


def jpeg(marker=0xC0, rows=30, columns=20, samples=3, before=b""):
    frame = struct.pack(">BBHBHHB", 0xFF, marker, 8 + 3 * samples, 12, rows, columns, samples)
    return b"\xff\xd8" + before + frame + bytes(3 * samples)


def jpeg2000(x1=20, y1=30, x0=0, y0=0):
    return b"\xff\x4f\xff\x51" + struct.pack(">HH8IHB", 47, 0, x1, y1, x0, y0, x1, y1, 0, 0, 3, 0x8B) + bytes(8)


@pytest.mark.parametrize("marker", [0xC0, 0xC1, 0xC2, 0xC3, 0xF7])
def test_every_kind_of_jpeg_says_its_size(marker):
    assert read_codestream(jpeg(marker)) == Codestream(30, 20, 3, 12)


def test_segments_and_fill_bytes_before_the_frame_header_are_skipped():
    application = b"\xff\xe0\x00\x06\xff\xc0\x01\x02"  # its content looks like a frame header
    assert read_codestream(jpeg(before=application + b"\xff\xff")) == Codestream(30, 20, 3, 12)


def test_a_jpeg2000_frame_says_its_size_less_its_offset():
    assert read_codestream(jpeg2000(x1=25, x0=5)) == Codestream(30, 20, 3, 12)


def test_a_jp2_wrapper_is_seen_through():
    uuid = b"\x00\x00\x00\x10uuid" + b"\xff\x4f\xff\x51" * 2  # looks like a codestream
    wrapped = JP2 + uuid + b"\x00\x00\x00\x00jp2c" + jpeg2000()
    assert read_codestream(wrapped) == Codestream(30, 20, 3, 12)


def test_a_jp2_wrapper_with_an_empty_box_is_refused():
    with pytest.raises(DecodeError):
        read_codestream(JP2 + b"\x00\x00\x00\x00uuid" + jpeg2000())


def test_a_jp2_wrapper_without_codestream_is_refused():
    with pytest.raises(DecodeError):
        read_codestream(JP2 + b"\x00\x00\x00\x08uuid")


@pytest.mark.parametrize(
    "frame", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"garbage" * 99, jpeg()[:8], jpeg2000()[:20], b"\xff\xd8" * 9]
)
def test_a_frame_without_header_is_refused(frame):
    with pytest.raises(DecodeError, match="no readable header"):
        read_codestream(frame)
