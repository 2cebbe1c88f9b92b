"""Slices that share a geometry are a volume, in the order of space; what cannot be placed is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from node.plugin import ImageSet, Prediction
from node.report.volume import Volume, volumes
from node.study import Analysed
from tests.report.material import STUDY, by_uid, header
from tests.report.stack import AXIAL, OBLIQUE, enhanced, frames_of, stack


def found(*sources: Dataset, headers: Mapping[str, Dataset] | None = None) -> tuple[Volume, ...]:
    """The volumes of these sources as one series."""
    images = tuple(frame for ds in sources for frame in frames_of(ds))
    item = Analysed(ImageSet(images, f"{STUDY}.1", "MR"), Prediction())
    return volumes(item, by_uid(*sources) if headers is None else headers)


def keys(volume: Volume) -> list[str]:
    return [one.image.sop_instance_uid for one in volume.slices]


def broken(ds: Dataset, keyword: str, vr: str, value: bytes) -> Dataset:
    """`ds` with one element as a careless writer left it."""
    tag = Tag(keyword)
    ds[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
    return ds


@pytest.mark.parametrize("orientation", [AXIAL, OBLIQUE], ids=["axial", "oblique"])
def test_slices_lie_in_the_order_of_space_whatever_their_order_in_the_study(orientation: tuple[float, ...]) -> None:
    sources = stack((10.0, 0.0, 15.0, 5.0), orientation=orientation)
    (volume,) = found(*sources)
    assert keys(volume) == [sources[i].SOPInstanceUID for i in (1, 3, 0, 2)]
    depths = [one.depth for one in volume.slices]
    np.testing.assert_allclose(np.diff(depths), 5.0, atol=1e-6)


def test_a_volume_has_the_geometry_of_its_source() -> None:
    source = stack((0.0, 5.0), orientation=OBLIQUE, PixelSpacing=[0.5, 0.75])[0]
    (volume,) = found(source)
    assert volume.grid.frame_of_reference_uid == source.FrameOfReferenceUID
    assert volume.grid.orientation == OBLIQUE
    assert (volume.grid.spacing, volume.grid.shape) == ((0.5, 0.75), (64, 48))
    assert volume.slices[0].position == tuple(source.ImagePositionPatient)
    np.testing.assert_allclose(volume.grid.normal, np.cross(OBLIQUE[:3], OBLIQUE[3:]), atol=1e-9)


def test_even_slices_have_a_spacing() -> None:
    (volume,) = found(*stack((0.0, 3.3, 6.6, 9.9)))
    assert volume.spacing_between_slices == pytest.approx(3.3)


@pytest.mark.parametrize("depths", [(0.0,), (0.0, 5.0, 20.0), (0.0, 5.0, 10.2)], ids=["single", "gap", "uneven"])
def test_a_single_slice_and_slices_with_a_gap_have_no_spacing(depths: tuple[float, ...]) -> None:
    (volume,) = found(*stack(depths))
    assert volume.spacing_between_slices is None
    assert len(volume.slices) == len(depths)


def test_the_thickness_is_the_source_s() -> None:
    (volume,) = found(*stack(SliceThickness=4.5))
    assert volume.thickness == 4.5


@pytest.mark.parametrize("thickness", [None, 0, -2])
def test_an_unknown_thickness_is_the_distance_of_two_slices(thickness: int | None) -> None:
    assert found(*stack((0.0, 3.0, 9.0), SliceThickness=thickness))[0].thickness == pytest.approx(3.0)
    assert found(*stack((0.0,), SliceThickness=thickness))[0].thickness is None


def test_each_phase_of_a_dynamic_series_is_a_volume() -> None:
    sources = stack((0.0, 0.0, 5.0, 5.0, 10.0, 10.0))
    first, second = found(*sources)
    assert keys(first) == [sources[i].SOPInstanceUID for i in (0, 2, 4)]
    assert keys(second) == [sources[i].SOPInstanceUID for i in (1, 3, 5)]
    assert (first.number, second.number) == (0, 1)


def test_phases_whose_places_differ_by_rounding_do_not_mix() -> None:
    first, second = found(*stack((0.0, 0.0, 5.0003, 5.0, 10.0, 10.0002)))
    assert [uid[-1] for uid in keys(first)] == ["1", "3", "5"]
    assert [uid[-1] for uid in keys(second)] == ["2", "4", "6"]


@pytest.mark.parametrize(
    "changed",
    [
        {"ImageOrientationPatient": list(OBLIQUE)},
        {"PixelSpacing": [2, 2]},
        {"FrameOfReferenceUID": f"{STUDY}.77"},
    ],
    ids=["orientation", "spacing", "frame of reference"],
)
def test_slices_of_another_geometry_make_a_volume_of_their_own(changed: dict[str, Any]) -> None:
    plain, other = stack((0.0, 5.0)), header("MR", image=7, **changed)
    assert sorted(len(volume.slices) for volume in found(*plain, other)) == [1, 2]


def test_what_writers_round_makes_no_other_geometry() -> None:
    plain = stack((0.0, 5.0), orientation=OBLIQUE)
    plain[1].ImageOrientationPatient = [round(cosine, 4) for cosine in OBLIQUE]
    assert len(found(*plain)) == 1


@pytest.mark.parametrize("shared", [True, False], ids=["shared groups", "groups of each frame"])
def test_frames_of_an_enhanced_object_are_placed_by_their_functional_groups(shared: bool) -> None:
    source = enhanced((10.0, 0.0, 5.0), shared=shared)
    (volume,) = found(source)
    assert [one.key for one in volume.slices] == [(source.SOPInstanceUID, frame) for frame in (2, 3, 1)]
    assert [one.position for one in volume.slices] == [(-10.0, -20.0, depth) for depth in (0.0, 5.0, 10.0)]
    assert volume.grid.spacing == (0.5, 0.75)
    assert volume.thickness == 4.0


def test_a_frame_s_own_group_counts_before_the_shared_one() -> None:
    source = enhanced((0.0, 5.0))
    own = Dataset()
    own.PixelSpacing, own.SliceThickness = [0.25, 0.25], 1
    source.PerFrameFunctionalGroupsSequence[1].PixelMeasuresSequence = [own]
    assert [volume.grid.spacing for volume in found(source)] == [(0.5, 0.75), (0.25, 0.25)]


def test_frames_without_functional_groups_have_no_place_of_their_own() -> None:
    source = header("MR", NumberOfFrames=3)
    assert found(source) == ()


def test_a_frame_beyond_the_functional_groups_is_left_out() -> None:
    source = enhanced((0.0, 5.0))
    source.NumberOfFrames = 3
    (volume,) = found(source)
    assert len(volume.slices) == 2


def test_a_broken_group_of_another_kind_costs_no_geometry() -> None:
    source = enhanced((0.0, 5.0))
    content = broken(Dataset(), "FrameAcquisitionDuration", "FD", b"\x01\x02\x03")
    source.PerFrameFunctionalGroupsSequence[0].FrameContentSequence = [content]
    (volume,) = found(source)
    assert len(volume.slices) == 2


@pytest.mark.parametrize(
    "missing",
    ["FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"],
)
def test_without_what_places_a_slice_it_is_left_out(missing: str) -> None:
    whole, bare = stack((0.0, 5.0)), header("MR", image=9, **{missing: None})
    (volume,) = found(*whole, bare)
    assert keys(volume) == [ds.SOPInstanceUID for ds in whole]


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("FrameOfReferenceUID", "UI", b"none"),
        ("FrameOfReferenceUID", "UI", b"1.2.03"),
        ("ImagePositionPatient", "DS", b"0\\0"),
        ("ImagePositionPatient", "DS", b"0\\0\\far "),
        ("ImagePositionPatient", "DS", b"0\\0\\nan "),
        ("ImageOrientationPatient", "DS", b"1\\0\\0\\0\\1"),
        ("ImageOrientationPatient", "DS", b"0\\0\\0\\0\\0\\0 "),
        ("ImageOrientationPatient", "DS", b"1\\0\\0\\1\\0\\0 "),
        ("PixelSpacing", "DS", b"0\\1 "),
        ("PixelSpacing", "DS", b"-1\\1"),
        ("PixelSpacing", "DS", b"inf\\1 "),
        ("SharedFunctionalGroupsSequence", "UN", b"\x01\x02"),
    ],
)
def test_a_broken_geometry_is_no_geometry_and_never_an_error(keyword: str, vr: str, value: bytes) -> None:
    one = header("MR")
    if keyword.startswith("Shared"):
        one = enhanced((0.0, 5.0))
    assert found(broken(one, keyword, vr, value)) == ()


def test_a_slice_without_a_header_is_left_out() -> None:
    sources = stack((0.0, 5.0, 10.0))
    (volume,) = found(*sources, headers=by_uid(*sources[1:]))
    assert len(volume.slices) == 2
    assert found(*sources, headers={}) == ()


def test_a_film_has_no_volume() -> None:
    assert found(header("DX")) == ()
