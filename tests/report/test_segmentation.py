"""A Segmentation marks exactly what the evidence says is inside, one segment for each finding that is present."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dictionary

from node.report import build, codes
from node.report.segmentation import segmentations
from node.study import Explanation, Layer
from tests.report import walk
from tests.report.material import by_uid, header, read_back, spec
from tests.report.stack import OBLIQUE, enhanced, evidence, inside, layer, made, series, stack, told


def segmentation(sources: list[Dataset], *layers: Layer, **changes: object) -> hd.seg.Segmentation:
    """The only one, as highdicom reads it."""
    (ds,) = made(segmentations, sources, Explanation(layers=layers) if layers else None, **changes)
    return hd.seg.Segmentation.from_dataset(ds)


def masks(found: hd.seg.Segmentation, sources: list[Dataset]) -> Mapping[int, np.ndarray]:
    """(slices, rows, columns) of each segment; highdicom refuses a slice that has no frame."""
    uids = [ds.SOPInstanceUID for ds in sources]
    read = found.get_pixels_by_source_instance(uids)
    return {number: read[..., number - 1].astype(bool) for number in found.segment_numbers}


@pytest.mark.parametrize("orientation", [OBLIQUE, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)], ids=["oblique", "sagittal"])
def test_highdicom_reads_exactly_what_is_inside(orientation: tuple[float, ...]) -> None:
    sources = stack((10.0, 0.0, 5.0), orientation=orientation)
    read = masks(segmentation(sources), sources)
    np.testing.assert_array_equal(read[1], [inside(int(ds.InstanceNumber) + 1) for ds in sources])


def test_highdicom_reads_exactly_what_is_inside_frame_by_frame() -> None:
    source = enhanced((10.0, 0.0, 5.0))
    read = segmentation([source]).get_pixels_by_source_frame(source.SOPInstanceUID, [1, 2, 3])
    np.testing.assert_array_equal(read[..., 0], [inside(1 + frame) for frame in (1, 2, 3)])


@pytest.mark.parametrize("shape", [(3, 5), (7, 9), (8, 8)])
def test_frames_that_fill_no_whole_bytes_follow_without_a_gap(shape: tuple[int, int]) -> None:
    sources = stack()
    rng = np.random.default_rng(7)
    looked = series(*sources)
    (item,) = looked.analysed
    small = tuple(replace(one, pixels=one.pixels[: shape[0], : shape[1]]) for one in item.image_set.images)
    cut = replace(looked, analysed=(replace(item, image_set=replace(item.image_set, images=small)),))
    wanted = [rng.random(shape) > 0.5 for _ in sources]
    layers = tuple(
        layer(ds, inside=mask, density=np.zeros(shape, np.float32)) for ds, mask in zip(sources, wanted, strict=True)
    )
    (ds,) = segmentations(cut, by_uid(*sources), Explanation(layers=layers))
    np.testing.assert_array_equal(read_back(ds).pixel_array.astype(bool), wanted)
    assert len(ds.PixelData) % 2 == 0


def test_each_present_finding_is_a_segment() -> None:
    sources = stack()
    nodule = [layer(ds, "nodule", inside=np.roll(inside(1), 20, axis=1)) for ds in sources]
    found = segmentation(sources, *evidence(*sources).layers, *nodule)
    assert [item.SegmentLabel for item in found.SegmentSequence] == ["Opacity of the lung", "Nodule of the lung"]
    read = masks(found, sources)
    np.testing.assert_array_equal(read[2], [one.inside for one in nodule])
    colours = {tuple(item.RecommendedDisplayCIELabValue) for item in found.SegmentSequence}
    assert len(colours) == 2


def test_a_finding_of_which_nothing_is_inside_is_no_segment() -> None:
    sources = stack()
    nothing = [layer(ds, inside=np.zeros((64, 48), bool)) for ds in sources]
    nodule = evidence(*sources, finding="nodule").layers
    (item,) = segmentation(sources, *nothing, *nodule).SegmentSequence
    assert (item.SegmentNumber, item.SegmentLabel) == (1, "Nodule of the lung")
    assert made(segmentations, sources, Explanation(layers=tuple(nothing))) == []


def test_a_slice_with_evidence_has_a_frame_though_nothing_is_inside() -> None:
    sources = stack()
    seen = [layer(sources[1]), layer(sources[2], inside=np.zeros((64, 48), bool))]
    found = segmentation(sources, *seen)
    assert found.number_of_frames == 2
    read = masks(found, sources[1:3])
    assert read[1][0].any()
    assert not read[1][1].any()


def test_a_slice_without_evidence_has_no_frame_and_no_number() -> None:
    sources = stack()
    found = segmentation(sources, layer(sources[0]), layer(sources[3]))
    contents = [groups.FrameContentSequence[0] for groups in found.PerFrameFunctionalGroupsSequence]
    assert [list(content.DimensionIndexValues) for content in contents] == [[1, 1], [1, 2]]
    (referenced,) = found.ReferencedSeriesSequence
    assert len(referenced.ReferencedInstanceSequence) == 2
    assert found.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices == 5


@pytest.mark.parametrize(("shift", "overlap"), [(0, "YES"), (24, "NO")])
def test_it_says_whether_segments_overlap(shift: int, overlap: str) -> None:
    sources = stack()
    nodule = [layer(ds, "nodule", inside=np.roll(inside(1), shift, axis=1)) for ds in sources]
    opacity = [layer(ds, inside=inside(1)) for ds in sources]
    assert segmentation(sources, *opacity, *nodule).SegmentsOverlap == overlap


def test_segments_on_different_slices_do_not_overlap() -> None:
    sources = stack()
    assert segmentation(sources, layer(sources[0]), layer(sources[1], "nodule")).SegmentsOverlap == "NO"


def test_a_segment_is_tracked_as_the_finding_is_in_the_report() -> None:
    sources = stack()
    looked, explanation = series(*sources, patient_key="ab12"), evidence(*sources)
    objects = dict(build(looked, by_uid(*sources), explanation, ("sr", "seg")))
    (item,) = objects["seg"].SegmentSequence
    reported = walk.groups(objects["sr"])[0]
    (identifier,), (uid,) = walk.named(reported, "112039"), walk.named(reported, "112040")
    assert (item.TrackingID, item.TrackingUID) == (identifier.TextValue, uid.UID)


def test_a_segment_names_its_finding_its_site_and_its_algorithm() -> None:
    found = segmentation(stack())
    (item,) = found.SegmentSequence
    description = found.get_segment_description(1)
    assert description.segmented_property_type == codes.concept(spec().code)
    assert description.segmented_property_category == dictionary.SCT.MorphologicallyAbnormalStructure
    assert item.SegmentedPropertyTypeCodeSequence[0].CodeValue == spec().code.value
    assert item.AnatomicRegionSequence[0].CodeValue == "39607008"
    assert (item.SegmentAlgorithmType, item.SegmentAlgorithmName) == ("AUTOMATIC", "chest-radiograph 1.2.0")
    (algorithm,) = item.SegmentationAlgorithmIdentificationSequence
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("chest-radiograph", "1.2.0")
    assert "input size: 320 x 320" in algorithm.AlgorithmParameters


def test_a_finding_without_a_site_has_no_region() -> None:
    claims = told(findings=(spec(site=None),))
    (item,) = segmentation(stack(), claims=claims).SegmentSequence
    assert "AnatomicRegionSequence" not in item


def test_the_side_that_was_looked_at_is_told() -> None:
    sources = stack(BodyPartExamined="KNEE")
    looked = series(*sources)
    (analysed,) = looked.analysed
    sided = replace(analysed, image_set=replace(analysed.image_set, laterality="L"))
    (ds,) = segmentations(replace(looked, analysed=(sided,)), by_uid(*sources), evidence(*sources))
    region = ds.SegmentSequence[0].AnatomicRegionSequence[0]
    assert region.AnatomicRegionModifierSequence[0].CodeMeaning == "Left"
    assert "Laterality" not in ds


def test_a_single_slice_of_unknown_thickness_has_none() -> None:
    assert made(segmentations, stack((0.0,), SliceThickness=None)) == []
    assert len(made(segmentations, stack((0.0,), SliceThickness=2))) == 1


def test_each_series_has_one() -> None:
    first, second = header("MR", series=1), header("MR", series=2, FrameOfReferenceUID="1.2.3.4")
    looked = series(first)
    both = replace(looked, analysed=looked.analysed + series(second).analysed)
    found = list(segmentations(both, by_uid(first, second), evidence(first, second)))
    assert [ds.FrameOfReferenceUID for ds in found] == [first.FrameOfReferenceUID, "1.2.3.4"]
    assert len({ds.SeriesInstanceUID for ds in found}) == 2
    assert [ds.ReferencedSeriesSequence[0].SeriesInstanceUID for ds in found] == [
        first.SeriesInstanceUID,
        second.SeriesInstanceUID,
    ]
