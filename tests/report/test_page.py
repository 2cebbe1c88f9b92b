"""The page: one side of A4, whatever is reported, on which nothing lies upon anything else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.report.page.block import Photo, Words
from node.report.page.page import SIDE, arranged
from node.study import Explanation
from tests.report.material import (
    analysis,
    banded,
    by_uid,
    contribution,
    header,
    manifest,
    not_assessed,
    picture,
    spec,
)
from tests.report.sheet import (
    FOURTEEN,
    LIMITS,
    all_at,
    assert_nothing_overlaps,
    explained,
    film,
    header_of,
    marks_of,
    talkative,
    text_of,
)
from tests.report.test_gate import CASES


@pytest.mark.parametrize("name", CASES)
def test_whatever_is_reported_nothing_overlaps_and_all_is_within_the_margins(name: str) -> None:
    told, sources, regions, pictures = CASES[name]()
    words = tuple(contribution(ds) for ds in sources)
    assert_nothing_overlaps(marks_of(told, *sources, explanation=Explanation(tuple(regions), tuple(pictures), words)))


@pytest.mark.parametrize("count", [1, 5, 7, 8, 14, 15, 40])
@pytest.mark.parametrize("probability", [0.05, 0.5, 0.95])
def test_however_many_findings_nothing_overlaps(count: int, probability: float) -> None:
    told, ds = film(findings=tuple(banded(f"finding {number}") for number in range(count)))
    assert_nothing_overlaps(marks_of(talkative(all_at(told, probability)), ds))


@pytest.mark.filterwarnings("ignore:The PN component length")
def test_the_fullest_page_still_holds_everything_apart() -> None:
    ds, unseen = header(PatientName="Wolfeschlegelstein^" * 30, PatientID="W" * 64), header(image=2)
    told = talkative(
        analysis(
            ds,
            manifest=manifest(
                title="A title without end " * 20,
                findings=tuple(banded(f"finding {number}", label=f"Finding {number} " * 30) for number in range(40)),
                limits=("No limit of this model is ever told in few words. " * 3,) * 6,
                intended_use="Everything. " * 200,
            ),
            not_assessed=tuple(not_assessed(unseen, f"reason {number} " * 20) for number in range(30)),
            expected=90,
        )
    )
    square = replace(picture(ds, "finding 0"), pixels=np.zeros((1024, 1024, 3), np.uint8))
    for probability in (0.05, 0.5, 0.95):
        explanation = replace(explained(told, ds), pictures=(square,) * 2)
        marks = marks_of(all_at(told, probability), ds, explanation=explanation)
        assert_nothing_overlaps(marks)
        (photo,) = (mark for mark in marks if isinstance(mark, Photo))
        assert photo.bottom - photo.top > 130.0
        assert text_of(marks).count("... see the model's card") == 2
        assert "All else. Only the findings in the table are assessed." in text_of(marks)


@pytest.mark.parametrize("shape", [(33, 65), (1000, 20), (20, 1000), (1024, 1024), (4000, 1024), (1, 1)])
def test_a_picture_of_any_shape_keeps_its_shape_and_its_place(shape: tuple[int, int]) -> None:
    told, ds = film(findings=FOURTEEN)
    drawn = replace(picture(ds, "finding 0"), pixels=np.zeros((*shape, 3), np.uint8))
    marks = marks_of(talkative(told), ds, explanation=Explanation(pictures=(drawn,)))
    (photo,) = (mark for mark in marks if isinstance(mark, Photo))
    assert (photo.right - photo.left) / (photo.bottom - photo.top) == pytest.approx(shape[1] / shape[0])
    assert_nothing_overlaps(marks)


@settings(max_examples=40)
@given(
    name=st.text(max_size=200),
    identity=st.text(max_size=80),
    label=st.text(min_size=1, max_size=200),
    reason=st.text(max_size=1200),
    limit=st.text(max_size=160),
)
def test_whatever_is_written_in_the_header_or_the_manifest_nothing_overlaps(
    name: str, identity: str, label: str, reason: str, limit: str
) -> None:
    ds = header()
    told = analysis(
        ds,
        abstained=reason,
        manifest=manifest(
            title=label, findings=(spec(label=label), spec("other")), limits=(limit,) * 6, intended_use=reason
        ),
    )
    role = header_of(told, by_uid(ds))
    role.StudyDescription = role.AccessionNumber = role.PatientID = identity.replace("\\", "")
    role.PatientName = name.replace("\\", "")
    assert_nothing_overlaps(arranged(told, role, by_uid(ds), explained(told, ds)))


def test_many_series_share_one_page_and_those_with_a_finding_come_first() -> None:
    sources = [header(series=number, SeriesNumber=number) for number in range(1, 31)]
    told = analysis(*sources, manifest=manifest(findings=(spec(), spec("other")), limits=LIMITS))
    marks = marks_of(told, *sources)
    said = text_of(marks)
    assert "Opacity of the lung, series 14 " in said
    assert "Other of the lung, series 1 " not in said
    assert "... and 46 more: see the Structured Report" in said
    assert_nothing_overlaps(marks)


def test_series_without_numbers_of_their_own_are_counted() -> None:
    sources = [header(series=number) for number in (1, 2)]
    said = text_of(marks_of(analysis(*sources), *sources))
    assert "Opacity of the lung, 1 of 2" in said
    assert "Opacity of the lung, 2 of 2" in said


def test_the_picture_is_that_of_the_image_that_shows_the_finding_best() -> None:
    sources = [header("MR", image=number) for number in range(1, 5)]
    told = analysis(*sources, manifest=manifest(level="series"))
    drawn = [
        replace(picture(ds), pixels=np.full((10, 10 * place, 3), 9, np.uint8)) for place, ds in enumerate(sources, 1)
    ]
    marks = marks_of(told, *sources, explanation=Explanation(pictures=tuple(drawn)))
    (photo,) = (mark for mark in marks if isinstance(mark, Photo))
    assert (photo.right - photo.left) / (photo.bottom - photo.top) == pytest.approx(3.0)  # the third is the key image
    assert "Picture 3 of 4; all are in the series of heatmaps." in text_of(marks)


def test_without_a_picture_the_words_take_its_place() -> None:
    told, ds = film()
    marks = marks_of(told, ds, explanation=Explanation())
    assert not [mark for mark in marks if isinstance(mark, Photo)]
    (reasons,) = (mark for mark in marks if isinstance(mark, Words) and mark.text == "Reasons")
    assert reasons.left == SIDE


def test_the_picture_keeps_a_third_of_the_width_however_much_is_said() -> None:
    told, ds = film(findings=FOURTEEN, limits=LIMITS * 2)
    square = replace(picture(ds, "finding 0"), pixels=np.zeros((1024, 1024, 3), np.uint8))
    marks = marks_of(talkative(all_at(told, 0.9)), ds, explanation=Explanation(pictures=(square,)))
    (photo,) = (mark for mark in marks if isinstance(mark, Photo))
    assert photo.right - photo.left > 140.0
