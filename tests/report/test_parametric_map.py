"""A Parametric Map holds the evidence for one finding, pixel by pixel, over the whole volume."""

from __future__ import annotations

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset

from node.plugin import Code
from node.report import parametric_map
from node.report.parametric_map import parametric_maps
from node.study import Explanation, Layer
from tests.report.material import read_back, spec
from tests.report.stack import OBLIQUE, density, enhanced, evidence, layer, made, stack, told


def maps(sources: list[Dataset], *layers: Layer, **changes: object) -> list[Dataset]:
    return made(parametric_maps, sources, Explanation(layers=layers) if layers else None, **changes)


def frames(ds: Dataset) -> np.ndarray:
    """As highdicom reads them."""
    return hd.pm.ParametricMap.from_dataset(ds).get_frames(dtype=np.float32)


def shared(ds: Dataset, macro: str) -> Dataset:
    return ds.SharedFunctionalGroupsSequence[0][macro].value[0]


@pytest.mark.parametrize("modality", ["MR", "CT"])
def test_highdicom_reads_exactly_the_evidence(modality: str) -> None:
    sources = stack((10.0, 0.0, 5.0), modality, OBLIQUE)
    (ds,) = maps(sources)
    np.testing.assert_array_equal(frames(ds), [density(number + 1) for number in (2, 3, 1)])
    assert ds.pixel_array.dtype == np.float32


def test_highdicom_reads_the_evidence_of_an_enhanced_source() -> None:
    (ds,) = maps([enhanced((10.0, 0.0, 5.0))])
    np.testing.assert_array_equal(frames(ds), [density(1 + frame) for frame in (2, 3, 1)])


def test_each_finding_has_a_map_in_a_series_of_its_own() -> None:
    sources = stack()
    found = maps(sources, *evidence(*sources).layers, *evidence(*sources, finding="nodule").layers)
    assert [ds.ContentDescription for ds in found] == [
        "Evidence for Opacity of the lung",
        "Evidence for Nodule of the lung",
    ]
    assert len({ds.SeriesInstanceUID for ds in found}) == 2
    assert len({ds.SOPInstanceUID for ds in found}) == 2


def test_a_finding_that_is_absent_has_a_map_too() -> None:
    assert len(maps(stack(), probability=0.1)) == 1


def test_a_slice_without_evidence_is_filled_and_says_so() -> None:
    sources = stack()
    (ds,) = maps(sources, layer(sources[1]))
    np.testing.assert_array_equal(ds.pixel_array[1], density(3))
    assert not ds.pixel_array[[0, 2, 3]].any()
    said = [groups.FrameContentSequence[0].get("FrameComments") for groups in ds.PerFrameFunctionalGroupsSequence]
    assert [comment is None for comment in said] == [False, True, False, False]
    assert "filled with 0" in said[0]


def test_a_very_large_map_has_frames_for_slices_with_evidence_only(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = stack()
    monkeypatch.setattr(parametric_map, "_MOST_BYTES", 4 * 64 * 48 * 4)
    assert maps(sources, layer(sources[1]))[0].NumberOfFrames == 4
    monkeypatch.setattr(parametric_map, "_MOST_BYTES", 4 * 64 * 48 * 4 - 1)
    (ds,) = maps(sources, layer(sources[1]), layer(sources[3]))
    np.testing.assert_array_equal(ds.pixel_array, [density(3), density(5)])


@pytest.mark.parametrize(("peak", "end"), [(2.5, 2.5), (0.1, 0.25), (-1.0, 0.25)])
def test_the_window_reaches_from_nothing_to_the_peak_but_weak_evidence_looks_weak(peak: float, end: float) -> None:
    sources = stack((0.0,))
    values = np.full((64, 48), -3.0, np.float32)
    values[5, 5] = peak
    (ds,) = maps(sources, layer(sources[0], density=values))
    window = shared(ds, "FrameVOILUTSequence")
    low = float(window.WindowCenter) - float(window.WindowWidth) / 2
    assert (low, low + float(window.WindowWidth)) == pytest.approx((0.0, end))
    assert window.VOILUTFunction == "LINEAR_EXACT"


def test_highdicom_shows_nothing_as_black_and_the_peak_as_white() -> None:
    sources = stack((0.0,))
    values = np.linspace(-1.0, 2.0, 64 * 48, dtype=np.float32).reshape(64, 48)
    (ds,) = maps(sources, layer(sources[0], density=values))
    read = hd.pm.ParametricMap.from_dataset(ds)
    (shown,) = read.get_frames(apply_real_world_transform=False, apply_voi_transform=True)
    assert shown[values <= 0.0].max() == 0.0
    assert shown.max() == pytest.approx(1.0)
    assert shown[32, 24] == pytest.approx(values[32, 24] / 2.0, abs=1e-6)


def test_stored_values_are_the_real_ones_and_their_meaning_is_told() -> None:
    sources = stack()
    (ds,) = maps(sources)
    mapping = shared(ds, "RealWorldValueMappingSequence")
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1.0, 0.0)
    low, high = mapping.DoubleFloatRealWorldValueFirstValueMapped, mapping.DoubleFloatRealWorldValueLastValueMapped
    assert (low, high) == (ds.pixel_array.min(), ds.pixel_array.max())
    (unit,) = mapping.MeasurementUnitsCodeSequence
    assert (unit.CodeValue, unit.CodingSchemeDesignator) == ("1", "UCUM")
    assert mapping.LUTExplanation == "Logits for the finding, per one per cent of the image's area"
    quantity = {
        item.ConceptNameCodeSequence[0].CodeValue: item.ConceptCodeSequence[0]
        for item in mapping.QuantityDefinitionSequence
    }
    assert quantity["246205007"].CodeValue == "130402"
    assert quantity["121071"].CodeValue == spec().code.value


def test_the_quantity_is_what_the_plugin_says_its_maps_are() -> None:
    saliency = Code("130404", "DCM", "Saliency map")
    (ds,) = maps(stack(), claims=told(explanation=saliency))
    first = shared(ds, "RealWorldValueMappingSequence").QuantityDefinitionSequence[0]
    assert first.ConceptCodeSequence[0].CodeValue == "130404"


def test_it_shows_no_face_and_holds_no_text() -> None:
    (ds,) = maps(stack())
    assert (ds.RecognizableVisualFeatures, ds.BurnedInAnnotation) == ("NO", "NO")
    assert list(ds.ImageType) == list(shared(ds, "ParametricMapFrameTypeSequence").FrameType)


@pytest.mark.parametrize(("research", "qualification"), [(True, "RESEARCH"), (False, "PRODUCT")])
def test_its_qualification_is_always_told(research: bool, qualification: str) -> None:
    (ds,) = maps(stack(), claims=told(research_only=research))
    assert ds.ContentQualification == qualification


@pytest.mark.parametrize(("modality", "told_modality"), [("MR", "MR"), ("", "OT"), (None, "OT")])
def test_the_modality_is_that_of_the_equipment_that_acquired_the_source(modality: str, told_modality: str) -> None:
    (ds,) = maps(stack(Modality=modality))
    assert ds.Modality == told_modality


def test_evidence_that_lies_in_memory_in_another_order_is_written_alike() -> None:
    sources = stack((0.0,))
    values = np.asfortranarray(density(2))
    (ds,) = maps(sources, layer(sources[0], density=values))
    np.testing.assert_array_equal(ds.pixel_array, values)
    assert read_back(ds).FloatPixelData == density(2).tobytes()
