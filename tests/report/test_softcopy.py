"""A presentation state tells anew how its source is shown, for what it leaves out counts as identity (PS3.4 N.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import ColorSoftcopyPresentationStateStorage, GrayscaleSoftcopyPresentationStateStorage

from node.report import softcopy, source
from node.report.colour_profile import srgb
from tests.report.material import header, image

ANGIOGRAPHY = "1.2.840.10008.5.1.4.1.1.12.1"


def _look(modality: str = "CT", frame: int = 1, **tags: Any) -> Dataset:
    ds = header(modality, **tags)
    return softcopy.look(ds, image(ds, frame))


def _voi(modality: str = "CT", frame: int = 1, **tags: Any) -> Dataset:
    ds = header(modality, **tags)
    return softcopy.voi(ds, image(ds, frame))


def _item(**tags: Any) -> Dataset:
    item = Dataset()
    for keyword, value in tags.items():
        setattr(item, keyword, value)
    return item


def _lut(first: int, vr: str = "US") -> Dataset:
    item = _item(LUTExplanation="curve")
    item.add_new("LUTDescriptor", vr, [3, first, 12])
    item.add_new("LUTData", "US", [0, 100, 4095])
    return item


def _enhanced(**macros: list[Dataset]) -> dict[str, Any]:
    """Functional groups of three frames; each macro has the items of the frames, or one for all of them."""
    frames, shared = [Dataset() for _ in range(3)], Dataset()
    for macro, found in macros.items():
        for holder, item in zip([shared] if len(found) == 1 else frames, found, strict=True):
            setattr(holder, macro, [item])
    return {"PerFrameFunctionalGroupsSequence": frames, "SharedFunctionalGroupsSequence": [shared]}


def test_rescale_is_repeated_with_its_unit() -> None:
    ds = _look(RescaleSlope="0.5", RescaleIntercept="-1024", RescaleType="HU_MOD")
    assert (ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType) == (0.5, -1024, "HU_MOD")


@pytest.mark.parametrize(("modality", "unit"), [("CT", "HU"), ("MR", "US")])
def test_a_unit_that_the_source_leaves_out_is_that_of_its_modality(modality: str, unit: str) -> None:
    assert _look(modality, RescaleSlope="2", RescaleIntercept="0").RescaleType == unit


@pytest.mark.parametrize("slope", [None, "0", ""])
def test_a_slope_that_is_none_counts_as_one(slope: str | None) -> None:
    assert _look(RescaleSlope=slope, RescaleIntercept="-1000").RescaleSlope == 1


def test_without_rescale_in_the_source_there_is_none_in_the_state() -> None:
    assert not {"RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence"} & set(_look().dir())


def test_a_modality_lut_is_repeated_in_place_of_rescale() -> None:
    table = _lut(-2, "SS")
    table.ModalityLUTType = "OD"
    ds = _look("CR", PixelRepresentation=1, ModalityLUTSequence=[table], RescaleSlope="2")
    (made,) = ds.ModalityLUTSequence
    assert (made.LUTDescriptor, made.ModalityLUTType, made.LUTExplanation) == ([3, -2, 16], "OD", "curve")
    assert "RescaleSlope" not in ds


def test_a_modality_lut_that_makes_no_table_leaves_rescale() -> None:
    ds = _look("CR", ModalityLUTSequence=[Dataset()], RescaleSlope="2")
    assert "ModalityLUTSequence" not in ds
    assert ds.RescaleSlope == 2


@pytest.mark.parametrize("relationship", ["LOG", "DISP"])
def test_a_table_for_measuring_is_not_repeated(relationship: str) -> None:
    tags = {"SOPClassUID": ANGIOGRAPHY, "PixelIntensityRelationship": relationship}
    ds = _look("CR", ModalityLUTSequence=[_lut(0)], RescaleSlope="2", **tags)
    assert not {"ModalityLUTSequence", "RescaleSlope"} & set(ds.dir())


@pytest.mark.parametrize(("photometric", "shape"), [("MONOCHROME1", "INVERSE"), ("MONOCHROME2", "IDENTITY")])
def test_polarity_is_told_because_that_of_the_image_no_longer_counts(photometric: str, shape: str) -> None:
    ds = _look("DX", PhotometricInterpretation=photometric)
    assert (ds.SOPClassUID, ds.PresentationLUTShape) == (GrayscaleSoftcopyPresentationStateStorage, shape)


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422", "PALETTE COLOR"])
def test_a_source_in_colour_gets_a_profile_and_no_grey_pipeline(photometric: str) -> None:
    ds = _look("XC", PhotometricInterpretation=photometric, RescaleSlope="2", RescaleIntercept="1")
    assert (ds.SOPClassUID, ds.ICCProfile) == (ColorSoftcopyPresentationStateStorage, srgb())
    assert not {"PresentationLUTShape", "RescaleSlope"} & set(ds.dir())


def test_without_a_header_the_decoded_pixels_tell_whether_it_is_in_colour() -> None:
    grey, colour = image(header("DX")), image(header("XC"))
    assert [softcopy.is_colour(Dataset(), one) for one in (grey, colour)] == [False, True]


def test_the_overlays_of_the_source_stay_visible() -> None:
    ds = header("DX")
    ds.add_new((0x6002, 0x0010), "US", 64)
    assert softcopy.look(ds, image(ds))[0x6002, 0x1001].value == softcopy.OVERLAYS


def test_the_shutter_of_the_source_stays() -> None:
    circle = {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [32, 24], "RadiusOfCircularShutter": 20}
    assert _look("DX", **circle).RadiusOfCircularShutter == 20
    own = _enhanced(FrameDisplayShutterSequence=[_item(**circle)])
    assert _look("MRE", frame=2, **own).RadiusOfCircularShutter == 20


def test_the_first_of_several_windows_is_told() -> None:
    ds = _voi(WindowCenter=["40", "400"], WindowWidth=["80", "1500"])
    assert (ds.WindowCenter, ds.WindowWidth) == (40, 80)


@pytest.mark.parametrize("function", ["SIGMOID", "LINEAR_EXACT"])
def test_the_function_of_a_window_is_told(function: str) -> None:
    assert _voi(WindowCenter="40", WindowWidth="80", VOILUTFunction=function).VOILUTFunction == function


def test_the_usual_function_and_an_unknown_one_are_not_told() -> None:
    assert all("VOILUTFunction" not in _voi(WindowWidth=9, WindowCenter=1, VOILUTFunction=f) for f in ("LINEAR", "X"))


def test_a_window_too_narrow_for_the_linear_function_is_exact() -> None:
    ds = _voi(WindowCenter="0.25", WindowWidth="0.5")
    assert (ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction) == (0.25, 0.5, "LINEAR_EXACT")


def test_numbers_of_more_than_16_characters_are_shortened() -> None:
    ds = _voi(WindowCenter=0.1234567890123456789, WindowWidth=1 / 3)
    assert max(len(str(ds[keyword].value)) for keyword in ("WindowCenter", "WindowWidth")) <= 16
    assert ds.WindowWidth == pytest.approx(1 / 3)


def test_a_voi_lut_goes_before_a_window() -> None:
    ds = _voi(VOILUTSequence=[_lut(5), _lut(9)], WindowCenter="40", WindowWidth="80")
    assert [item.LUTDescriptor for item in ds.VOILUTSequence] == [[3, 5, 16]]
    assert "WindowCenter" not in ds


@pytest.mark.parametrize(
    ("tags", "first"),
    [
        ({"RescaleIntercept": "-1024", "RescaleSlope": "1", "BitsStored": 12}, -1000),
        ({"PixelRepresentation": 1, "BitsStored": 12}, -1000),
        ({"PixelRepresentation": 0, "BitsStored": 12}, 64536),
        ({"PixelRepresentation": 1, "ModalityLUTSequence": [_lut(0)]}, 64536),
        ({"RescaleIntercept": "-1", "SOPClassUID": ANGIOGRAPHY, "PixelIntensityRelationship": "LOG"}, 64536),
    ],
    ids=["rescaled", "signed", "unsigned", "after a table", "rescale for measuring"],
)
def test_the_first_value_of_a_voi_lut_is_signed_where_modality_values_are(tags: dict[str, Any], first: int) -> None:
    ds = _voi(VOILUTSequence=[_lut(64536)], **tags)
    assert ds.VOILUTSequence[0].LUTDescriptor[1] == first


def test_a_voi_lut_that_makes_no_table_leaves_the_window() -> None:
    ds = _voi(VOILUTSequence=[Dataset()], WindowCenter="40", WindowWidth="80")
    assert ds.WindowCenter == 40


@pytest.mark.parametrize(
    "tags",
    [{}, {"WindowCenter": "40"}, {"WindowCenter": "40", "WindowWidth": "0"}, {"WindowCenter": "", "WindowWidth": ""}],
    ids=["missing", "half", "zero", "empty"],
)
def test_without_a_valid_window_the_values_of_the_image_are_spanned(tags: dict[str, str]) -> None:
    ds = header("CT", **tags)
    values = np.array([[-10.0, 30.0], [99.0, 5.0]], np.float32)
    padded = replace(image(ds), values=values, padding=values == 99.0)
    made = softcopy.voi(ds, padded)
    low = float(made.WindowCenter) - 0.5 - (float(made.WindowWidth) - 1) / 2  # PS3.3 C.11.2.1.2.1
    assert (low, low + float(made.WindowWidth) - 1) == (-10.0, 30.0)


@pytest.mark.parametrize("values", [None, np.full((2, 2), 7.0, np.float32), np.array([[np.nan, 1.0]], np.float32)])
def test_without_a_span_there_is_no_window(values: Any) -> None:
    ds = header("CT")
    assert len(softcopy.voi(ds, replace(image(ds), values=values))) == 0


def test_each_frame_of_an_enhanced_image_is_shown_by_its_own_functional_groups() -> None:
    windows = [_item(WindowCenter=f"{10 * n}", WindowWidth="20") for n in (1, 2, 3)]
    rescales = [_item(RescaleSlope=f"{n}", RescaleIntercept="0", RescaleType="US") for n in (1, 2, 3)]
    groups = _enhanced(FrameVOILUTSequence=windows, PixelValueTransformationSequence=rescales)
    assert [_voi("MRE", n, **groups).WindowCenter for n in (1, 2, 3)] == [10, 20, 30]
    assert [_look("MRE", n, **groups).RescaleSlope for n in (1, 2, 3)] == [1, 2, 3]


def test_the_shared_functional_group_speaks_for_all_frames() -> None:
    groups = _enhanced(FrameVOILUTSequence=[_item(WindowCenter="7", WindowWidth="20")])
    assert [_voi("MRE", n, **groups).WindowCenter for n in (1, 3)] == [7, 7]


def test_a_broken_tag_in_a_functional_group_does_not_hide_the_others() -> None:
    broken = _item(WindowCenter="7", WindowWidth="20")
    broken[Tag("Rows")] = RawDataElement(Tag("Rows"), "US", 3, b"odd", 0, False, True)
    groups = _enhanced(FrameVOILUTSequence=[broken])
    assert source.items(header("MRE", **groups), "SharedFunctionalGroupsSequence") == ()
    assert _voi("MRE", 2, **groups).WindowCenter == 7


def test_the_whole_image_is_shown_fitted_to_the_viewport() -> None:
    ds = header("CT")
    area = softcopy.displayed_area(ds, image(ds))
    assert (area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner) == ([1, 1], [48, 64])
    assert area.PresentationSizeMode == "SCALE TO FIT"


def test_pixels_keep_their_shape() -> None:
    ds, tall = header("CT", PixelSpacing=[2.0, 0.5]), header("CR", PixelAspectRatio=[4, 3])
    spaced = softcopy.displayed_area(ds, image(ds))
    assert spaced.PresentationPixelSpacing == [2.0, 0.5]
    assert "PresentationPixelAspectRatio" not in spaced
    assert softcopy.displayed_area(tall, image(tall)).PresentationPixelAspectRatio == [4, 3]


@pytest.mark.parametrize("ratio", [None, [0, 1], [4, 3, 2]])
def test_pixels_of_unknown_shape_are_square(ratio: list[int] | None) -> None:
    ds = header("CR", PixelAspectRatio=ratio)
    assert softcopy.displayed_area(ds, image(ds)).PresentationPixelAspectRatio == [1, 1]
