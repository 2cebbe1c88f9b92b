"""Texts stay within their room: broken into lines, cut with three dots, and with a word on where the rest stands."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.report.page.block import Bar, Block, Words, beside, frame_margin, framed, stacked
from node.report.page.text import Paragraph, cut, fitted, line, shortened
from node.report.page.typeface import BOLD, REGULAR, width

POINTER = "... see the Structured Report"
LOREM = "The upper right region of the image contributes +1.90 of 2.40 logits; the baseline +0.50. " * 3


def words_of(block: Block) -> list[Words]:
    return [mark for mark in block.marks if isinstance(mark, Words)]


def text_of(block: Block) -> str:
    return " ".join(one.text for one in words_of(block))


def paragraphs(*texts: str) -> list[Paragraph]:
    return [Paragraph(text, f"Finding {number}.") for number, text in enumerate(texts)]


def test_a_paragraph_says_all_its_words_in_lines_within_its_room() -> None:
    lines = Paragraph(LOREM, "Opacity.").lines(150.0)
    assert " ".join(text_of(one) for one in lines) == f"Opacity. {LOREM.strip()}"
    assert len(lines) > 3
    assert all(word.right <= 150.0 for one in lines for word in words_of(one))


def test_the_lead_of_a_paragraph_is_bold_and_the_rest_is_not() -> None:
    (first,) = Paragraph("It is present.", "Opacity.").lines(300.0)
    assert [(one.text, one.typeface) for one in words_of(first)] == [("Opacity.", BOLD), ("It is present.", REGULAR)]


def test_the_pieces_of_a_line_do_not_touch() -> None:
    lead, rest = words_of(Paragraph("It is present.", "Opacity.").lines(300.0)[0])
    assert rest.left - lead.right == pytest.approx(width(" ", 6.6, BOLD))


def test_a_digest_wider_than_its_room_is_broken_and_loses_nothing() -> None:
    digest = "0123456789abcdef" * 4
    lines = Paragraph(digest).lines(60.0)
    assert "".join(text_of(one) for one in lines) == digest
    assert all(word.right <= 60.0 for one in lines for word in words_of(one))


def test_no_line_is_broken_between_a_figure_and_its_unit() -> None:
    for room in range(40, 120, 3):
        lines = Paragraph("lies between the limits 17.7 % and 75 % of it").lines(float(room))
        assert not any(text_of(one).startswith("%") for one in lines)


def test_a_room_too_small_for_a_letter_still_ends() -> None:
    assert [text_of(one) for one in Paragraph("abc").lines(1.0)] == ["a", "b", "c"]


@pytest.mark.parametrize("room", [20.0, 55.0, 120.0])
def test_a_line_that_is_too_long_is_cut_within_its_room_and_says_so(room: float) -> None:
    told = cut("Pneumonia-like opacity of the lung", 7.0, room)
    assert told.endswith("...")
    assert width(told, 7.0) <= room


def test_a_line_that_fits_is_left_alone() -> None:
    assert cut("Opacity", 7.0, 100.0) == "Opacity"
    (only,) = words_of(line("Opacity", 7.0, 100.0))
    assert only.text == "Opacity"


def test_texts_that_fit_are_told_whole_and_point_nowhere() -> None:
    block = fitted(paragraphs("Short.", "Shorter."), 200.0, 100.0, POINTER)
    assert text_of(block) == "Finding 0. Short. Finding 1. Shorter."


def test_texts_that_do_not_fit_are_cut_and_point_to_the_rest() -> None:
    block = fitted(paragraphs(LOREM, LOREM), 200.0, 60.0, POINTER)
    assert block.height <= 60.0
    assert text_of(block).count("...") == 3
    assert text_of(block).endswith(POINTER)


def test_the_long_texts_are_cut_before_the_short_ones() -> None:
    block = fitted(paragraphs(LOREM, "Short and whole.", LOREM), 200.0, 62.0, POINTER)
    assert "Finding 1. Short and whole." in text_of(block)


def test_every_text_keeps_a_line_before_any_gets_a_second() -> None:
    block = fitted(paragraphs(*[LOREM] * 6), 200.0, 72.0, POINTER)
    assert [f"Finding {number}." in text_of(block) for number in range(6)] == [True] * 6


def test_of_more_texts_than_there_are_lines_the_first_are_told() -> None:
    told = text_of(fitted(paragraphs(*[LOREM] * 40), 200.0, 72.0, POINTER))
    assert "Finding 0." in told
    assert "Finding 39." not in told
    assert told.endswith(POINTER)


def test_where_not_even_the_pointer_fits_nothing_is_written() -> None:
    assert fitted(paragraphs(LOREM), 200.0, 3.0, POINTER) == Block(0.0)
    assert fitted([], 200.0, -1.0, POINTER) == Block(0.0)


def test_a_paragraph_that_is_short_enough_is_not_marked_as_cut() -> None:
    lines = Paragraph("One line.").lines(200.0)
    assert shortened(lines, 1, 200.0) == lines
    assert shortened(lines, 0, 200.0) == []


def test_dots_that_do_not_fit_beside_the_lead_end_the_lead() -> None:
    lines = Paragraph("1 [Arabic script]", "Finding 2.").lines(44.0)
    (short,) = shortened(lines, 1, 44.0)
    assert text_of(short).endswith("...")
    assert all(one.right <= 44.0 for one in words_of(short))


@given(
    texts=st.lists(st.text(alphabet="abcdefgh %1山قж", min_size=1, max_size=300), min_size=1, max_size=8),
    room=st.floats(30.0, 400.0),
    height=st.floats(0.0, 200.0),
)
def test_whatever_is_said_it_stays_within_its_room_and_lines_do_not_touch(
    texts: list[str], room: float, height: float
) -> None:
    block = fitted(paragraphs(*texts), room, height, "...")
    placed = words_of(block)
    assert block.height <= height + 1e-6
    assert all(one.right <= room + 1e-6 and one.bottom <= height + 1e-6 for one in placed)
    tops = sorted({round(one.top, 6) for one in placed})
    assert all(below - above >= 6.6 for above, below in pairwise(tops))


def test_blocks_below_one_another_keep_their_gap_and_empty_ones_take_none() -> None:
    block = stacked([Block(10.0, (Bar(0, 0, 5, 10),)), Block(0.0), Block(20.0, (Bar(0, 0, 5, 20),))], 4.0)
    assert block.height == 34.0
    assert [mark.top for mark in block.marks] == [0.0, 14.0]
    assert stacked([Block(0.0)], 4.0) == Block(0.0)


def test_blocks_side_by_side_are_as_high_as_the_highest() -> None:
    block = beside([(0.0, Block(10.0, (Bar(0, 0, 5, 10),))), (50.0, Block(20.0, (Bar(0, 0, 5, 20),)))])
    assert block.height == 20.0
    assert [mark.left for mark in block.marks] == [0.0, 50.0]


def test_a_frame_leaves_its_margin_on_every_side() -> None:
    margin = frame_margin(2.0)
    block = framed(Block(10.0, (Bar(0.0, 0.0, 100.0 - 2 * margin, 10.0),)), 100.0, 2.0)
    *edges, inner = block.marks
    assert block.height == 10.0 + 2 * margin
    assert (inner.left, inner.top) == (margin, margin)
    assert {(one.left, one.top) for one in edges} == {(0.0, 0.0), (0.0, block.height - 2.0), (98.0, 0.0)}
