"""A multipart body is cut into the same parts however it comes, and never held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.intake.multipart import LONGEST_HEADERS, Begin, End, Malformed, Parts, parameters

BODY = (
    b"a preamble\r\n--edge\r\nContent-Type: application/dicom; transfer-syntax=*\r\nX: y\r\n\r\nfirst\r\n--edg\r\n"
    b"\r\n--edge \t\r\n\r\n\r\n--edge\r\ncontent-type:\tImage/JPEG\r\n\r\n\r\r\n\r\n--edge--\r\nan epilogue --edge"
)
PARTS = [("application/dicom", b"first\r\n--edg\r\n"), ("", b""), ("image/jpeg", b"\r\r\n")]


def cut(body: bytes, piece: int = 1 << 20) -> tuple[list[tuple[str, bytes]], bool]:
    parts, found = Parts(b"edge"), list[tuple[str, bytes]]()
    current, ends = bytearray(), 0
    for start in range(0, len(body), piece):
        for event in parts.feed(body[start : start + piece]):
            if isinstance(event, Begin):
                found.append((event.content_type, b""))
            elif isinstance(event, End):
                found[-1] = (found[-1][0], bytes(current))
                current, ends = bytearray(), ends + 1
            else:
                current += event
    return found[:ends], parts.is_whole


@given(st.integers(1, len(BODY)))
def test_pieces_may_be_of_any_size(piece: int) -> None:
    assert cut(BODY, piece) == (PARTS, True)


@given(st.lists(st.binary(max_size=200).filter(lambda data: b"\r\n--edge" not in b"\r\n" + data), max_size=4))
def test_any_content_comes_out_as_it_went_in(contents: list[bytes]) -> None:
    body = b"".join(b"--edge\r\n\r\n" + content + b"\r\n" for content in contents) + b"--edge--"
    assert cut(body, 7) == ([("", content) for content in contents], True)


@pytest.mark.parametrize("end", range(len(BODY.partition(b"--edge--")[0]) + 7))
def test_one_that_is_cut_off_is_not_whole(end: int) -> None:
    assert not cut(BODY[:end])[1]


@pytest.mark.parametrize(
    "body",
    [
        b"--edgeX\r\n\r\n",
        b"--edge" + b" " * 2 * LONGEST_HEADERS,
        b"--edge\r\n" + b"X: " + b"y" * 2 * LONGEST_HEADERS,
    ],
)
def test_one_that_is_malformed_is_said_to_be(body: bytes) -> None:
    with pytest.raises(Malformed):
        cut(body, 1000)


def test_what_is_held_is_short() -> None:
    parts = Parts(b"edge")
    list(parts.feed(b"--edge\r\n\r\n"))
    for _ in range(100):
        list(parts.feed(b"x" * 100_000))
        assert len(parts._buffer) < 100


def test_the_boundary_is_read_from_the_type_with_quotes_or_without() -> None:
    kinds = ('type="application/dicom"; boundary="a b?"', "boundary=a-b; Type=application/DICOM")
    found = [parameters(f"Multipart/Related; {kind}") for kind in kinds]
    assert found == [
        ("multipart/related", "application/dicom", b"a b?"),
        ("multipart/related", "application/dicom", b"a-b"),
    ]
    assert parameters("application/json")[0] == "application/json"
    for wrong in ("multipart/related", f"multipart/related; boundary={'x' * 300}", 'multipart/related; boundary="é"'):
        with pytest.raises(Malformed, match="boundary"):
            parameters(wrong)
