"""The presentation state marks what is present over the untouched images of one series, and says who says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from node.plugin import Finding
from node.report.presentation_state import presentation_states
from node.report.viewer_report import viewer_report
from node.study import Analysis, Explanation, Region
from tests.report.material import (
    STUDY,
    analysis,
    banded,
    by_uid,
    header,
    image,
    manifest,
    read_back,
    region,
    spec,
)
from tests.report.walk import named

ROOT = Path(__file__).parents[2]
SERIES = manifest(level="series", name="brain-tumour-mr", series_number=9010)


def states(told: Analysis, sources: Sequence[Dataset], regions: Sequence[Region]) -> list[Dataset]:
    """The states as another program reads them."""
    return [read_back(ds) for ds in presentation_states(told, by_uid(*sources), Explanation(tuple(regions)))]


def one_state(ds: Dataset, *regions: Region, **changes: object) -> Dataset:
    """The only state of an analysis of that source."""
    (state,) = states(analysis(ds, **changes), [ds], regions or [region(ds)])
    return state


def all_present(told: Analysis) -> Analysis:
    """The same analysis, with every finding at 90 %."""
    items = []
    for item in told.analysed:
        findings = tuple(replace(finding, probability=0.9) for finding in item.prediction.findings)
        items.append(replace(item, prediction=replace(item.prediction, findings=findings)))
    return replace(told, analysed=tuple(items))


def several_findings(*names: str) -> Dataset:
    """The state of one film on which all of these are present and marked."""
    ds = header("DX")
    told = all_present(analysis(ds, manifest=manifest(findings=tuple(spec(name) for name in names))))
    (state,) = states(told, [ds], [region(ds, name) for name in names])
    return state


def polylines(item: Dataset) -> list[list[tuple[float, float]]]:
    """The points of each graphic of an annotation."""
    return [
        [(column, row) for column, row in np.reshape(graphic.GraphicData, (-1, 2)).tolist()]
        for graphic in item.GraphicObjectSequence
    ]


def test_where_nothing_is_marked_there_is_no_state() -> None:
    ds = header("DX")
    assert states(analysis(ds), [ds], []) == []


@pytest.mark.parametrize("probability", [0.1, 0.47])
def test_a_finding_that_is_not_present_has_no_mark(probability: float) -> None:
    ds = header("DX")
    told = analysis(ds, probability=probability, manifest=manifest(findings=(banded(),)))
    assert states(told, [ds], [region(ds)]) == []


def test_an_abstention_has_no_mark() -> None:
    ds = header("DX")
    assert states(analysis(ds, abstained="unlike what the model knows"), [ds], [region(ds)]) == []


def test_a_place_on_an_image_that_was_not_analysed_is_not_marked() -> None:
    seen, unseen = header("DX"), header("DX", image=2)
    assert states(analysis(seen), [seen, unseen], [region(unseen)]) == []


def test_the_contour_is_the_region_point_by_point() -> None:
    ds = header("DX")
    contour = polylines(one_state(ds).GraphicAnnotationSequence[0])[0]
    place = region(ds)
    assert contour == [*place.polygon, place.polygon[0]]  # PS3.3 C.10.5: 0\0 is the outer corner in both


def test_the_arrow_leads_from_the_text_to_the_contour() -> None:
    (item,) = one_state(header("DX")).GraphicAnnotationSequence
    (text,) = item.TextObjectSequence
    contour, arrow = polylines(item)
    (left, top), (right, bottom) = text.BoundingBoxTopLeftHandCorner, text.BoundingBoxBottomRightHandCorner
    assert left - 1e-4 <= arrow[0][0] <= right + 1e-4
    assert top - 1e-4 <= arrow[0][1] <= bottom + 1e-4
    assert arrow[1] == pytest.approx(text.AnchorPoint)
    corners = np.array(contour)
    sides, reach = np.diff(corners, axis=0), np.array(arrow[1]) - corners[:-1]
    across = sides[:, 0] * reach[:, 1] - sides[:, 1] * reach[:, 0]
    assert np.abs(across / np.linalg.norm(sides, axis=1)).min() < 1e-3, "the tip lies on a side"


def test_the_text_says_that_nobody_verified_it_and_names_finding_probability_and_threshold() -> None:
    (item,) = one_state(header("DX")).GraphicAnnotationSequence
    words = " ".join(item.TextObjectSequence[0].UnformattedTextValue.split())
    assert words == "AI, not verified: Opacity of the lung 87 % (threshold 50 %) RESEARCH"


def test_several_places_of_a_finding_share_one_text_and_each_has_contour_and_arrow() -> None:
    ds = header("DX")
    far = Region("opacity", ds.SOPInstanceUID, 1, ((2.0, 45.0), (8.0, 45.0), (5.0, 50.0)), 0.2)
    (item,) = one_state(ds, far, region(ds)).GraphicAnnotationSequence
    assert len(item.TextObjectSequence) == 1
    lengths = [len(points) for points in polylines(item)]
    assert lengths == [4, 4, 5, 5]
    assert polylines(item)[0][0] == (10.0, 10.0), "the weightier place comes first"


def test_each_finding_has_a_layer_of_its_own_that_names_it() -> None:
    state = several_findings("opacity", "effusion")
    layers = {layer.GraphicLayer: layer for layer in state.GraphicLayerSequence}
    assert [layer.GraphicLayerDescription for layer in layers.values()] == [
        "AI: Opacity of the lung",
        "AI: Effusion of the lung",
    ]
    assert [layer.GraphicLayerOrder for layer in layers.values()] == [1, 2]
    for item in state.GraphicAnnotationSequence:
        label = layers[item.GraphicLayer].GraphicLayerDescription.removeprefix("AI: ")
        assert label in " ".join(item.TextObjectSequence[0].UnformattedTextValue.split())


def test_layers_have_different_colours() -> None:
    state = several_findings("opacity", "effusion", "nodule", "mass", "fracture")
    colours = {tuple(layer.GraphicLayerRecommendedDisplayCIELabValue) for layer in state.GraphicLayerSequence}
    assert len(colours) == 5


def test_long_and_strange_names_make_different_valid_layers() -> None:
    state = several_findings("pulmonary-nodule-in-the-left-lung", "pulmonary-nodule-in-the-right-lung", "Pleuraerguß")
    names = [layer.GraphicLayer for layer in state.GraphicLayerSequence]
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"[A-Z0-9_]{1,16}", name) for name in names)


def test_texts_of_several_findings_do_not_cover_one_another() -> None:
    ds = header("DX")
    told = all_present(analysis(ds, manifest=manifest(findings=(spec("opacity"), spec("effusion")))))
    (item,) = told.analysed
    large = replace(item.image_set.images[0], pixels=np.zeros((1000, 800), np.float32))
    told = replace(told, analysed=(replace(item, image_set=replace(item.image_set, images=(large,))),))
    (state,) = states(told, [ds], [region(ds), region(ds, "effusion")])
    (one,), (other,) = (item.TextObjectSequence for item in state.GraphicAnnotationSequence)
    starts = [text.BoundingBoxTopLeftHandCorner for text in (one, other)]
    ends = [text.BoundingBoxBottomRightHandCorner for text in (one, other)]
    assert any(max(a[axis] for a in starts) >= min(b[axis] for b in ends) for axis in (0, 1))


def test_the_overlays_of_the_source_get_a_layer_below_the_marks() -> None:
    ds = header("DX")
    ds.add_new((0x6000, 0x0010), "US", 64)
    state = one_state(ds)
    assert [layer.GraphicLayer for layer in state.GraphicLayerSequence] == ["OVERLAYS", "1_OPACITY"]
    assert state[0x6000, 0x1001].value == "OVERLAYS"


def test_the_state_refers_to_the_marked_images_of_its_series_only() -> None:
    sources = [header("MR", image=number) for number in range(1, 5)]
    (state,) = states(analysis(*sources, manifest=SERIES), sources, [region(sources[1]), region(sources[2])])
    (series,) = state.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == sources[0].SeriesInstanceUID
    assert [item.ReferencedSOPInstanceUID for item in series.ReferencedImageSequence] == [
        f"{STUDY}.1.2",
        f"{STUDY}.1.3",
    ]
    assert {item.ReferencedSOPClassUID for item in series.ReferencedImageSequence} == {sources[0].SOPClassUID}


def test_each_annotation_names_its_image_where_the_state_has_several() -> None:
    sources = [header("MR", image=number) for number in range(1, 5)]
    (state,) = states(analysis(*sources, manifest=SERIES), sources, [region(sources[1]), region(sources[2])])
    named_by = [
        [reference.ReferencedSOPInstanceUID for reference in item.ReferencedImageSequence]
        for item in state.GraphicAnnotationSequence
    ]
    assert named_by == [[f"{STUDY}.1.2"], [f"{STUDY}.1.3"]]


def test_what_holds_for_all_images_names_none() -> None:
    state = one_state(header("CT", WindowCenter="40", WindowWidth="80"))
    for keyword in ("GraphicAnnotationSequence", "DisplayedAreaSelectionSequence", "SoftcopyVOILUTSequence"):
        (item,) = state[keyword].value
        assert "ReferencedImageSequence" not in item  # type 1C: only where it holds for some


def test_each_series_has_a_state_of_its_own_within_one_series_of_results() -> None:
    films = [header("DX", series=number) for number in (1, 2)]
    made = states(analysis(*films), films, [region(film) for film in films])
    assert [state.ReferencedSeriesSequence[0].SeriesInstanceUID for state in made] == [f"{STUDY}.1", f"{STUDY}.2"]
    assert len({state.SOPInstanceUID for state in made}) == 2
    assert len({state.SeriesInstanceUID for state in made}) == 1
    assert [state.InstanceNumber for state in made] == [1, 2]


def test_films_of_one_series_that_were_analysed_one_by_one_share_a_state() -> None:
    films = [header("DX", image=number) for number in (1, 2)]
    (state,) = states(analysis(*films), films, [region(film) for film in films])
    assert len(state.ReferencedSeriesSequence[0].ReferencedImageSequence) == 2
    assert len(state.GraphicLayerSequence) == 1


def test_marked_frames_of_a_multi_frame_image_are_named() -> None:
    ds = header("US")
    told = analysis(ds, manifest=manifest(level="series"))
    (item,) = told.analysed
    frames = tuple(image(ds, number) for number in (1, 2, 3))
    findings = (Finding("opacity", 2.0, 0.9, ds.SOPInstanceUID, 3),)
    told = replace(
        told,
        analysed=(
            replace(
                item,
                image_set=replace(item.image_set, images=frames),
                prediction=replace(item.prediction, findings=findings),
            ),
        ),
    )
    (state,) = states(told, [ds], [region(ds, frame=3), region(ds, frame=1)])
    (reference,) = state.ReferencedSeriesSequence[0].ReferencedImageSequence
    assert reference.ReferencedFrameNumber == [1, 3]
    annotated = [item.ReferencedImageSequence[0].ReferencedFrameNumber for item in state.GraphicAnnotationSequence]
    assert annotated == [3, 1]


def test_images_with_different_windows_keep_them_in_one_state() -> None:
    sources = [header("CT", image=number, WindowCenter=f"{10 * number}", WindowWidth="80") for number in range(1, 4)]
    (state,) = states(analysis(*sources, manifest=SERIES), sources, [region(ds) for ds in sources])
    told = {
        item.ReferencedImageSequence[0].ReferencedSOPInstanceUID: float(item.WindowCenter)
        for item in state.SoftcopyVOILUTSequence
    }
    assert told == {f"{STUDY}.1.{number}": 10.0 * number for number in range(1, 4)}


def test_images_with_the_same_window_share_one_item() -> None:
    sources = [header("CT", image=number, WindowCenter="40", WindowWidth="80") for number in range(1, 4)]
    (state,) = states(analysis(*sources, manifest=SERIES), sources, [region(ds) for ds in sources])
    assert len(state.SoftcopyVOILUTSequence) == 1
    assert "ReferencedImageSequence" not in state.SoftcopyVOILUTSequence[0]


def test_a_window_holds_only_for_the_images_that_have_one() -> None:
    sources = [header("CT", WindowCenter="40", WindowWidth="80"), header("CT", image=2)]
    (state,) = states(analysis(*sources, manifest=SERIES), sources, [region(ds) for ds in sources])
    (item,) = state.SoftcopyVOILUTSequence
    assert [one.ReferencedSOPInstanceUID for one in item.ReferencedImageSequence] == [f"{STUDY}.1.1"]


def test_images_with_different_rescale_need_a_state_each() -> None:
    sources = [header("MR", image=n, RescaleSlope=f"{n}", RescaleIntercept="0") for n in (1, 2, 3)]
    sources[2].RescaleSlope = "1"
    made = states(analysis(*sources, manifest=SERIES), sources, [region(ds) for ds in sources])
    slopes = [(float(one.RescaleSlope), len(one.GraphicAnnotationSequence)) for one in made]
    assert slopes == [(1.0, 2), (2.0, 1)]


def test_images_of_different_sizes_have_displayed_areas_of_their_own() -> None:
    sources = [header("MR", image=number) for number in (1, 2)]
    told = analysis(*sources, manifest=SERIES)
    (item,) = told.analysed
    first, second = item.image_set.images
    second = replace(second, pixels=np.zeros((100, 90), np.float32))
    told = replace(told, analysed=(replace(item, image_set=replace(item.image_set, images=(first, second))),))
    (state,) = states(told, sources, [region(ds) for ds in sources])
    areas = [area.DisplayedAreaBottomRightHandCorner for area in state.DisplayedAreaSelectionSequence]
    assert areas == [[48, 64], [90, 100]]


def test_a_colour_image_gets_a_colour_state_without_windows() -> None:
    state = one_state(header("XC", WindowCenter="40", WindowWidth="80"))
    assert state.SOPClassUID == "1.2.840.10008.5.1.4.1.1.11.2"
    assert state.file_meta.MediaStorageSOPClassUID == state.SOPClassUID
    assert "ICCProfile" in state
    assert "SoftcopyVOILUTSequence" not in state


def test_the_state_tells_when_and_by_what_it_was_created_in_the_time_zone_of_the_source() -> None:
    state = one_state(header("DX", TimezoneOffsetFromUTC="+0200"))
    assert (state.PresentationCreationDate, state.PresentationCreationTime) == ("20250615", "170640")
    assert (state.ContentLabel, state.ContentCreatorName) == ("AI_FINDINGS", "chest-radiograph^AI")
    assert state.ContentDescription == "AI, not verified: Opacity of the lung"
    assert not {"ContentDate", "ContentTime"} & set(state.dir())


def test_the_header_is_that_of_the_source_in_the_series_for_marks() -> None:
    state = one_state(header("DX", ImageLaterality="L", BodyPartExamined="HAND"))
    assert (state.PatientID, state.AccessionNumber, state.StudyInstanceUID) == ("P-1", "A-77", STUDY)
    assert (state.Modality, state.SeriesNumber, state.Laterality) == ("PR", 9003, "L")
    assert "marks, RESEARCH" in state.SeriesDescription


def test_places_are_tracked_as_in_the_viewers_report() -> None:
    ds = header("DX")
    told, places = analysis(ds), [region(ds), region(ds, share=0.2)]
    (state,) = states(told, [ds], places)
    report = viewer_report(told, by_uid(ds), places)
    assert report is not None
    tracked = [item.UID for item in named(report, "112040")]
    (item,) = state.GraphicAnnotationSequence
    assert [graphic.TrackingUID for graphic in item.GraphicObjectSequence if "TrackingUID" in graphic] == tracked


def test_missing_headers_are_tolerated() -> None:
    ds = header("DX")
    (state,) = states(analysis(ds), [], [region(ds)])
    assert state.PatientName == ""
    assert state.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPClassUID == ds.SOPClassUID


def test_a_japanese_name_is_kept() -> None:
    terms, name = ["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert one_state(header("DX", SpecificCharacterSet=terms, PatientName=name)).PatientName == name


@pytest.mark.parametrize("seed", ["1", "2"])
def test_another_process_builds_the_same_bytes(seed: str, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from tests.report import test_presentation_state as t\n"
        "made = {'grey': t.several_findings('opacity', 'effusion'), 'colour': t.one_state(t.header('XC'))}\n"
        "for name, ds in made.items():\n"
        "    ds.save_as(f'{sys.argv[1]}/{name}', enforce_file_format=True)\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=environment, check=True)
    for name, ds in (("grey", several_findings("opacity", "effusion")), ("colour", one_state(header("XC")))):
        ds.save_as(tmp_path / "mine", enforce_file_format=True)
        digests = {sha256((tmp_path / one).read_bytes()).hexdigest() for one in ("mine", name)}
        assert len(digests) == 1
