"""A person's name in its parts."""

from __future__ import annotations

import pytest

from node.export.name import Name, names


def test_a_name_has_five_components_in_the_order_of_dicom() -> None:
    assert names("Doe^Jane^Q^Dr^III") == (Name("A", "Doe", "Jane", "Q", "Dr", "III"),)


def test_each_representation_is_a_name() -> None:
    assert [(one.representation, one.family) for one in names("Doi^Hiro=土井^弘=どい^ひろ")] == [
        ("A", "Doi"),
        ("I", "土井"),
        ("P", "どい"),
    ]


@pytest.mark.parametrize("value", ["", "^^^^", "==", " ", "^ ^"])
def test_an_empty_name_is_none(value: str) -> None:
    assert names(value) == ()


def test_a_name_that_is_written_in_one_script_only_keeps_its_representation() -> None:
    assert names("=土井^弘") == (Name("I", "土井", "弘"),)


def test_too_many_components_lose_nothing() -> None:
    (name,) = names("a^b^c^d^e^f^g")
    assert name.suffix == "e^f^g"


def test_a_name_reads_as_people_write_it() -> None:
    assert names("Doe^Jane^Q^Dr^III")[0].text == "Dr Jane Q Doe III"
    assert names("Doe")[0].text == "Doe"
