"""Content items that say the same are one object, and what stands below one of them stands below no other."""

from __future__ import annotations

import pytest
from highdicom.sr import CodedConcept

from node.report import codes, tree

OTHERWISE = CodedConcept(value=codes.ROWS.value, scheme_designator="DCM", meaning="Rows of pixels")


def test_the_same_number_is_one_item():
    assert tree.num(codes.ROWS, 512, codes.PIXELS) is tree.num(codes.ROWS, 512.0, codes.PIXELS)


@pytest.mark.parametrize(
    "other",
    [
        (codes.COLUMNS, 512, codes.PIXELS, tree.CONTAINS),
        (OTHERWISE, 512, codes.PIXELS, tree.CONTAINS),
        (codes.ROWS, 513, codes.PIXELS, tree.CONTAINS),
        (codes.ROWS, 512, codes.MILLIMETRE, tree.CONTAINS),
        (codes.ROWS, 512, codes.PIXELS, tree.ACQUISITION),
    ],
    ids=["name", "meaning", "value", "unit", "relation"],
)
def test_another_number_is_another_item(other):
    first = tree.num(codes.ROWS, 512, codes.PIXELS)
    second = tree.num(*other)
    assert second is not first
    assert second.to_json_dict() != first.to_json_dict()


def test_an_item_with_others_below_it_is_its_own():
    below = tree.text(codes.COMMENT, "below")
    above = tree.num_above(codes.ROWS, 512, codes.PIXELS, [below])
    assert list(above.ContentSequence) == [below]
    assert "ContentSequence" not in tree.num(codes.ROWS, 512, codes.PIXELS)
    assert "ContentSequence" not in tree.num_above(codes.ROWS, 512, codes.PIXELS, [])
