"""The page as a file: one page, searchable text, its own letters, and nothing of the patient beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from node.plugin import Code, Finding, Prediction
from node.report.page.block import Words
from node.report.page.page import page
from node.study import Explanation
from tests.report.material import (
    analysis,
    by_uid,
    header,
    picture,
    spec,
)
from tests.report.sheet import (
    FOURTEEN,
    explained,
    film,
    header_of,
    marks_of,
    pdf_of,
)
from tests.report.test_gate import CASES


def test_it_is_one_page_of_a4_with_text_that_can_be_searched() -> None:
    reader = pdf_of(*film())
    (only,) = reader.pages
    assert (float(only.mediabox.width), float(only.mediabox.height)) == pytest.approx((595.28, 841.89), abs=0.01)
    text = only.extract_text()
    for words in ("Doe, Jane", "Present: Opacity of the lung (87 %)", "No person has verified it", "Page 1 of 1"):
        assert words in text


@pytest.mark.parametrize("name", CASES)
def test_the_text_of_the_file_is_the_text_of_the_page(name: str) -> None:
    told, sources, regions, pictures = CASES[name]()
    explanation = Explanation(tuple(regions), tuple(pictures))
    reader = pdf_of(told, *sources, explanation=explanation)
    assert len(reader.pages) == 1
    read = "".join(reader.pages[0].extract_text().split())
    for mark in marks_of(told, *sources, explanation=explanation):
        if isinstance(mark, Words):
            assert "".join(mark.text.split()) in read


def test_the_picture_on_the_page_is_the_picture() -> None:
    told, ds = film()
    pixels = np.arange(33 * 65 * 3, dtype=np.uint8).reshape(33, 65, 3)
    reader = pdf_of(told, ds, explanation=Explanation(pictures=(replace(picture(ds), pixels=pixels),)))
    (image,) = reader.pages[0].images
    assert image.image is not None
    np.testing.assert_array_equal(np.asarray(image.image.convert("RGB")), pixels)


def test_latin_text_brings_its_typeface_along() -> None:
    resources: Any = pdf_of(*film()).pages[0]["/Resources"]
    fonts = [font.get_object() for font in resources["/Font"].get_object().values()]
    assert fonts
    assert all("/FontFile2" in font["/FontDescriptor"] for font in fonts)
    assert {str(font["/BaseFont"]).partition("+")[2].partition("-")[0] for font in fonts} == {"BitstreamVeraSans"}


def test_what_the_file_says_of_itself_names_no_patient_and_no_other_date() -> None:
    told, ds = film()
    described = pdf_of(told, ds).metadata
    assert described is not None
    assert described.title == "Chest radiograph: opacity (chest-radiograph 1.2.0)"
    assert (described.author, described.creator, described.producer) == ("radnode authors", "radnode", "radnode")
    assert described["/CreationDate"] == described["/ModDate"] == "D:20250615150640+00'00'"
    assert not any(secret in str(dict(described)) for secret in ("Doe", "Jane", "P-1", "A-77", "1960"))


def test_the_date_of_the_file_is_that_of_the_analysis_in_its_time_zone() -> None:
    ds = header(TimezoneOffsetFromUTC="-0330")
    described = pdf_of(analysis(ds), ds).metadata
    assert described is not None
    assert described["/CreationDate"] == "D:20250615113640-03'30'"


def test_a_title_beyond_latin_does_not_stop_the_page() -> None:
    told, ds = film(title="Снимок: 肺炎", findings=(spec(label="Пневмония", code=Code("1", "99X", "x")),))
    reader = pdf_of(told, ds)
    assert "Pnevmoniia" in reader.pages[0].extract_text()
    assert reader.metadata is not None
    assert str(reader.metadata.title).startswith("Снимок")


def test_drawing_twice_gives_the_same_bytes() -> None:
    told, ds = film(findings=FOURTEEN)
    known = by_uid(ds)
    first, second = (page(told, header_of(told, known), known, explained(told, ds)) for _ in range(2))
    assert first == second


def test_findings_with_the_strangest_figures_are_still_drawn() -> None:
    told, ds = film()
    (item,) = told.analysed
    strange = (Finding("opacity", 1e9, 1.0),)
    told = replace(told, analysed=(replace(item, prediction=Prediction(findings=strange)),))
    assert "(100 %)" in pdf_of(told, ds).pages[0].extract_text()
