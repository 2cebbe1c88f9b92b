"""The profile of a result in colour is one that DICOM permits, and means sRGB where the source says nothing."""

from __future__ import annotations

import hashlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from node.report.colour_profile import add_profile, srgb
from tests.report.material import Dataset, header


def _opened(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(BytesIO(profile))


def _added(**tags: object) -> Dataset:
    ds = Dataset()
    add_profile(ds, header("XC", **tags))
    return ds


def test_it_is_an_input_profile_from_rgb_as_dicom_wants_it() -> None:
    profile = _opened(srgb()).profile  # PS3.3 C.11.15.1.1
    assert (profile.device_class, profile.xcolor_space, profile.connection_space) == ("scnr", "RGB ", "XYZ ")
    assert profile.rendering_intent == ImageCms.Intent.PERCEPTUAL
    assert profile.profile_description == "sRGB"
    assert profile.version == pytest.approx(4.2)


def test_its_size_is_true_and_even() -> None:
    assert int.from_bytes(srgb()[:4], "big") == len(srgb())
    assert len(srgb()) % 2 == 0


def test_colours_pass_through_it_as_through_the_profile_of_a_colour_library() -> None:
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    picture = Image.fromarray(cube)
    lab, other = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    mine = ImageCms.profileToProfile(picture, _opened(srgb()), lab, outputMode="LAB")
    theirs = ImageCms.profileToProfile(picture, other, lab, outputMode="LAB")
    assert mine is not None
    assert theirs is not None
    apart = np.asarray(mine).astype(np.int8) - np.asarray(theirs).astype(np.int8)  # modulo 256, so L may wrap
    assert np.abs(apart).max() <= 1


def test_its_bytes_are_those_of_every_other_day_and_machine() -> None:
    assert hashlib.sha256(srgb()).hexdigest() == "7668d6121db6b58a0b7a495b8e7bdfc061fe13e2523210df75802580cdbab13e"


def test_a_source_without_profile_counts_as_srgb() -> None:
    ds = _added()
    assert (ds.ICCProfile, ds.ColorSpace) == (srgb(), "SRGB")


def test_the_profile_of_the_source_is_kept_with_its_name() -> None:
    own = srgb() + bytes(2)
    assert _added(ICCProfile=own, ColorSpace="ADOBERGB").ICCProfile == own
    assert _added(ICCProfile=own, ColorSpace="ADOBERGB").ColorSpace == "ADOBERGB"
    assert "ColorSpace" not in _added(ICCProfile=own)


@pytest.mark.parametrize("at", [12, 16, 20, 36])
def test_a_profile_that_dicom_forbids_is_not_passed_on(at: int) -> None:
    broken = srgb()[:at] + b"mntr" + srgb()[at + 4 :]
    assert _added(ICCProfile=broken).ICCProfile == srgb()


def test_a_profile_that_is_cut_off_is_not_passed_on() -> None:
    assert _added(ICCProfile=srgb()[:100]).ICCProfile == srgb()
