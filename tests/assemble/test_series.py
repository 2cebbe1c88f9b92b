from pathlib import Path

import numpy as np

from node.assemble import read_image_set
from node.study import Attributes, Instance, Series

CT = "1.2.840.10008.5.1.4.1.1.2"
AXIAL = [1, 0, 0, 0, 1, 0]
SAGITTAL = [0, 1, 0, 0, 0, -1]
LIMIT = 1 << 20


def instance(path, uid, number=0, **attributes):
    return Instance(
        sop_instance_uid=uid,
        sop_class_uid=CT,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        study_instance_uid="1.1",
        series_instance_uid="1.2",
        path=Path(path).name,
        size=0,
        sha256="",
        patient_key="",
        instance_number=number,
        attributes=Attributes(modality="CT", **attributes),
    )


def slice_at(write, height, uid, number=0, orientation=AXIAL, **changes):
    path = write(SOPInstanceUID=uid, ImageOrientationPatient=orientation, ImagePositionPatient=height, **changes)
    return instance(path, uid, number)


def read(write, *instances):
    return read_image_set(Series("1.2", instances), write.folder, LIMIT)


def uids(image_set):
    return [image.sop_instance_uid for image in image_set.images]


def test_slices_come_in_the_order_of_space_whatever_their_numbers_say(write):
    image_set, not_assessed = read(
        write,
        slice_at(write, [0, 0, 5], "1.5", number=1),
        slice_at(write, [0, 0, -5], "1.4", number=2),
        slice_at(write, [9, 9, 0], "1.3", number=3),
    )
    assert uids(image_set) == ["1.4", "1.3", "1.5"]
    assert [image.position for image in image_set.images] == [-5, 0, 5]
    assert not_assessed == ()


def test_slices_at_the_same_place_come_in_the_order_of_their_numbers(write):
    image_set, _ = read(
        write, slice_at(write, [0, 0, 1.00001], "1.1", number=2), slice_at(write, [0, 0, 1.00002], "1.2", number=1)
    )
    assert uids(image_set) == ["1.2", "1.1"]


def test_slices_of_several_orientations_come_in_the_order_of_their_numbers(write):
    image_set, _ = read(
        write,
        slice_at(write, [0, 0, 5], "1.5", number=3),
        slice_at(write, [0, 0, 9], "1.4", number=1, orientation=SAGITTAL),
        slice_at(write, [0, 0, 1], "1.3", number=2),
    )
    assert uids(image_set) == ["1.4", "1.3", "1.5"]


def test_images_without_place_come_in_the_order_of_their_numbers_then_uids(write):
    image_set, _ = read(
        write,
        instance(write(), "1.9", number=2),
        instance(write(), "1.8", number=2),
        instance(write(), "1.7", number=3),
        instance(write(), "1.99", number=1),
    )
    assert uids(image_set) == ["1.99", "1.8", "1.9", "1.7"]


def test_one_image_without_place_leaves_the_series_to_its_numbers(write):
    image_set, _ = read(write, slice_at(write, [0, 0, 5], "1.5", number=1), instance(write(), "1.4", number=2))
    assert uids(image_set) == ["1.5", "1.4"]


def test_frames_of_one_object_come_in_their_order(write):
    path = write(np.zeros((2, 2), np.uint8), NumberOfFrames=3, PixelData=bytes(12))
    image_set, _ = read(write, instance(path, "1.1"))
    assert [image.frame for image in image_set.images] == [1, 2, 3]


def test_what_cannot_be_decoded_is_named_with_its_reason_and_the_others_go_on(write):
    broken = instance(write(PixelData=b"\0\0"), "1.1")
    image_set, not_assessed = read(write, broken, instance(write(), "1.2"))
    assert uids(image_set) == ["1.2"]
    (one,) = not_assessed
    assert (one.sop_instance_uid, one.sop_class_uid, one.series_instance_uid) == ("1.1", CT, "1.2")
    assert one.reason.startswith("128 bytes of pixel data are declared")


def test_a_series_of_which_nothing_can_be_decoded_has_no_image_set(write):
    image_set, not_assessed = read(write, instance(write(PixelData=None), "1.1"), instance("missing", "1.2"))
    assert image_set is None
    assert [one.sop_instance_uid for one in not_assessed] == ["1.1", "1.2"]


def test_the_set_tells_a_model_what_it_may_know(write):
    first = instance(write(), "1.1", body_part="CHEST", view="PA", laterality="U", age_years=45.0, sex="F")
    image_set, _ = read(write, first)
    assert image_set.series_instance_uid == "1.2"
    assert (image_set.modality, image_set.body_part, image_set.view) == ("CT", "CHEST", "PA")
    assert (image_set.laterality, image_set.age_years, image_set.sex) == ("U", 45.0, "F")


def test_the_age_is_read_from_the_object_when_its_row_has_none(write):
    image_set, _ = read(write, instance(write(), "1.1"), instance(write(PatientAge="006M"), "1.2"))
    assert image_set.age_years == 0.5
    image_set, _ = read(write, instance(write(PatientAge="045Y"), "1.1", age_years=44.0))
    assert image_set.age_years == 44


def test_a_series_that_tells_no_age_has_none(write):
    image_set, _ = read(write, instance(write(), "1.1"))
    assert image_set.age_years is None


def test_images_carry_the_uid_under_which_their_instance_is_known(write):
    image_set, _ = read(write, instance(write(SOPInstanceUID="9.9"), "1.1"))
    assert uids(image_set) == ["1.1"]


def test_the_contrast_agent_is_that_of_the_first_instance_that_names_the_tag(write):
    plain, first, second = (
        instance(write(), "1.1"),
        *(
            instance(write(ContrastBolusAgent=agent), uid)
            for agent, uid in (("IOMERON 400", "1.2"), ("GADOVIST", "1.3"))
        ),
    )
    image_set, _ = read(write, plain, first, second)
    assert image_set.contrast_agent == "IOMERON 400"


def test_a_series_whose_instances_lack_the_tag_has_no_contrast_agent(write):
    image_set, _ = read(write, instance(write(), "1.1"), instance(write(), "1.2"))
    assert image_set.contrast_agent is None


def test_a_contrast_agent_without_a_value_is_empty_and_not_absent(write):
    image_set, _ = read(write, instance(write(), "1.1"), instance(write(ContrastBolusAgent=""), "1.2"))
    assert image_set.contrast_agent == ""


def test_a_contrast_agent_comes_on_one_line(write):
    image_set, _ = read(write, instance(write(ContrastBolusAgent="CE\x1b[31m  "), "1.1"))
    assert image_set.contrast_agent == "CE [31m"


def test_an_instance_that_cannot_be_decoded_tells_no_contrast_agent(write):
    broken = instance(write(ContrastBolusAgent="IOMERON", PixelData=b"\0\0"), "1.1")
    image_set, _ = read(write, broken, instance(write(), "1.2"))
    assert image_set.contrast_agent is None
