"""The table of the page: every figure of a finding, and its probability on the scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from node.report.page.block import MUTED, Bar, Mark, Words
from node.report.page.page import SIDE
from node.report.page.typeface import BOLD
from tests.report.material import (
    analysis,
    header,
    spec,
)
from tests.report.sheet import (
    film,
    marks_of,
)


def bars_right_of(marks: Sequence[Mark], word: str) -> list[Bar]:
    """The bars in the row of that word."""
    (row,) = (mark for mark in marks if isinstance(mark, Words) and mark.text == word and mark.size == 6.9)
    inside = [
        mark for mark in marks if isinstance(mark, Bar) and row.top - 3 < mark.top and mark.bottom < row.bottom + 2
    ]
    return [mark for mark in inside if mark.right - mark.left < 100.0]


def test_the_scale_shows_the_probability_right_of_the_operating_point_only_when_present() -> None:
    for probability, side in ((0.9, 1), (0.1, -1)):
        ds = header()
        marks = marks_of(analysis(ds, probability=probability), ds)
        bars = bars_right_of(marks, "present" if probability > 0.5 else "absent")
        (square,) = (one for one in bars if one.grey == 0.0 and one.right - one.left == pytest.approx(3.6))
        (stroke,) = (one for one in bars if one.grey == MUTED and one.right - one.left == pytest.approx(0.8))
        assert np.sign(square.left - stroke.left) == side


def test_a_finding_without_an_answer_has_no_place_on_the_scale() -> None:
    ds = header()
    bars = bars_right_of(marks_of(analysis(ds, abstained="it is no film"), ds), "not assessed")
    assert not [one for one in bars if one.right - one.left == pytest.approx(3.6)]


def test_what_is_absent_stands_back_and_all_else_is_bold() -> None:
    told, ds = film(findings=(spec(), spec("nodule")))
    cells = {mark.text: mark.typeface for mark in marks_of(told, ds) if isinstance(mark, Words) and mark.size == 6.9}
    assert (cells["Opacity of the lung"] == BOLD, cells["Nodule of the lung"] == BOLD) == (True, False)


def test_findings_stand_in_the_order_of_the_manifest_where_all_of_them_fit() -> None:
    told, ds = film(findings=(spec(), spec("nodule"), spec("abscess")))
    (item,) = told.analysed
    raised = tuple(replace(one, probability=0.9 if one.name == "abscess" else 0.1) for one in item.prediction.findings)
    told = replace(told, analysed=(replace(item, prediction=replace(item.prediction, findings=raised)),))
    rows = [mark for mark in marks_of(told, ds) if isinstance(mark, Words) and mark.size == 6.9 and mark.left == SIDE]
    assert [one.text.split()[0] for one in sorted(rows, key=lambda row: row.top)] == ["Opacity", "Nodule", "Abscess"]
