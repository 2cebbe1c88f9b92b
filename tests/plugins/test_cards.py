"""The figures in the model cards are those of the weights that are there: measured again on real images."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from node.manifest import read_manifest
from radnode_kit.acceptance.card_text import card_text
from radnode_kit.acceptance.run import Options, evaluate
from radnode_kit.bundle import read_bundle
from radnode_kit.card import marks
from radnode_kit.commands import folder_of
from radnode_kit.recipe import read_recipe

IMAGES = Path(__file__).parents[1] / "data" / "images"
PLUGINS = ("brain-tumour-mr", "chest-radiograph", "ct-contrast-phase", "skin-lesion")
#: Those whose network answers images, by the recipe of ``radnode train``.
NETWORKS = ("brain-tumour-mr", "chest-radiograph", "skin-lesion")
#: Engines and processors round differently; a share may then fall on the other side of its last digit.
TOLERANCE = 0.002
_NUMBER = re.compile(r"\d+\.\d{3}\b")


def part_of_card(folder: Path, part: str) -> str:
    begin, end = marks(part)
    return (folder / "MODEL_CARD.md").read_text(encoding="utf-8").partition(begin)[2].partition(end)[0].strip()


def claimed(folder: Path) -> list[str]:
    return [spec.name for spec in read_manifest(folder / "manifest.toml").findings]


def numbers(text: str) -> list[float]:
    return [float(number) for number in _NUMBER.findall(text)]


def assert_same_figures(stated: str, found: str) -> None:
    assert _NUMBER.sub("#", stated) == _NUMBER.sub("#", found)
    assert numbers(stated) == pytest.approx(numbers(found), abs=TOLERANCE)


@pytest.mark.parametrize("name", PLUGINS)
def test_the_card_says_what_the_shipped_model_does_on_the_fixed_set(name: str) -> None:
    stated = part_of_card(folder_of(name), "evaluated")
    assert f"`{name}.csv`" in stated
    assert_same_figures(stated, card_text(evaluate(name, IMAGES / f"{name}.csv", Options())))


@pytest.mark.parametrize("name", ["chest-radiograph", "skin-lesion"])
def test_every_finding_has_its_figures_on_the_fixed_set(name: str) -> None:
    folder = folder_of(name)
    stated = part_of_card(folder, "evaluated")
    assert all(f"| {finding} |" in stated for finding in claimed(folder))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_plugin_claims_the_labels_that_its_card_finds_enough_cases_of_and_no_other(name: str) -> None:
    folder = folder_of(name)
    table = part_of_card(folder, "measured").partition("### Enough cases")[2].partition("\n### ")[0]
    enough = {row[1].strip(): row[2].strip() for line in table.splitlines() if len(row := line.split("|")) > 6}
    labels = set(read_bundle(folder).labels) - {read_recipe(folder).reference}
    assert set(enough) == {"label", "---", *labels}
    assert sorted(label for label, verdict in enough.items() if verdict == "yes") == sorted(claimed(folder))


@pytest.mark.parametrize("name", NETWORKS)
def test_no_claimed_finding_has_a_larger_calibration_error_than_its_recipe_allows(name: str) -> None:
    folder = folder_of(name)
    errors = re.findall(r"Expected calibration error (\d\.\d+)", part_of_card(folder, "measured"))
    assert len(errors) == len(claimed(folder))
    assert max(map(float, errors)) <= read_recipe(folder).error_limit


def test_the_healthy_functional_series_is_not_answered() -> None:
    assert "cases 1, patients 1; answered 0, abstained 1" in part_of_card(folder_of("brain-tumour-mr"), "evaluated")


def test_a_figure_that_moved_is_seen() -> None:
    with pytest.raises(AssertionError):
        assert_same_figures("AUROC 0.812, 12 answered", "AUROC 0.815, 12 answered")
    with pytest.raises(AssertionError):
        assert_same_figures("AUROC 0.812, 12 answered", "AUROC 0.812, 11 answered")
