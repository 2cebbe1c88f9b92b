"""The same picture through other stored values, lookup tables and windows (PS3.3 C.7.6.3, C.11.1, C.11.2)."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

from tests.metamorphic.film import LOSSLESS, Film, Form, Stored, table, window

_DX = DigitalXRayImageStorageForPresentation


def _windowed(film: Film, stored: Stored, low: float, high: float, **changes: object) -> Dataset:
    """Stored values of which `low` is black and `high` white after the Modality LUT."""
    center, width = window(low, high)
    return film.written(stored, **{"WindowCenter": center, "WindowWidth": width, **changes})


def _wide(film: Film) -> Stored:
    return film.grey.astype(np.uint16)


def _rounded_to_12_bits(film: Film) -> Dataset:
    stored = np.rint(film.grey * (4095 / 255)).astype(np.uint16)
    return _windowed(film, stored, 0, 4095, BitsStored=12, HighBit=11)


def _at_the_top_of_the_cell(film: Film) -> Dataset:
    """12 bits up to bit 15, and rubbish below them, as old overlays leave it."""
    rubbish = np.random.default_rng(7).integers(0, 16, film.grey.shape, dtype=np.uint16)
    return film.deep(PixelData=((_wide(film) * 16 << 4) | rubbish).astype("<u2").tobytes(), HighBit=15)


def _signed(film: Film, **changes: object) -> Dataset:
    facts = {"BitsStored": 12, "HighBit": 11, **changes}
    return _windowed(film, (_wide(film) * 16).astype(np.int16) - 2048, -2048, 4080 - 2048, **facts)


def _signed_with_intercept(film: Film) -> Dataset:
    center, width = window(0, 4080)
    return _signed(film, RescaleSlope=1, RescaleIntercept=2048, WindowCenter=center, WindowWidth=width)


def _rescaled(film: Film) -> Dataset:
    return _windowed(film, _wide(film), -100, 255 / 4 - 100, RescaleSlope=0.25, RescaleIntercept=-100)


def _in_fractions(film: Film) -> Dataset:
    """Values from 0 to 1: a LINEAR window cannot be that narrow, which is what LINEAR_EXACT is for."""
    slope = "0.00392156862745"
    return film.written(
        RescaleSlope=slope, RescaleIntercept=0, WindowCenter=0.5, WindowWidth=1, VOILUTFunction="LINEAR_EXACT"
    )


def _linear_exact(film: Film) -> Dataset:
    return film.written(WindowCenter=127.5, WindowWidth=255, VOILUTFunction="LINEAR_EXACT")


def _voi_lut(film: Film) -> Dataset:
    lut = table(0, 16, np.arange(256) * 257, LUTExplanation="as it is")
    return film.written(VOILUTSequence=[lut], WindowCenter=10, WindowWidth=20)


def _voi_lut_of_12_bits(film: Film) -> Dataset:
    """A table for all 4096 values that gives 8 bits, in front of a window that must not be used."""
    return film.deep(VOILUTSequence=[table(0, 8, np.arange(4096) // 16)], WindowCenter=10, WindowWidth=20)


def _voi_lut_for_signed_values(film: Film) -> Dataset:
    return _signed(film, VOILUTSequence=[_from_below_zero()])


def _voi_lut_for_signed_values_without_any_below_zero(film: Film) -> Dataset:
    """They could be negative, and the table begins there; on this film none is."""
    stored = (_wide(film) * 16).astype(np.int16)
    return film.written(stored, BitsStored=13, HighBit=12, VOILUTSequence=[_from_below_zero(2048)])


def _from_below_zero(further: int = 0) -> Dataset:
    """A table of 16 bits from -2048 to its white at 2032 + `further`."""
    entries = np.clip(np.arange(4081 + further) - further, 0, 4080) * (65535 / 4080)
    item = table(0, 16, np.rint(entries).astype(int))
    item.add_new("LUTDescriptor", "SS", [len(entries), -2048, 16])
    return item


def _log_undone_by_a_table(film: Film, sequence: str = "VOILUTSequence", **changes: object) -> Dataset:
    """Stored by the logarithm of what is shown, as a detector does, with the table that undoes it."""
    steepness = 9.0
    stored = np.rint(4095 * np.log1p(steepness * film.grey / 255) / np.log1p(steepness)).astype(np.uint16)
    undone = np.expm1(np.arange(4096) / 4095 * np.log1p(steepness)) / steepness
    lut = table(0, 16, np.rint(undone * 65535).astype(int), **changes)
    center, width = window(0, 65535)
    facts = {"BitsStored": 12, "HighBit": 11, "WindowCenter": center, "WindowWidth": width}
    return film.written(stored, **{sequence: [lut]}, **facts)


def _log_undone_by_a_modality_lut(film: Film) -> Dataset:
    return _log_undone_by_a_table(film, "ModalityLUTSequence", ModalityLUTType="US")


def _both_tables_inverted(film: Film) -> Dataset:
    """MONOCHROME1 whose Modality LUT and VOI LUT both turn black and white around, on inverted values."""
    turned = np.arange(255, -1, -1)
    modality, voi = table(0, 8, turned, ModalityLUTType="US"), table(0, 8, turned)
    changes = {"ModalityLUTSequence": [modality], "VOILUTSequence": [voi]}
    return film.written(255 - film.grey, PhotometricInterpretation="MONOCHROME1", **changes)


def _all_at_once(film: Film) -> Dataset:
    """Signed, rescaled downwards, MONOCHROME1, LINEAR_EXACT."""
    stored = 2000 - (_wide(film) * 16).astype(np.int16)
    return film.written(
        stored,
        RescaleSlope=-0.5,
        RescaleIntercept=3000,
        WindowCenter=(2000 + 2000 + 4080 / 2) / 2,
        WindowWidth=4080 / 2,
        VOILUTFunction="LINEAR_EXACT",
        PresentationLUTShape="IDENTITY",
        PhotometricInterpretation="MONOCHROME1",
        SOPClassUID=_DX,
    )


def _padding(film: Film) -> Dataset:
    """The black pixels are stored as white and declared to be no image at all."""
    return _padded(film, np.where(film.grey == 0, np.uint16(65535), _wide(film) * 16), PixelPaddingValue=65535)


def _padding_range(film: Film) -> Dataset:
    """The same with two values; from one to the other is no image."""
    stored = np.where(film.grey == 0, np.uint16(60000), _wide(film) * 16)
    stored[film.grey == 0] += np.arange((film.grey == 0).sum(), dtype=np.uint16) % 2
    return _padded(film, stored, PixelPaddingValue=60001, PixelPaddingRangeLimit=60000)


def _padded_around(film: Film) -> Dataset:
    """As many columns as rows, the new ones white and declared to be no image."""
    missing = (film.grey.shape[0] - film.grey.shape[1]) // 2
    stored = np.pad(_wide(film) * 16, ((0, 0), (missing, missing)), constant_values=65535)
    return _padded(film, stored, PixelPaddingValue=65535)


def _padded(film: Film, stored: Stored, **padding: int) -> Dataset:
    ds = _windowed(film, stored, 0, 4080)
    for keyword, value in padding.items():
        ds.add_new(keyword, "US", value)
    return ds


def _frames(film: Film, uid: str, **changes: object) -> Dataset:
    """A multi-frame Secondary Capture of one frame."""
    pointer = {"NumberOfFrames": 1, "SOPClassUID": uid, "ConversionType": "DI", "BurnedInAnnotation": "NO"}
    return film.deep(**pointer, **changes) if "Word" in uid.name else film.written(**pointer, **changes)


def _functional_groups(film: Film) -> Dataset:
    """Rescale and window of the frame stand in its functional groups; others in the dataset are wrong."""
    rescale, shown, group = Dataset(), Dataset(), Dataset()
    rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = "2", "-1000", "US"
    shown.WindowCenter, shown.WindowWidth = window(-1000, 4080 * 2 - 1000)
    group.PixelValueTransformationSequence, group.FrameVOILUTSequence = [rescale], [shown]
    uid = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    return _frames(film, uid, SharedFunctionalGroupsSequence=[group], RescaleSlope=1, RescaleIntercept=0)


def _colour(film: Film, stored: Stored, photometric: str, **changes: object) -> Dataset:
    facts = {"PhotometricInterpretation": photometric, "WindowCenter": None, "WindowWidth": None}
    capture = {"SOPClassUID": SecondaryCaptureImageStorage, "ConversionType": "DI"}
    if stored.ndim == 3:
        facts |= {"SamplesPerPixel": 3, "PlanarConfiguration": 0}
    return film.written(stored, **facts, **capture, **changes)


def _palette(film: Film) -> Dataset:
    ds = _colour(film, 255 - film.grey, "PALETTE COLOR")
    words = (np.arange(255, -1, -1) * 257).astype("<u2").tobytes()
    for name in ("Red", "Green", "Blue"):
        ds.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        ds.add_new(f"{name}PaletteColorLookupTableData", "OW", words)
    return ds


def _three_equal(film: Film) -> Dataset:
    return _colour(film, np.repeat(film.grey[:, :, None], 3, axis=2), "RGB")


def _luminance(film: Film) -> Dataset:
    middle = np.full_like(film.grey, 128)
    return _colour(film, np.stack([film.grey, middle, middle], axis=2), "YBR_FULL")


FORMS: tuple[Form, ...] = (
    Form("8 bits of 16", lambda film: film.written(_wide(film), BitsStored=8, HighBit=7)),
    Form("12 bits", lambda film: film.deep()),
    Form("12 bits rounded", _rounded_to_12_bits, LOSSLESS),
    Form("12 bits at the top of the cell", _at_the_top_of_the_cell),
    Form("16 bits", lambda film: _windowed(film, _wide(film) * 257, 0, 65535)),
    Form("signed 8 bits", lambda film: _windowed(film, (_wide(film).astype(int) - 128).astype(np.int8), -128, 127)),
    Form("signed 12 bits", _signed),
    Form("signed with intercept", _signed_with_intercept),
    Form("rescaled", _rescaled),
    Form("rescaled to fractions", _in_fractions),
    Form("slope below zero", lambda film: film.written(255 - film.grey, RescaleSlope=-1, RescaleIntercept=255)),
    Form("MONOCHROME1", lambda film: film.written(255 - film.grey, PhotometricInterpretation="MONOCHROME1")),
    Form(
        "MONOCHROME1, slope below zero",
        lambda film: film.written(PhotometricInterpretation="MONOCHROME1", RescaleSlope=-1, RescaleIntercept=255),
    ),
    Form(
        "MONOCHROME1, INVERSE",
        lambda film: film.written(
            255 - film.grey, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE", SOPClassUID=_DX
        ),
    ),
    Form(
        "MONOCHROME2, INVERSE",
        lambda film: film.written(255 - film.grey, PresentationLUTShape="INVERSE", SOPClassUID=_DX),
    ),
    Form("MONOCHROME2, IDENTITY", lambda film: film.written(PresentationLUTShape="IDENTITY", SOPClassUID=_DX)),
    Form("LINEAR_EXACT", _linear_exact),
    Form("first of several windows", lambda film: film.written(WindowCenter=[128, 40], WindowWidth=[256, 80])),
    Form("no window, full range", lambda film: film.written(WindowCenter=None, WindowWidth=None)),
    Form("VOI LUT", _voi_lut),
    Form("VOI LUT of 12 bits", _voi_lut_of_12_bits),
    Form("VOI LUT for signed values", _voi_lut_for_signed_values),
    Form("VOI LUT for signed values, none below zero", _voi_lut_for_signed_values_without_any_below_zero),
    Form("logarithm, VOI LUT", _log_undone_by_a_table, LOSSLESS),
    Form("logarithm, Modality LUT", _log_undone_by_a_modality_lut, LOSSLESS),
    Form("two inverting tables in MONOCHROME1", _both_tables_inverted),
    Form("all at once", _all_at_once),
    Form("padding value", _padding),
    Form("padding range", _padding_range),
    Form("multi-frame of bytes", lambda film: _frames(film, MultiFrameGrayscaleByteSecondaryCaptureImageStorage)),
    Form("multi-frame of words", lambda film: _frames(film, MultiFrameGrayscaleWordSecondaryCaptureImageStorage)),
    Form("functional groups", _functional_groups),
    Form("three equal colours", _three_equal),
    Form("luminance", _luminance),
    Form("palette", _palette),
)

#: Of a picture that is higher than wide; a classifier puts it in the middle of a square as well.
NARROW_FORMS: tuple[Form, ...] = (Form("padding around", _padded_around),)
