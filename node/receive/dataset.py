"""Datasets of normalized services: small, so they are read as a whole, and written by strangers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.filereader import dcmread

from node.errors import where
from node.receive.elements import Encoding, Walker
from node.receive.header import ENCODINGS
from node.receive.part10 import preface

#: Longest of them, bytes: 100,000 references.
LONGEST = 32 << 20


class Malformed(Exception):
    """The dataset is not what it should be."""


def collected(dataset: Iterator[memoryview]) -> bytes:
    """A dataset as a whole; of one that is too long the rest is read, and nothing kept. Raises :class:`Malformed`."""
    data = bytearray()
    for piece in dataset:
        if len(data) <= LONGEST:
            data += piece
    if len(data) > LONGEST:
        raise Malformed
    return bytes(data)


def decoded(data: bytes, transfer_syntax: str) -> Dataset:
    """Raises :class:`Malformed`; elements are read when they are asked for.

    Lengths and nesting are looked at first: pydicom takes a dataset without its end for a shorter one.
    """
    with strangers():
        Walker(data, ENCODINGS.get(transfer_syntax, Encoding()), ()).walk()
        return dcmread(BytesIO(preface(b"", b"", transfer_syntax, "") + data))


@contextmanager
def strangers() -> Iterator[None]:
    """An edge: strangers' bytes make pydicom raise nearly anything; it all means :class:`Malformed`."""
    try:
        yield
    except Malformed:
        raise
    except Exception as error:
        raise Malformed(where(error)) from error
