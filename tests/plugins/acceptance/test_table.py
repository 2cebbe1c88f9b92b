"""The CSV of a site: what is read, and how each bad line is named."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from node.plugin import Manifest
from radnode_kit.acceptance.table import DatasetError, Problem, Table, read_table, refuse
from radnode_kit.acceptance.traits import Traits, age_band, tidy


@pytest.fixture
def table(tmp_path: Path, colour: Manifest):  # type: ignore[no-untyped-def]  # a function of text
    def read(text: str, encoding: str = "utf-8") -> Table:
        path = tmp_path / "site.csv"
        path.write_bytes(text.encode(encoding))
        return read_table(path, colour)

    return read


def refusal(table, text: str, encoding: str = "utf-8") -> str:  # type: ignore[no-untyped-def]  # as above
    with pytest.raises(DatasetError) as caught:
        table(text, encoding)
    return str(caught.value)


def test_columns_of_findings_are_read(table, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    read = table("file,patient,series,Red,green\na.png,17,s,1,0\n/b.png,18,s,,1\n")
    first, second = read.rows
    assert (first.line, first.file, first.path) == (2, "a.png", tmp_path / "a.png")
    assert (first.patient, first.series, first.truth) == ("17", "s", (1.0, 0.0))
    assert second.path == Path("/b.png")
    assert math.isnan(second.truth[0])


def test_a_finding_without_a_column_is_unknown(table) -> None:  # type: ignore[no-untyped-def]
    (row,) = table("file,green\na.png,1\n").rows
    assert math.isnan(row.truth[0])
    assert row.truth[1] == 1.0


def test_names_in_label_are_read_and_others_count_as_none(table) -> None:  # type: ignore[no-untyped-def]
    read = table("file,label\na.png,Red\nb.png,blue|teal\nc.png,\nd.png,blue\n")
    assert [row.truth for row in read.rows[:2]] == [(1.0, 0.0), (0.0, 0.0)]
    assert all(math.isnan(value) for value in read.rows[2].truth)
    assert read.unclaimed == {"blue": 2, "teal": 1}


def test_columns_of_findings_go_before_label(table) -> None:  # type: ignore[no-untyped-def]
    read = table("file,label,red,green\na.png,whatever,0,1\n")
    assert read.rows[0].truth == (0.0, 1.0)
    assert read.unclaimed == {}


def test_traits_are_read_and_tidied(table) -> None:  # type: ignore[no-untyped-def]
    text = "file,red,sex,age,view,source,maker\na.png,1,female,006M,ap,ward  3,Maker\x07 Ltd\nb.png,1,,,,,\n"
    known, unknown = (row.traits for row in table(text).rows)
    assert known == Traits("F", 0.5, "AP", "ward 3", "Maker Ltd")
    assert known.groups()["age"] == "under 18"
    assert set(unknown.groups().values()) == {"unknown"}


def test_spreadsheets_may_write_semicolons_and_a_mark(table) -> None:  # type: ignore[no-untyped-def]
    assert table("file;red\na.png;1\n", "utf-8-sig").rows[0].truth[0] == 1.0


def test_empty_lines_are_no_lines_and_numbers_stay_right(table) -> None:  # type: ignore[no-untyped-def]
    assert [row.line for row in table("file,red\na.png,1\n,\n\nb.png,0\n").rows] == [2, 5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient,red\n1,1\n", ["no column 'file'", "patient, red"]),
        ("file,rad\na.png,1\n", ["no column with labels", "red, green", "'label'"]),
        ("file,file,red\n", ["two columns are called 'file'"]),
        ("file,red\n", ["no line below"]),
        ("", ["no column 'file'", "nothing"]),
        ("file,red\na.png,yes\n", ["line 2 (a.png)", "red is 'yes'", "write 1, 0"]),
        ("file,red,green\na.png,1,1\n", ["line 2", "exclude each other"]),
        ("file,label\na.png,red|green\n", ["line 2", "exclude each other"]),
        ("file,red\na.png,1,2\n", ["line 2 (a.png)", "3 fields", "names 2", "quotation marks"]),
        ("file,red\n,1\n", ["line 2 (no file)", "'file' is empty"]),
        ("file,red\na\0.png,1\n", ["line 2", "'file' is empty"]),
        ("file,red\na.png,1\nb.png,0\na.png,1\n", ["line 4 (a.png)", "line 2 already"]),
        ("file,red,sex\na.png,1,X\n", ["line 2", "sex is 'X'", "F, M, O"]),
        ("file,red,age\na.png,1,old\n", ["line 2", "age is 'old'"]),
        ("file,red,age\na.png,1,1975\n", ["age is '1975'"]),
        ("file,red,age\na.png,1,nan\n", ["age is 'nan'"]),
    ],
)
def test_a_bad_file_says_where_and_what_to_do(table, text: str, words: list[str]) -> None:  # type: ignore[no-untyped-def]
    said = refusal(table, text)
    assert all(word in said for word in words), said
    assert "site.csv" in said


def test_every_bad_line_is_named_at_once(table) -> None:  # type: ignore[no-untyped-def]
    said = refusal(table, "file,red\n" + "".join(f"{n}.png,x\n" for n in range(30)))
    assert "30 lines cannot be used" in said
    assert "line 21 (19.png)" in said
    assert "line 22" not in said
    assert "and 10 more" in said


def test_a_file_in_another_encoding_is_refused(table) -> None:  # type: ignore[no-untyped-def]
    assert "UTF-8" in refusal(table, "file,red\nfüß.png,1\n", "latin-1")


def test_a_missing_file_is_refused(tmp_path: Path, colour: Manifest) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        read_table(tmp_path / "none.csv", colour)


def test_a_file_name_cannot_paint_the_screen() -> None:
    with pytest.raises(DatasetError) as caught:
        refuse([Problem(2, "\x1b[31mred.png", "gone")], Path("site.csv"), "look")
    assert "\x1b" not in str(caught.value)


def test_nothing_wrong_is_no_error() -> None:
    refuse([], Path("site.csv"), "look")


@pytest.mark.parametrize(
    ("years", "band"),
    [(None, ""), (0.0, "under 18"), (17.9, "under 18"), (18.0, "18 to 39"), (60.0, "60 to 79"), (99.0, "80 and over")],
)
def test_ages_fall_into_bands(years: float | None, band: str) -> None:
    assert age_band(years) == band


def test_what_the_csv_does_not_tell_comes_from_the_header() -> None:
    assert Traits(sex="F") | Traits("M", 4.0, "PA") == Traits("F", 4.0, "PA")
    assert (Traits(age_years=0.0) | Traits(age_years=4.0)).age_years == 0.0


def test_long_names_are_cut() -> None:
    assert len(tidy("x" * 100)) == 40
