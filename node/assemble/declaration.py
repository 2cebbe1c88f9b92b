"""What an object declares of its pixels (PS3.3 C.7.6.3), checked before any decoder sees them."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, UncompressedTransferSyntaxes

from node.errors import DecodeError

#: Photometric interpretations that can be shown, with their samples per pixel.
PHOTOMETRIC = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
}
#: Bits allocated by each kind of pixel data element.
ALLOCATED = {"PixelData": (1, 8, 16, 32, 64), "FloatPixelData": (32,), "DoubleFloatPixelData": (64,)}


@dataclass(frozen=True)
class Declaration:
    """The Image Pixel Module of one object.

    Attributes:
        keyword: of the pixel data element.
        transfer_syntax_uid: its encoding.
        rows, columns, samples, frames: its shape.
        bits_allocated, bits_stored, high_bit: the cell; the latter two equal the cell for floating point.
        signed: stored values are two's complement.
        photometric: one of :data:`PHOTOMETRIC`.
        planar: Planar Configuration (0028,0006).
    """

    keyword: str
    transfer_syntax_uid: UID
    rows: int
    columns: int
    samples: int
    frames: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    planar: int = 0

    @property
    def values(self) -> int:
        """Samples over all frames."""
        return self.rows * self.columns * self.samples * self.frames

    @property
    def native_bytes(self) -> int:
        """Bytes of the pixel data when not compressed; two of three samples for YBR_FULL_422 (PS3.3 C.7.6.3.1.2)."""
        cells = self.values * 2 // 3 if self.photometric == "YBR_FULL_422" else self.values
        return (cells * self.bits_allocated + 7) // 8

    @property
    def is_native(self) -> bool:
        """Pixel data is not compressed."""
        return self.transfer_syntax_uid in UncompressedTransferSyntaxes

    @property
    def is_little_endian(self) -> bool:
        """Byte order of words."""
        return bool(self.transfer_syntax_uid != ExplicitVRBigEndian)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame when not compressed."""
        return -(-self.native_bytes // self.frames)

    @property
    def is_float(self) -> bool:
        """Float or Double Float Pixel Data."""
        return self.keyword != "PixelData"


def read_declaration(ds: Dataset, keyword: str, max_pixels: int) -> Declaration:
    """The declaration of `ds`, whose pixel data element is `keyword`.

    Raises:
        DecodeError: it is incomplete, contradicts itself, or declares more than `max_pixels` samples over all frames.
    """
    transfer_syntax_uid = ds.file_meta.get("TransferSyntaxUID", "")
    if not transfer_syntax_uid:
        raise DecodeError("the file does not say its transfer syntax", hint="send it again")
    allocated = _whole(ds, "BitsAllocated")
    is_float = keyword != "PixelData"
    stored = allocated if is_float else _whole(ds, "BitsStored", allocated)
    declared = Declaration(
        keyword=keyword,
        transfer_syntax_uid=UID(transfer_syntax_uid),
        rows=_whole(ds, "Rows"),
        columns=_whole(ds, "Columns"),
        samples=_whole(ds, "SamplesPerPixel"),
        frames=_whole(ds, "NumberOfFrames", 1) or 1,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=_high_bit(ds, stored, allocated),
        signed=not is_float and _whole(ds, "PixelRepresentation") == 1,
        photometric=_photometric(ds),
        planar=_whole(ds, "PlanarConfiguration", 0),
    )
    _check(declared, max_pixels)
    return declared


def _check(declared: Declaration, max_pixels: int) -> None:
    if not (0 < declared.rows <= 65535 and 0 < declared.columns <= 65535 and declared.frames > 0):
        raise DecodeError(f"it declares {declared.rows} rows, {declared.columns} columns, {declared.frames} frames")
    if declared.values > max_pixels:
        raise DecodeError(
            f"it declares {declared.values} pixel values, the limit is {max_pixels}",
            hint="raise worker.max_pixels if the object is genuine",
        )
    if declared.bits_allocated not in ALLOCATED[declared.keyword]:
        raise DecodeError(f"{declared.bits_allocated} bits allocated are not supported")
    if not 0 < declared.bits_stored <= declared.bits_allocated:
        raise DecodeError(f"{declared.bits_stored} bits stored do not fit in {declared.bits_allocated} allocated")
    if PHOTOMETRIC.get(declared.photometric) != declared.samples:
        raise DecodeError(f"photometric interpretation and {declared.samples} samples per pixel do not go together")


def _photometric(ds: Dataset) -> str:
    """Photometric Interpretation (0028,0004); never guessed: whoever takes black for white finds something else."""
    value = str(ds.get("PhotometricInterpretation") or "").strip().upper()
    if not value:
        raise DecodeError("PhotometricInterpretation is missing")
    return value


def _high_bit(ds: Dataset, stored: int, allocated: int) -> int:
    """High Bit (0028,0102), or where it must be when it is missing or impossible."""
    high_bit = _whole(ds, "HighBit", stored - 1)
    return high_bit if stored - 1 <= high_bit < allocated else stored - 1


def _whole(ds: Dataset, keyword: str, default: int | None = None) -> int:
    value = ds.get(keyword)
    if value is None or value == "":
        if default is None:
            raise DecodeError(f"{keyword} is missing")
        return default
    try:
        return int(value)
    except (TypeError, ValueError):
        raise DecodeError(f"{keyword} is not one whole number") from None
