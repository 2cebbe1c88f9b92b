"""The process of the JPEG codecs, with programs in their place that misbehave."""

import time

import pytest
from pydicom.uid import JPEGLossless

from node.assemble import jpeg
from node.assemble.declaration import Declaration
from node.errors import DecodeError

DECLARED = Declaration("PixelData", JPEGLossless, 2, 2, 1, 1, 8, 8, 7, False, "MONOCHROME2")


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Replaces the codecs' program by the given lines."""
    monkeypatch.setattr(jpeg, "_SECONDS", 1.0)
    decoder = jpeg._Decoder()
    monkeypatch.setattr(jpeg, "_DECODER", decoder)

    def replace(*lines):
        path = tmp_path / "program.py"
        path.write_text("\n".join(["import sys, os, time", *lines]))
        monkeypatch.setattr(jpeg, "_PROGRAM", path)

    yield replace
    decoder.close()


def refused():
    with pytest.raises(DecodeError, match="damaged"):
        list(jpeg.decode_jpeg([b"\xff\xd8"], DECLARED))


def test_a_codec_that_never_comes_to_an_end_is_stopped(program):
    program("time.sleep(600)")
    started = time.monotonic()
    refused()
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("end", ["os.abort()", "os._exit(0)", "sys.stdin.buffer.readline(); os.abort()"])
def test_a_codec_that_ends_its_process_refuses_the_frame(program, end):
    program("os.close(2)", "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))", end)
    refused()


def test_a_frame_of_another_size_than_declared_is_refused(program):
    program("sys.stdout.buffer.write((3).to_bytes(8, 'little') + b'abc'); sys.stdout.flush(); sys.stdin.read()")
    refused()


def test_the_next_frame_is_decoded_by_a_new_process(program):
    program("os._exit(0)")
    refused()
    program("sys.stdout.buffer.write((4).to_bytes(8, 'little') + b'abcd'); sys.stdout.flush(); sys.stdin.read()")
    assert list(jpeg.decode_jpeg([b"\xff\xd8"], DECLARED)) == [b"abcd"]
