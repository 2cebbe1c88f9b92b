"""Alike are trees of which a validator of templates says the same; what it says of one holds for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from tests.conformance.trees import Report, chosen, complaints, digest
from tests.report.material import analysis, built, by_uid, header, picture, region


def report(probability: float = 0.87, **tags: Any) -> Dataset:
    """The complete report on a film."""
    source = header("DX", **tags)
    told = analysis(source, probability=probability)
    ((_, ds),) = built(told, by_uid(source), [region(source)], [picture(source)], ("sr",))
    return ds


def reports(**trees: str) -> list[Report]:
    """Files a, b, ... with these trees, from sources in turn of two character sets."""
    return [Report(Path(name), tree, f"IR {number % 2}") for number, (name, tree) in enumerate(trees.items())]


def test_texts_names_numbers_and_uids_make_no_other_tree() -> None:
    other = report(0.91, PatientName="Roe", AccessionNumber="B-1", SOPInstanceUID="1.2.3", StudyDescription="Lungs")
    assert digest(other) == digest(report())


@pytest.mark.parametrize(
    "other",
    [report(ViewPosition="LL"), report(0.1), report(ImageLaterality="L")],
    ids=["another view", "another outcome", "one item more"],
)
def test_another_code_or_item_makes_another_tree(other: Dataset) -> None:
    assert digest(other) != digest(report())


def test_another_class_or_template_makes_another_tree() -> None:
    of_another_class, of_another_template = report(), report()
    of_another_class.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
    of_another_template.ContentTemplateSequence[0].TemplateIdentifier = "2000"
    assert len({digest(one) for one in (report(), of_another_class, of_another_template)}) == 3


def test_one_of_those_alike_is_chosen_and_character_sets_have_their_turns() -> None:
    standing = chosen(reports(a="x", b="x", c="y", d="y", e="z"))
    assert {tree: one.path.name for tree, one in standing.items()} == {"x": "a", "y": "d", "z": "e"}


def test_what_is_said_of_a_tree_is_said_of_every_file_that_has_it() -> None:
    asked: list[Path] = []

    def validate(paths: Sequence[Path]) -> dict[Path, list[str]]:
        asked.extend(paths)
        return {Path("a"): ["Error: no"]}

    told = complaints(reports(a="x", b="y", c="x"), validate)
    assert asked == [Path("a"), Path("b")]
    assert told == {Path("a"): ["Error: no"], Path("c"): ["Error: no"]}
